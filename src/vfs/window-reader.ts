/**
 * What: reads a file from front to back through a window of fixed size, for checks that look at each byte once.
 * Owns: the window. Does not own: the file. Thread: any; blocking.
 */
import type { ReadableFile } from './pooled-file.js'

export class WindowReader {
  /** The window's bytes: those of the file from `start` on. */
  readonly bytes: Uint8Array
  /** Offset in the file of the first byte of the window. */
  start = 0
  private length = 0
  private readonly file: Pick<ReadableFile, 'readSync'>

  constructor(file: Pick<ReadableFile, 'readSync'>, windowBytes: number) {
    this.file = file
    this.bytes = new Uint8Array(windowBytes)
  }

  /**
   * Brings file[offset, offset + count) into the window; gives how many of them there are: fewer only at the end of the
   * file. They begin at bytes[offset - start]. Requires: `count` is at most the size of the window.
   */
  bring(offset: number, count: number): number {
    if (offset < this.start || offset + count > this.start + this.length) this.fill(offset)
    return Math.max(0, Math.min(count, this.start + this.length - offset))
  }

  /** Forgets what it has, so that the next bytes are read anew. */
  forget(): void {
    this.length = 0
  }

  private fill(offset: number): void {
    const { bytes, file } = this
    let kept = 0
    if (offset >= this.start && offset < this.start + this.length) {
      kept = this.start + this.length - offset
      bytes.copyWithin(0, offset - this.start, this.length)
    }
    this.start = offset
    this.length = kept
    while (this.length < bytes.length) {
      const count = file.readSync(bytes, this.length, bytes.length - this.length, offset + this.length)
      if (count === 0) return
      this.length += count
    }
  }
}
