/**
 * What: gives a checkpoint its tables, value logs and logs: as links to the source's files or to those of an earlier
 * checkpoint, or as copies.
 * Owns: nothing. Thread: main; links in short steps, copies in the thread pool.
 * Invariants: CP-2 only what never changes again is linked: no log that is written, no manifest, no lock, no marker.
 * CP-6 the source is only read.
 */
import { corruption, errnoOf, ioError, MiB, runAsync, runSync, sameFile, step, VarveError } from '../base/index.js'
import type { Steps, Turns } from '../base/index.js'
import type { NewDirectory } from '../directory/index.js'
import type { Operation } from '../engine/index.js'
import type { Pace } from '../report/index.js'
import { identityOf } from '../tables/index.js'
import {
  closeQuietly, inPool, openFile, readFully, statFile, syncFile, unlinkFile, withFile, writeFully,
} from '../vfs/index.js'
import type { Vfs, VfsFile } from '../vfs/index.js'
import type { CheckpointMode } from './checkpoint-call.js'
import { checkSame } from './source-file.js'
import type { SourceFile } from './source-file.js'

/** The thread pool takes as many large calls: one file is read or written while the other is synced. */
const COPIES_AT_ONCE = 2
/** Bytes that are read and written at a time. */
const PIECE_BYTES = MiB
/** At a low pace pieces are smaller, so that no rest is longer than a tenth of a second. */
const PIECES_PER_SECOND = 10
const PIECE_BYTES_MIN = 4096
/** Directories and files for which a system has no links. */
const NO_LINKS = new Set(['EXDEV', 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EACCES'])
/** Links to one file are used up. */
const TOO_MANY_LINKS = 'EMLINK'

/** How many bytes came in which way. */
export interface PlacedBytes {
  linkedBytes: number
  copiedBytes: number
  reusedBytes: number
}

export interface PlaceOptions {
  /** The file system and directory that the files are in. */
  vfs: Vfs
  dir: string
  databaseId: Uint8Array
  target: NewDirectory
  mode: CheckpointMode
  /** An earlier checkpoint, on the volume of the target: its directory, and its files by name. */
  base: { dir: string; files: ReadonlyMap<string, SourceFile> } | null
  pace: Pace
  bytesPerSecond: number
  operation: Operation
  turns: Turns
  /** Reads a file of the target back, in full; null when that is not asked for. */
  verify: ((file: SourceFile) => Promise<void>) | null
}

/** Puts the files there, each durable but for its name. */
export async function placeFiles(files: readonly SourceFile[], options: PlaceOptions): Promise<PlacedBytes> {
  const placing = new Placing(options)
  await inLanes(await placing.linkAll(files), COPIES_AT_ONCE, (file) => placing.fetchOne(file))
  return placing.placed
}

/** Works on some items at a time, in their order. The first failure ends it; then nothing is under way any more. */
async function inLanes<T>(items: readonly T[], count: number, work: (item: T) => Promise<void>): Promise<void> {
  let next = 0
  let failure: { error: unknown } | null = null
  const lane = async (): Promise<void> => {
    while (failure === null && next < items.length) {
      try {
        await work(items[next++]!)
      } catch (error) {
        failure ??= { error }
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(count, items.length) }, lane))
  if (failure !== null) throw (failure as { error: unknown }).error
}

class Placing {
  readonly placed: PlacedBytes = { linkedBytes: 0, copiedBytes: 0, reusedBytes: 0 }
  private readonly options: PlaceOptions
  /** False once the system has said that there are no links between the two directories. */
  private linksSource = true
  private linksBase = true

  constructor(options: PlaceOptions) {
    this.options = options
    this.linksSource = options.mode !== 'copy'
    this.linksBase = options.base !== null
  }

  /**
   * Links what can be linked to the source's files, and gives the rest. A link takes microseconds, and many times that
   * through the thread pool: so they are made here, in short steps.
   */
  async linkAll(files: readonly SourceFile[]): Promise<SourceFile[]> {
    const { operation, turns, vfs } = this.options
    const left: SourceFile[] = []
    for (const file of files) {
      operation.check()
      const isTried = file.content === undefined && this.linksSource
      if (!isTried || !(vfs.hasSyncIo ? runSync(this.link(file)) : await runAsync(this.link(file)))) {
        left.push(file)
        continue
      }
      this.placed.linkedBytes += file.bytes
      operation.progress.add(file.bytes, 1)
      if (turns.isOverNow()) await turns.next()
    }
    return left
  }

  /** Links a file to the earlier checkpoint's, or copies it. */
  async fetchOne(file: SourceFile): Promise<void> {
    const { operation } = this.options
    operation.check()
    if (file.content === undefined && this.linksBase && await this.reuse(file)) {
      this.placed.reusedBytes += file.bytes
      operation.progress.add(file.bytes, 1)
      return
    }
    await this.copy(file)
    this.placed.copiedBytes += file.bytes
    operation.progress.add(0, 1)
  }

  // ── Links ───────────────────────────────────────────────────────────────────────────────────────

  /** False: there can be no link, or the file of that name is another one by now. */
  private *link(file: SourceFile): Steps<boolean> {
    const { vfs, dir, target, mode } = this.options
    const { name, handle } = file
    const [from, to] = [vfs.join(dir, name), target.pathOf(name)]
    try {
      yield* step({ sync: () => vfs.linkSync(from, to), async: () => vfs.link(from, to) })
    } catch (error) {
      const errno = errnoOf(error)
      if (errno === 'ENOENT' && handle !== undefined) return false
      const isRefused = NO_LINKS.has(errno)
      if (mode === 'link' || !(isRefused || errno === TOO_MANY_LINKS)) throw linkError(error, name)
      if (isRefused) this.linksSource = false
      return false
    }
    try {
      if (yield* this.isLinked(file)) return true
      yield* unlinkFile(target.vfs, to)
      return false
    } catch (error) {
      throw ioError(error, 'link', name)
    }
  }

  /** Looks whether what was linked is what was meant: the writer may have removed the name meanwhile, and used it. */
  private *isLinked(file: SourceFile): Steps<boolean> {
    const { vfs, dir, target } = this.options
    const { name, handle, bytes } = file
    const made = yield* statFile(target.vfs, target.pathOf(name))
    const meant = handle === undefined
      ? (yield* statFile(vfs, vfs.join(dir, name)))?.identity : handle.identitySync()
    if (made !== null && made.identity === meant && made.size >= bytes) return true
    try {
      yield* this.checkMade(file) // one that was replaced by an equal one is as good
      return true
    } catch (error) {
      if (handle === undefined) throw error
      return false
    }
  }

  private checkMade(file: SourceFile): Steps<void> {
    const { target, databaseId } = this.options
    return withFile(target.vfs, target.pathOf(file.name), 'read', (made) => checkSame(made, file, databaseId))
  }

  /** Links the file of the earlier checkpoint, if that has it and it is good. */
  private async reuse(file: SourceFile): Promise<boolean> {
    const { base, target, databaseId, verify } = this.options
    const known = base!.files.get(file.name)
    const identity = identityOf(databaseId, file.listed)
    if (known === undefined || !sameFile(identityOf(databaseId, known.listed), identity)) return false
    const path = target.pathOf(file.name)
    try {
      await target.vfs.link(target.vfs.join(base!.dir, file.name), path)
    } catch (error) {
      if (NO_LINKS.has(errnoOf(error))) this.linksBase = false
      else if (errnoOf(error) !== 'ENOENT' && errnoOf(error) !== TOO_MANY_LINKS) throw linkError(error, file.name)
      return false
    }
    try {
      await runAsync(this.checkMade(file))
      await verify?.(file)
      return true
    } catch (error) {
      if (!VarveError.is(error) || error.code !== 'CORRUPTION') throw ioError(error, 'read', file.name)
      await attempt('unlink', file.name, target.vfs.unlink(path)) // rot: what the source has is copied anew
      return false
    }
  }

  // ── Copies ──────────────────────────────────────────────────────────────────────────────────────

  private async copy(file: SourceFile): Promise<void> {
    const { vfs, dir, target, verify } = this.options
    const { content, handle, name, bytes } = file
    const made = await attempt('create', name, runAsync(openFile(target.vfs, target.pathOf(name), 'create')))
    try {
      if (content !== undefined) {
        await this.write(made, file, async (at, length) => content.subarray(at, at + length))
      } else if (handle !== undefined) {
        await this.copyFrom(handle, made, file)
      } else {
        const source = await attempt('open', name, runAsync(openFile(vfs, vfs.join(dir, name), 'read')))
        try {
          await this.copyFrom(source, made, file)
        } finally {
          await runAsync(closeQuietly(source))
        }
      }
      await attempt('sync', name, runAsync(syncFile(made)))
      const size = made.sizeSync()
      if (size !== bytes) throw corruption(name, size, `the copy has ${size} bytes, not ${bytes}`)
    } finally {
      await runAsync(closeQuietly(made))
    }
    await attempt('read', name, runAsync(this.checkMade(file)))
    await verify?.(file)
  }

  private async copyFrom(source: VfsFile, made: VfsFile, file: SourceFile): Promise<void> {
    const { databaseId } = this.options
    await attempt('read', file.name, runAsync(checkSame(source, file, databaseId)))
    const piece = new Uint8Array(Math.min(PIECE_BYTES, file.bytes))
    await this.write(made, file, async (at, length) => {
      const count = await attempt('read', file.name, runAsync(readFully(source, piece, length, at)))
      if (count < length) throw corruption(file.name, at + count, 'the file is cut short')
      return piece.subarray(0, length)
    })
  }

  /** Writes a file piece by piece, at the pace that was asked for. */
  private async write(
    made: VfsFile, { name, bytes }: SourceFile, read: (at: number, length: number) => Promise<Uint8Array>,
  ): Promise<void> {
    const { operation, pace, bytesPerSecond } = this.options
    const atMost = Math.max(PIECE_BYTES_MIN, Math.min(PIECE_BYTES, Math.floor(bytesPerSecond / PIECES_PER_SECOND)))
    for (let at = 0; at < bytes;) {
      operation.check()
      const length = Math.min(atMost, bytes - at)
      await pace.take(length, () => operation.check())
      await inPool(async () => {
        const piece = await read(at, length)
        await attempt('write', name, runAsync(writeFully(made, piece, 0, length, at)))
      })
      at += length
      operation.progress.add(length)
    }
  }
}

function linkError(error: unknown, name: string): VarveError {
  const wrapped = ioError(error, 'link', name)
  if (!NO_LINKS.has(errnoOf(error)) && errnoOf(error) !== TOO_MANY_LINKS) return wrapped
  return new VarveError('IO_ERROR', wrapped.message, {
    cause: error, file: name, hint: "the target's volume takes no link: use mode 'copy' or 'auto'",
  })
}

/** Awaits a call of the file system, and explains its error. */
async function attempt<T>(what: string, name: string, call: Promise<T>): Promise<T> {
  try {
    return await call
  } catch (error) {
    throw ioError(error, what, name)
  }
}
