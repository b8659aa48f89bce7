/**
 * What: collects the entries of one data block and lays them out (block-format.ts).
 * Owns: the staged keys and values.
 * Does not own: when a block ends (table-builder.ts), checksum and place (table-output.ts).
 * Thread: any, no sharing. Nothing is allocated per entry.
 */
import { alignUp, putU53, sharedPrefixLength } from '../base/index.js'
import { BLOCK_ENTRIES_MAX, BLOCK_HEADER_BYTES, KIND_SHIFT } from './block-format.js'
import { TRAILER_BYTES } from './table-format.js'

/** From this length a native copy beats a loop (measured, see docs/design/0006-table-block.md). */
const NATIVE_COPY_BYTES_MIN = 48

/** Header, last column word, trailer; and the columns of one entry. */
const FIXED_BYTES = BLOCK_HEADER_BYTES + 4 + TRAILER_BYTES
const ENTRY_BYTES = 12

export class BlockBuilder {
  count = 0
  /** Whole keys, one behind the other, of the block's entries. */
  keys = new Uint8Array(32 * 1024)
  keysEnd = 0
  /** The last added key is keys[lastKeyStart, lastKeyEnd), also after `clear` until the next `add`. */
  lastKeyStart = 0
  lastKeyEnd = 0
  /** Leading bytes that all keys of the block share. */
  private prefixBytes = 0
  /** Leading bytes that the measured key shares with the last one. */
  private shared = 0
  private values = new Uint8Array(32 * 1024)
  private valuesEnd = 0
  private readonly keyEnds = new Uint32Array(BLOCK_ENTRIES_MAX)
  private readonly valueEnds = new Uint32Array(BLOCK_ENTRIES_MAX)
  private readonly seqNums = new Float64Array(BLOCK_ENTRIES_MAX)
  private readonly kinds = new Uint8Array(BLOCK_ENTRIES_MAX)

  /** What the block takes in the file, sequence numbers counted as 4 bytes, without padding. */
  get bytes(): number {
    const { count, prefixBytes } = this
    if (count === 0) return 0
    return FIXED_BYTES + count * ENTRY_BYTES + this.keysEnd - (count - 1) * prefixBytes + this.valuesEnd
  }

  /** Measures the next key against the last one, also over `clear`; sets and returns `shared`. */
  measure(key: Uint8Array, keyStart: number, keyEnd: number): number {
    const { keys, lastKeyStart, lastKeyEnd } = this
    this.shared = sharedPrefixLength(keys, lastKeyStart, lastKeyEnd, key, keyStart, keyEnd)
    return this.shared
  }

  /** `bytes` if the measured key were added. */
  bytesWith(keyBytes: number, valueBytes: number): number {
    const count = this.count + 1
    const prefixBytes = this.shared < this.prefixBytes ? this.shared : this.prefixBytes
    const keysBytes = this.keysEnd + keyBytes - (count - 1) * prefixBytes
    return FIXED_BYTES + count * ENTRY_BYTES + keysBytes + this.valuesEnd + valueBytes
  }

  /** Requires: the key was measured. */
  add(
    key: Uint8Array, keyStart: number, keyEnd: number, seqNum: number, kind: number,
    value: Uint8Array, valueStart: number, valueEnd: number,
  ): void {
    const count = this.count
    if (count === 0) this.prefixBytes = keyEnd - keyStart
    else if (this.shared < this.prefixBytes) this.prefixBytes = this.shared
    const keysEnd = this.keysEnd + keyEnd - keyStart
    if (keysEnd > this.keys.length) this.keys = grown(this.keys, keysEnd)
    copyRange(key, keyStart, keyEnd, this.keys, this.keysEnd)
    const valuesEnd = this.valuesEnd + valueEnd - valueStart
    if (valuesEnd > this.values.length) this.values = grown(this.values, valuesEnd)
    copyRange(value, valueStart, valueEnd, this.values, this.valuesEnd)
    this.lastKeyStart = this.keysEnd
    this.lastKeyEnd = this.keysEnd = keysEnd
    this.keyEnds[count] = keysEnd
    this.valueEnds[count] = this.valuesEnd = valuesEnd
    this.seqNums[count] = seqNum
    this.kinds[count] = kind
    this.count = count + 1
  }

  /** Forgets the entries, but not the last key. */
  clear(): void {
    this.count = 0
    this.keysEnd = 0
    this.valuesEnd = 0
  }

  /** A bound of what `encode` writes. */
  get encodedBytesMax(): number {
    return BLOCK_HEADER_BYTES + this.keysEnd + this.valuesEnd + this.count * 16 + 16
  }

  /**
   * Lays the block out at bytes[at…), `at` a multiple of 8, and returns its bytes with the padding.
   * `valueBytes` is what is reserved behind the last key for one value that is not staged.
   */
  encode(bytes: Uint8Array, at: number, valueBytes = 0): number {
    const { count, keys, prefixBytes } = this
    const words = new Uint32Array(bytes.buffer, bytes.byteOffset + at, (bytes.length - at) >>> 2)
    const width = this.encodeSeqNums(bytes, words, at)
    words[0] = count | (width << 16)
    words[1] = prefixBytes
    let position = BLOCK_HEADER_BYTES + (2 * count + 1) * 4 + count * width
    for (let i = 0; i < prefixBytes; i++) bytes[at + position++] = keys[i]
    position = this.encodeSuffixes(bytes, words, at, position, prefixBytes)
    const valueEnds = this.valueEnds
    const valueWord = 4 + count
    words[valueWord] = position
    for (let i = 0; i < count; i++) words[valueWord + 1 + i] = position + valueEnds[i]
    words[valueWord + count] += valueBytes
    bytes.set(this.values.subarray(0, this.valuesEnd), at + position)
    position += this.valuesEnd
    if (valueBytes > 0) return position
    const end = alignUp(position, 8)
    while (position < end) bytes[at + position++] = 0
    return end
  }

  private encodeSuffixes(
    bytes: Uint8Array, words: Uint32Array, at: number, position: number, prefixBytes: number,
  ): number {
    const { count, keyEnds, keys, kinds } = this
    let from = 0
    for (let i = 0; i < count; i++) {
      words[4 + i] = position | (kinds[i] << KIND_SHIFT)
      const end = keyEnds[i]
      for (from += prefixBytes; from < end; from++) bytes[at + position++] = keys[from]
    }
    return position
  }

  /** Writes base and column; returns the width. */
  private encodeSeqNums(bytes: Uint8Array, words: Uint32Array, at: number): 0 | 4 | 8 {
    const { count, seqNums } = this
    let base = seqNums[0]
    let top = base
    for (let i = 1; i < count; i++) {
      if (seqNums[i] < base) base = seqNums[i]
      if (seqNums[i] > top) top = seqNums[i]
    }
    putU53(bytes, at + 8, base)
    if (base === top) return 0
    let word = 5 + 2 * count
    if (top - base < 2 ** 32) {
      for (let i = 0; i < count; i++) words[word++] = seqNums[i] - base
      return 4
    }
    for (let i = 0; i < count; i++) {
      putU53(bytes, at + word * 4, seqNums[i] - base)
      word += 2
    }
    return 8
  }
}

function copyRange(
  source: Uint8Array, start: number, end: number, target: Uint8Array, at: number,
): void {
  if (end - start >= NATIVE_COPY_BYTES_MIN) target.set(source.subarray(start, end), at)
  else for (let i = start; i < end; i++) target[at++] = source[i]
}

function grown(bytes: Uint8Array, needed: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(Math.max(bytes.length * 2, needed))
  larger.set(bytes)
  return larger
}
