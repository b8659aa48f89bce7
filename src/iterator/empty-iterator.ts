/** What: an iterator over nothing. */
import type { InternalIterator } from '../base/index.js'

export const NO_BYTES: Uint8Array = new Uint8Array(0)

export class EmptyIterator implements InternalIterator {
  valid = false
  keyBytes = NO_BYTES
  keyStart = 0
  keyEnd = 0
  seqNum = 0
  kind = 0
  valueBytes = NO_BYTES
  valueStart = 0
  valueEnd = 0

  first(): void {}
  last(): void {}
  seekGE(_bytes: Uint8Array, _start: number, _end: number): void {}
  seekLT(_bytes: Uint8Array, _start: number, _end: number): void {}
  next(): void {}
  prev(): void {}
  close(): void {}
}
