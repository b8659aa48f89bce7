/**
 * What: the operations of a Vfs as steps (base/steps.ts), for procedures that run blocking or awaited. Those that need
 * a file descriptor get one that tables can do without when the process has no other (file-pool.ts).
 */
import { isOutOfFiles, step } from '../base/index.js'
import type { Step, Steps } from '../base/index.js'
import { giveBackFiles } from './file-pool.js'
import type { FileInfo, OpenMode, Vfs, VfsFile } from './vfs.js'

function* withDescriptor<T>(call: Step<T>): Steps<T> {
  for (;;) {
    try {
      return yield* step(call)
    } catch (error) {
      if (!isOutOfFiles(error) || !giveBackFiles()) throw error
    }
  }
}

export function openFile(vfs: Vfs, path: string, mode: OpenMode): Steps<VfsFile> {
  return withDescriptor({ sync: () => vfs.openSync(path, mode), async: () => vfs.open(path, mode) })
}

/**
 * Opens the file behind a handle once more, by its path; gives null when another file is there now, or none. Its
 * callers can do without, so no table gives its descriptor for it.
 */
export function* openAgain(vfs: Vfs, path: string, file: VfsFile): Steps<VfsFile | null> {
  let again: VfsFile
  try {
    again = yield* step({ sync: () => vfs.openSync(path, 'write'), async: () => vfs.open(path, 'write') })
  } catch {
    return null
  }
  try {
    if (again.identitySync() === file.identitySync()) return again
  } catch {
    // Nobody knows which file it is.
  }
  yield* closeQuietly(again)
  return null
}

function closeFile(file: VfsFile): Steps<void> {
  return step({ sync: () => file.closeSync(), async: () => file.close() })
}

/** Closes a handle with nothing to lose. */
export function* closeQuietly(file: VfsFile): Steps<void> {
  try {
    yield* closeFile(file)
  } catch {
    // The handle is gone, whatever the call says.
  }
}

/** Opens a file, uses it and closes it, however that ends. */
export function* withFile<T>(vfs: Vfs, path: string, mode: OpenMode, use: (file: VfsFile) => Steps<T>): Steps<T> {
  const file = yield* openFile(vfs, path, mode)
  try {
    return yield* use(file)
  } finally {
    yield* closeQuietly(file)
  }
}

export function syncFile(file: VfsFile): Steps<void> {
  return step({ sync: () => file.syncSync(), async: () => file.sync() })
}

/** Writes all of source[at, at + length), however short single writes are. */
export function* writeFully(
  file: VfsFile, source: Uint8Array, at: number, length: number, position: number,
): Steps<void> {
  let done = 0
  while (done < length) {
    const [from, left, to] = [at + done, length - done, position + done]
    done += yield* step({
      sync: () => file.writeSync(source, from, left, to),
      async: () => file.write(source, from, left, to),
    })
  }
}

/** Reads `size` bytes from `position` on, however short single reads are; gives how many there were. */
export function* readFully(
  file: Pick<VfsFile, 'read' | 'readSync'>, target: Uint8Array, size: number, position = 0,
): Steps<number> {
  let done = 0
  while (done < size) {
    const from = done
    const count = yield* step({
      sync: () => file.readSync(target, from, size - from, position + from),
      async: () => file.read(target, from, size - from, position + from),
    })
    if (count === 0) break
    done += count
  }
  return done
}

/** Reads the whole file; throws RangeError when it is larger than `max`. */
export function* readWhole(file: VfsFile, max: number): Steps<Uint8Array> {
  const size = file.sizeSync()
  if (size > max) throw new RangeError(`${size} bytes, more than ${max}`)
  const bytes = new Uint8Array(size)
  return bytes.subarray(0, yield* readFully(file, bytes, size))
}

export function unlinkFile(vfs: Vfs, path: string): Steps<void> {
  return step({ sync: () => vfs.unlinkSync(path), async: () => vfs.unlink(path) })
}

export function syncDirectory(vfs: Vfs, path: string): Steps<void> {
  return withDescriptor({ sync: () => vfs.syncDirSync(path), async: () => vfs.syncDir(path) })
}

/** Null when nothing is there. */
export function statFile(vfs: Vfs, path: string): Steps<FileInfo | null> {
  return step({ sync: () => vfs.statSync(path), async: () => vfs.stat(path) })
}

export function listDirectory(vfs: Vfs, path: string): Steps<string[]> {
  return withDescriptor({ sync: () => vfs.listSync(path), async: () => vfs.list(path) })
}
