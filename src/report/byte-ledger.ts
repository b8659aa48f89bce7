/**
 * What: which bytes of a file were checked. A file is verified when every byte of it lies in exactly one checked range:
 * an "OK" that nobody added up may be said of bytes that nobody looked at.
 * Owns: the ranges. Thread: any, no sharing.
 */

/** A part of a file. */
export interface ByteRange {
  offset: number
  bytes: number
}

export class ByteLedger {
  /** Bytes of all ranges. */
  total = 0
  private readonly ranges: { start: number; end: number }[] = []

  /** Notes a range whose bytes were compared with a checksum, or with what they must be. */
  add(offset: number, bytes: number): void {
    if (bytes <= 0) return
    this.total += bytes
    const last = this.ranges.at(-1)
    if (last !== undefined && last.end === offset) last.end += bytes
    else this.ranges.push({ start: offset, end: offset + bytes })
  }

  /** Gives the parts of a file of `size` bytes that were not checked exactly once. */
  gaps(size: number): ByteRange[] {
    const gaps: ByteRange[] = []
    let at = 0
    for (const { start, end } of [...this.ranges].sort((a, b) => a.start - b.start || a.end - b.end)) {
      if (start !== at) gaps.push({ offset: Math.min(start, at), bytes: Math.abs(start - at) })
      at = Math.max(at, end)
    }
    if (at !== size) gaps.push({ offset: Math.min(at, size), bytes: Math.abs(size - at) })
    return gaps
  }
}
