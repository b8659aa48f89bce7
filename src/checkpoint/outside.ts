/**
 * What: what a checkpoint is made of, read from a directory that another process may be writing, without its help: no
 * lock is taken, nothing changed. Each table and value log is opened before anything is written, so none can go; logs,
 * which may still be written, are taken as the bytes that were replayed.
 * Owns: the open files and the memory of the logs, until they are let go. Thread: main.
 * Invariants: CP-6 the source is only read. CP-9 it needs no writer.
 */
import { isOutOfFiles, openListedError, runAsync, VarveError } from '../base/index.js'
import type { FileNum, Random, Steps } from '../base/index.js'
import { backupNames, databaseDirectory, holdsFiles } from '../directory/index.js'
import type { Operation } from '../engine/index.js'
import { findDatabase, readHistory, readPatiently, TO_READ } from '../open/index.js'
import type { FoundHistory } from '../open/index.js'
import { SlabPool } from '../slab/index.js'
import { closeQuietly, openFile } from '../vfs/index.js'
import type { Vfs, VfsFile } from '../vfs/index.js'
import type { MomentFiles } from './moment.js'
import { checkSame, filesOfVersion, logFile, streamedFile } from './source-file.js'
import type { SourceFile } from './source-file.js'

/** Files that a process needs beside those of the checkpoint. */
const OTHER_FILES = 32

export interface OutsidePlace {
  vfs: Vfs
  dir: string
  random: Random
  /** The most files that may be open for it; undefined for as many as the process may have. */
  maxOpenFiles?: number | undefined
}

/** Finds the directory of a database, by its real path. Throws NOT_FOUND and UNSUPPORTED_FORMAT. */
export async function findSource(vfs: Vfs, location: string): Promise<string> {
  const { dir, names } = await databaseDirectory(location, vfs)
  const newest = holdsFiles(names) ? undefined : backupNames(names).at(-1)
  if (newest === undefined) return dir
  throw new VarveError('NOT_FOUND', `${location} is a set of backups, and no database`, {
    hint: `name one of them; the newest is ${vfs.join(location, newest)}`,
  })
}

/** A directory as it was read, with all that a checkpoint of it needs in hand. */
export class OutsideMoment {
  readonly databaseId: Uint8Array
  readonly generation: number
  readonly manifestNum: FileNum
  readonly found: MomentFiles
  private history: FoundHistory | null
  private handles: readonly VfsFile[]

  private constructor(history: FoundHistory, handles: ReadonlyMap<SourceFile, VfsFile>) {
    const { databaseId, nextFileNum, version, replayed, manifest } = history
    this.history = history
    this.handles = [...handles.values()]
    this.databaseId = databaseId
    this.generation = manifest!.generation
    this.manifestNum = nextFileNum
    const files: SourceFile[] = [...handles].map(([file, handle]) => ({ ...file, handle }))
    const logs = replayed.logs.filter(({ fileNum }) => replayed.memtables.some(({ logNum }) => logNum === fileNum))
    for (const facts of logs) {
      const memtable = replayed.memtables.find(({ logNum }) => logNum === facts.fileNum)!
      files.push({ ...logFile(facts), content: memtable.bytes.subarray(0, facts.bytes) })
    }
    const position = replayed.position ?? version.position
    this.found = { version, logs, files, seqNum: replayed.lastSeqNum, position }
  }

  /**
   * Reads the directory. A file that goes meanwhile leads to another reading of it all, which are bounded. Throws what
   * a read-only open throws, or that there are more files than may be open.
   */
  static take(place: OutsidePlace, operation: Operation): Promise<OutsideMoment> {
    return runAsync(readPatiently(function* () {
      operation.check()
      return yield* readOnce(place)
    }))
  }

  /** Lets everything go. Idempotent. */
  async release(): Promise<void> {
    for (const memtable of this.history?.replayed.memtables ?? []) memtable.release()
    this.history = null
    const handles = this.handles
    this.handles = []
    for (const handle of handles) await runAsync(closeQuietly(handle))
  }

  static of(history: FoundHistory, handles: ReadonlyMap<SourceFile, VfsFile>): OutsideMoment {
    return new OutsideMoment(history, handles)
  }
}

function* readOnce(place: OutsidePlace): Steps<OutsideMoment> {
  const { vfs, dir, random } = place
  const found = yield* findDatabase({ vfs, dir })
  if (found.marker === null) throw new VarveError('NOT_FOUND', `the database in ${dir} does not exist`)
  const history = yield* readHistory({ vfs, dir, random, pool: new SlabPool(0, 0) }, found, TO_READ)
  const handles = new Map<SourceFile, VfsFile>()
  try {
    const { version, replayed: { streamed } } = history
    const files = [...filesOfVersion(version), ...streamed.map(streamedFile)]
    checkCount(place, files.length)
    for (const file of files) handles.set(file, yield* openOne(place, file, files.length, history.databaseId))
    return OutsideMoment.of(history, handles)
  } catch (error) {
    for (const memtable of history.replayed.memtables) memtable.release()
    for (const handle of handles.values()) yield* closeQuietly(handle)
    throw error
  }
}

function* openOne(
  { vfs, dir }: OutsidePlace, file: SourceFile, count: number, databaseId: Uint8Array,
): Steps<VfsFile> {
  let handle: VfsFile
  try {
    handle = yield* openFile(vfs, vfs.join(dir, file.name), 'read')
  } catch (error) {
    if (isOutOfFiles(error)) throw tooMany(count, 'this process may have no more open', error)
    throw openListedError(error, file.name)
  }
  try {
    yield* checkSame(handle, file, databaseId)
    return handle
  } catch (error) {
    yield* closeQuietly(handle)
    throw openListedError(error, file.name)
  }
}

/** Throws, before anything is opened or written, when there are more files than may be open at once. */
function checkCount({ vfs, maxOpenFiles }: OutsidePlace, count: number): void {
  if (maxOpenFiles !== undefined && count > maxOpenFiles) throw tooMany(count, `maxOpenFiles is ${maxOpenFiles}`)
  const { openFilesMax } = vfs
  if (openFilesMax !== undefined && count > openFilesMax - OTHER_FILES) {
    throw tooMany(count, `this process may have ${openFilesMax} open`)
  }
}

function tooMany(count: number, limit: string, cause?: unknown): VarveError {
  return new VarveError('IO_ERROR', `a checkpoint from outside holds ${count} files open at once, but ${limit}`, {
    ...(cause === undefined ? {} : { cause }),
    hint: 'raise the limit (ulimit -n, maxOpenFiles), or let the process that has the database open make it',
  })
}
