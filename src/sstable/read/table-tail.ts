/**
 * What: the end of a table file, read at once. Footer, properties and, of a small table, all the rest stand there:
 * each would need a read of its own. What is read twice, because it was not good, comes from the file.
 * Owns: the bytes, for as long as one open takes. Thread: any.
 */
import { step } from '../../base/index.js'
import type { Steps } from '../../base/index.js'
import type { ReadableFile } from '../../vfs/index.js'

const TAIL_BYTES = 16 * 1024

/**
 * Gives the file with its end at hand, or the file itself when the end cannot be read: a later read meets the
 * error.
 */
export function* withTail(file: ReadableFile, fileBytes: number): Steps<ReadableFile> {
  const bytes = new Uint8Array(Math.min(TAIL_BYTES, fileBytes))
  const start = fileBytes - bytes.length
  try {
    const count = yield* step({
      sync: () => file.readSync(bytes, 0, bytes.length, start),
      async: () => file.read(bytes, 0, bytes.length, start),
    })
    return count === bytes.length ? new FileWithTail(file, bytes, start) : file
  } catch {
    return file
  }
}

class FileWithTail implements ReadableFile {
  private readonly file: ReadableFile
  private readonly bytes: Uint8Array
  private readonly start: number
  /** Where the last read began. */
  private last = -1

  constructor(file: ReadableFile, bytes: Uint8Array, start: number) {
    this.file = file
    this.bytes = bytes
    this.start = start
  }

  get path(): string {
    return this.file.path
  }

  readSync(target: Uint8Array, at: number, length: number, position: number): number {
    return this.take(target, at, length, position) ? length : this.file.readSync(target, at, length, position)
  }

  read(target: Uint8Array, at: number, length: number, position: number): Promise<number> {
    if (this.take(target, at, length, position)) return Promise.resolve(length)
    return this.file.read(target, at, length, position)
  }

  sizeSync(): number {
    return this.file.sizeSync()
  }

  private take(target: Uint8Array, at: number, length: number, position: number): boolean {
    const from = position - this.start
    const isAgain = position === this.last
    this.last = position
    if (isAgain || from < 0 || from + length > this.bytes.length) return false
    target.set(this.bytes.subarray(from, from + length), at)
    return true
  }
}
