/**
 * What: brings table files from outside into the directory of a database, as jobs: looks at a file, and gives it a
 * second name there, or makes a copy. The source is never written.
 * Does not own: which numbers the files get (given), which of them become part of the database (ingest).
 * Thread: any; I/O blocks, with a pause after each block or piece.
 * Invariants: ING-2 a file outside of the directory is opened to be read and synced, and nothing else. FLUSH-6 a final
 * name is never replaced.
 */
import { errnoOf, ioError, MiB, runSync, VarveError } from '../base/index.js'
import type { TableFacts } from '../base/index.js'
import { checkOutside, readOutsideFacts } from '../sstable/index.js'
import { closeQuietly } from '../vfs/index.js'
import type { Vfs, VfsFile } from '../vfs/index.js'
import { JobControl } from './job-control.js'
import { nameWithoutReplacing, NO_HARD_LINKS, syncDirectory } from './publish-tables.js'
import type { PlannedFile } from './publish-tables.js'

const PIECE_BYTES = MiB

export interface OutsideCheckInput {
  dir: string
  path: string
  /** True: every byte is read. */
  isWhole: boolean
  control: SharedArrayBuffer
}

/** Looks at a table. Gives its facts, without a number. */
export function* checkOutsideFile(
  { path, isWhole, control: memory }: OutsideCheckInput, { vfs }: { vfs: Vfs },
): Generator<undefined, TableFacts, unknown> {
  const control = new JobControl(memory)
  const file = openSource(vfs, path)
  try {
    const table = { file: control.counting(file), name: path }
    const facts = readOutsideFacts(table)
    if (isWhole) yield* control.paced(checkOutside(table, facts))
    return facts
  } finally {
    runSync(closeQuietly(file))
  }
}

export interface OutsidePlaceInput {
  dir: string
  file: PlannedFile & { path: string; facts: TableFacts }
  mayLink: boolean
  /** True: a copy is read again, whole. */
  isChecked: boolean
  control: SharedArrayBuffer
}

/** Gives a file its name in the directory, synced; the name is durable after a sync of the directory. */
export function* placeOutsideFile(
  { dir, file, mayLink, isChecked, control: memory }: OutsidePlaceInput, { vfs }: { vfs: Vfs },
): Generator<undefined, 'linked' | 'copied', unknown> {
  const final = vfs.join(dir, file.finalName)
  if (mayLink && linkIfPossible(vfs, file.path, final)) {
    syncSource(vfs, final, file.path)
    return 'linked'
  }
  const control = new JobControl(memory)
  const temp = vfs.join(dir, file.tempName)
  const source = openSource(vfs, file.path)
  try {
    yield* copyTo(vfs, source, temp, control)
    if (isChecked) yield* checkCopy(vfs, temp, file)
    if (nameWithoutReplacing(vfs, temp, final)) vfs.unlinkSync(temp)
  } catch (error) {
    throw ioError(error, 'copy', file.path)
  } finally {
    runSync(closeQuietly(source))
  }
  return 'copied'
}

export function* syncOutsideNames(
  { dir }: { dir: string }, { vfs }: { vfs: Vfs },
): Generator<undefined, null, unknown> {
  syncDirectory(vfs, dir)
  return null
}

function openSource(vfs: Vfs, path: string): VfsFile {
  try {
    return vfs.openSync(path, 'read')
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw ioError(error, 'open', path)
    throw new VarveError('NOT_FOUND', `${path} does not exist`, { cause: error, file: path })
  }
}

/** False where the file cannot have a second name there: on another volume, say. */
function linkIfPossible(vfs: Vfs, from: string, to: string): boolean {
  try {
    vfs.linkSync(from, to)
    return true
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === 'EXDEV' || errno === 'EACCES' || NO_HARD_LINKS.has(errno)) return false
    throw ioError(error, 'link', from)
  }
}

/** Syncs the file, since its maker need not have done so; one that may not be written, where that works. */
function syncSource(vfs: Vfs, path: string, shown: string): void {
  try {
    let file: VfsFile
    try {
      file = vfs.openSync(path, 'write')
    } catch (error) {
      if (!['EACCES', 'EPERM', 'EROFS'].includes(errnoOf(error))) throw error
      file = vfs.openSync(path, 'read')
    }
    try {
      file.syncSync()
    } finally {
      file.closeSync()
    }
  } catch (error) {
    throw ioError(error, 'sync', shown)
  }
}

function* copyTo(
  vfs: Vfs, source: VfsFile, path: string, control: JobControl,
): Generator<undefined, void, unknown> {
  const target = vfs.openSync(path, 'create')
  try {
    const bytes = new Uint8Array(PIECE_BYTES)
    for (let at = 0; ;) {
      const count = source.readSync(bytes, 0, PIECE_BYTES, at)
      if (count === 0) break
      for (let done = 0; done < count;) done += target.writeSync(bytes, done, count - done, at + done)
      at += count
      control.add(count)
      yield* control.rest()
    }
    target.syncSync()
  } finally {
    target.closeSync()
  }
}

function* checkCopy(vfs: Vfs, path: string, { path: name, facts }: OutsidePlaceInput['file']) {
  const file = vfs.openSync(path, 'read')
  try {
    yield* checkOutside({ file, name }, facts)
  } finally {
    file.closeSync()
  }
}
