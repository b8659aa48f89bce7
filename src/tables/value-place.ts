/**
 * What: where one value stands in a value log that is open, and how its bytes are read and told to be right.
 * Thread: any; reads block. No state.
 */
import { corruption, crc32 } from '../base/index.js'
import type { VarveError } from '../base/index.js'
import type { OpenValueLog } from './value-log-file.js'

/** Where a value stands, and what its bytes must be. */
export class ValuePlace {
  readonly log: OpenValueLog
  readonly offset: number
  readonly length: number
  readonly checksum: number

  constructor(log: OpenValueLog, offset: number, length: number, checksum: number) {
    this.log = log
    this.offset = offset
    this.length = length
    this.checksum = checksum
  }
}

/** Reads `length` bytes at `offset` to target[at, at + length). Throws CORRUPTION when the file ends before. */
export function readBytesSync(
  { file, name, reads }: OpenValueLog, target: Uint8Array, at: number, length: number, offset: number,
): void {
  for (let done = 0; done < length;) {
    const count = file.readSync(target, at + done, length - done, offset + done)
    if (count === 0) throw cutShort(name, offset + done)
    reads.note(count)
    done += count
  }
}

/** The checksum of a value that stands at `offset` begins with this. */
export function seedAt({ seed }: OpenValueLog, offset: number): number {
  return (seed ^ offset) >>> 0
}

/** True when the value at `at` of `bytes` is the one that was written. */
export function isRight({ log, offset, length, checksum }: ValuePlace, bytes: Uint8Array, at: number): boolean {
  return crc32(bytes, at, at + length, seedAt(log, offset)) === checksum
}

export function wrongValue({ log, offset, length }: ValuePlace): VarveError {
  return corruption(log.name, offset, `the checksum of the value of ${length} bytes differs`)
}

export function cutShort(name: string, offset: number): VarveError {
  return corruption(name, offset, 'the file ends here, inside a value')
}
