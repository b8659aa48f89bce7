/**
 * What: collects the entries of one data block and lays them out (block-format.ts).
 * Owns: the staged keys; its part of the memory, where values are staged.
 * Does not own: when a block ends (table-builder.ts), checksum and place (table-writer.ts).
 * Thread: any, no sharing. Nothing is allocated per entry.
 *
 * An entry comes in steps: its key is staged behind the others, measured against the last one, and either
 * pushed or, when it belongs to the next block, staged again after `clear`.
 */
import { alignUp, hashView, putU53 } from '../../base/index.js'
import type { HashSeed } from '../../base/index.js'
import { BLOCK_ENTRIES_MAX, BLOCK_HEADER_BYTES, KIND_SHIFT } from './block-format.js'
import type { BlockReader } from './block-reader.js'
import type { BuildBuffer } from './build-buffer.js'

/** From this length on a native copy beats a loop over words (measured, docs/design/0019-merge-speed.md). */
const NATIVE_COPY_BYTES_MIN = 64
/** Copies of words may go this far behind a key. */
const SLACK_BYTES = 8

/** Bytes of a block's header and of its last column word. */
const FIXED_BYTES = BLOCK_HEADER_BYTES + 4
/** Bytes that one entry takes in the columns, when sequence numbers take 4. */
const ENTRY_BYTES = 12

export class BlockBuilder {
  count = 0
  /** Whole keys: the last one of the block before, then those of this block, one behind the other. */
  keys = new Uint8Array(32 * 1024)
  /** The last pushed key is keys[lastKeyStart, lastKeyEnd), also after `clear`. */
  lastKeyStart = 0
  lastKeyEnd = 0
  /** The staged key is keys[lastKeyEnd, stagedEnd). */
  stagedEnd = 0
  /** Leading bytes that the staged key shares with the last one. */
  shared = 0
  /** Smallest and largest sequence number of the block: good after `encode`. */
  seqNumMin = 0
  seqNumMax = 0
  private keyView = new DataView(this.keys.buffer)
  /** The block's first key starts here. */
  private keysStart = 0
  /** Leading bytes that all keys of the block share. */
  private prefixBytes = 0
  private valuesEnd: number
  private readonly memory: BuildBuffer
  /** Ends of the keys: key i starts where the key before it ends. */
  private readonly keyEnds = new Uint32Array(BLOCK_ENTRIES_MAX)
  private readonly valueEnds = new Uint32Array(BLOCK_ENTRIES_MAX)
  private readonly seqNums = new Float64Array(BLOCK_ENTRIES_MAX)
  private readonly kinds = new Uint8Array(BLOCK_ENTRIES_MAX)

  constructor(memory: BuildBuffer) {
    this.memory = memory
    this.valuesEnd = memory.valuesAt
  }

  /** The bytes of the keys of the pushed entries. */
  get keysBytes(): number {
    return this.lastKeyEnd - this.keysStart
  }

  get valuesBytes(): number {
    return this.valuesEnd - this.memory.valuesAt
  }

  // ── The staged key ──────────────────────────────────────────────────────────────────────────────

  /** Copies the key behind the last one. */
  stage(key: Uint8Array, start: number, end: number): void {
    const at = this.lastKeyEnd
    this.stagedEnd = at + end - start
    if (this.stagedEnd + SLACK_BYTES > this.keys.length) this.growKeys()
    const { keys } = this
    if (end - start >= NATIVE_COPY_BYTES_MIN) keys.set(key.subarray(start, end), at)
    else for (let i = start, to = at; i < end; i++) keys[to++] = key[i]!
  }

  /** Copies the key behind the last one, word by word. */
  stageWords(source: DataView, start: number, end: number): void {
    const at = this.lastKeyEnd
    this.stagedEnd = at + end - start
    if (this.stagedEnd + SLACK_BYTES > this.keys.length) this.growKeys()
    copyExactly(source, start, end, this.keyView, at)
  }

  /** Stages key i of a block; `view` is over its bytes. The trailer behind it is slack for whole words. */
  stageFrom(block: BlockReader, view: DataView, i: number): void {
    const { prefixStart, prefixBytes } = block
    const start = block.suffixStart(i)
    const suffixBytes = block.suffixEnd(i) - start
    const at = this.lastKeyEnd
    this.stagedEnd = at + prefixBytes + suffixBytes
    if (this.stagedEnd + SLACK_BYTES > this.keys.length) this.growKeys()
    const { keyView } = this
    copyWords(view, prefixStart, keyView, at, prefixBytes)
    copyWords(view, start, keyView, at + prefixBytes, suffixBytes)
  }

  /** Sets `shared`; returns the order of the staged key against the last one: negative, 0 or positive. */
  measure(): number {
    const { keys, keyView, lastKeyStart, lastKeyEnd, stagedEnd } = this
    const lastBytes = lastKeyEnd - lastKeyStart
    const keyBytes = stagedEnd - lastKeyEnd
    const length = lastBytes < keyBytes ? lastBytes : keyBytes
    let i = 0
    while (i < length) {
      const difference = keyView.getInt32(lastKeyStart + i) ^ keyView.getInt32(lastKeyEnd + i)
      if (difference !== 0) {
        i += Math.clz32(difference) >>> 3
        break
      }
      i += 4
    }
    if (i >= length) {
      this.shared = length
      return keyBytes - lastBytes
    }
    this.shared = i
    return keys[lastKeyEnd + i]! - keys[lastKeyStart + i]!
  }

  stagedHash(seed: HashSeed): number {
    return hashView(this.keyView, this.lastKeyEnd, this.stagedEnd, seed)
  }

  // ── The block ───────────────────────────────────────────────────────────────────────────────────

  /** Gives the bytes of the block with the staged key, without padding, sequence numbers counted as 4 bytes. */
  bytesWith(valueBytes: number): number {
    const { count, shared } = this
    const prefixBytes = shared < this.prefixBytes ? shared : this.prefixBytes
    const keysBytes = this.stagedEnd - this.keysStart - count * prefixBytes
    return FIXED_BYTES + (count + 1) * ENTRY_BYTES + keysBytes + this.valuesEnd - this.memory.valuesAt + valueBytes
  }

  /** Takes the staged key; its value was or will be copied to where `pushValue…` puts it. */
  push(seqNum: number, kind: number, valueBytes: number): void {
    const count = this.count
    if (count === 0) this.prefixBytes = this.stagedEnd - this.lastKeyEnd
    else if (this.shared < this.prefixBytes) this.prefixBytes = this.shared
    this.lastKeyStart = this.lastKeyEnd
    this.lastKeyEnd = this.stagedEnd
    this.keyEnds[count] = this.stagedEnd
    this.valueEnds[count] = this.valuesEnd += valueBytes
    this.seqNums[count] = seqNum
    this.kinds[count] = kind
    this.count = count + 1
  }

  /** Copies the values of the entries pushed last: `bytes` of them, one behind the other. */
  putValues(source: Uint8Array, start: number, end: number): void {
    const { bytes } = this.memory
    const at = this.valuesEnd - (end - start)
    if (source === bytes) bytes.copyWithin(at, start, end)
    else if (end - start >= NATIVE_COPY_BYTES_MIN) bytes.set(source.subarray(start, end), at)
    else for (let i = start, to = at; i < end; i++) bytes[to++] = source[i]!
  }

  /** Copies the value of the entry pushed last, word by word. */
  putValueWords(source: DataView, start: number, end: number): void {
    copyExactly(source, start, end, this.memory.view, this.valuesEnd - (end - start))
  }

  /** Forgets the entries, but neither the last key nor the staged one. */
  clear(): void {
    const { keys, lastKeyStart, lastKeyEnd, stagedEnd } = this
    keys.copyWithin(0, lastKeyStart, stagedEnd)
    this.lastKeyStart = 0
    this.lastKeyEnd = this.keysStart = lastKeyEnd - lastKeyStart
    this.stagedEnd = stagedEnd - lastKeyStart
    this.count = 0
    this.valuesEnd = this.memory.valuesAt
  }

  /** An upper bound of what `encode` writes, without the value that is not staged. */
  get encodedBytesMax(): number {
    const keysBytes = this.keysBytes - (this.count - 1) * this.prefixBytes
    return BLOCK_HEADER_BYTES + keysBytes + this.valuesBytes + this.count * 16 + 16
  }

  /**
   * Lays the block out in the memory at `at`, a multiple of 8, and returns its bytes with the padding.
   * `valueBytes` is what is reserved behind the last key for one value that is not staged.
   */
  encode(at: number, valueBytes = 0): number {
    const { count, memory, valueEnds, prefixBytes } = this
    const { bytes, words, valuesAt } = memory
    const word = at >>> 2
    const width = this.encodeSeqNums(at)
    words[word] = count | (width << 16)
    words[word + 1] = prefixBytes
    let position = at + BLOCK_HEADER_BYTES + (2 * count + 1) * 4 + count * width
    copyWords(this.keyView, this.keysStart, memory.view, position, prefixBytes)
    position = this.encodeSuffixes(at, position + prefixBytes)
    const valueWord = word + 4 + count
    const shift = position - at - valuesAt
    words[valueWord] = position - at
    for (let i = 0; i < count; i++) words[valueWord + 1 + i] = valueEnds[i]! + shift
    words[valueWord + count]! += valueBytes
    bytes.copyWithin(position, valuesAt, this.valuesEnd)
    position += this.valuesEnd - valuesAt
    if (valueBytes > 0) return position - at
    const end = at + alignUp(position - at, 8)
    while (position < end) bytes[position++] = 0
    return end - at
  }

  /** Writes the suffixes from `position` on; returns where they end. */
  private encodeSuffixes(at: number, position: number): number {
    const { count, keyEnds, keyView, kinds, prefixBytes, memory } = this
    const { view, words } = memory
    const keyWord = (at >>> 2) + 4
    let from = this.keysStart + prefixBytes
    for (let i = 0; i < count; i++) {
      words[keyWord + i] = (position - at) | (kinds[i]! << KIND_SHIFT)
      const end = keyEnds[i]!
      copyWords(keyView, from, view, position, end - from)
      position += end - from
      from = end + prefixBytes
    }
    return position
  }

  /** Writes base and column of the sequence numbers; returns the column's width. */
  private encodeSeqNums(at: number): 0 | 4 | 8 {
    const { count, seqNums } = this
    const { bytes, words } = this.memory
    let base = seqNums[0]!
    let top = base
    for (let i = 1; i < count; i++) {
      if (seqNums[i]! < base) base = seqNums[i]!
      if (seqNums[i]! > top) top = seqNums[i]!
    }
    this.seqNumMin = base
    this.seqNumMax = top
    putU53(bytes, at + 8, base)
    if (base === top) return 0
    let word = (at >>> 2) + 5 + 2 * count
    if (top - base < 2 ** 32) {
      for (let i = 0; i < count; i++) words[word++] = seqNums[i]! - base
      return 4
    }
    for (let i = 0; i < count; i++) {
      putU53(bytes, word * 4, seqNums[i]! - base)
      word += 2
    }
    return 8
  }

  private growKeys(): void {
    const larger = new Uint8Array(2 * this.stagedEnd + SLACK_BYTES)
    larger.set(this.keys)
    this.keys = larger
    this.keyView = new DataView(larger.buffer)
  }
}

/** Copies in words, and the last bytes one by one. */
function copyExactly(source: DataView, start: number, end: number, target: DataView, at: number): void {
  const shift = at - start
  let i = start
  for (const stop = end - 3; i < stop; i += 4) target.setInt32(i + shift, source.getInt32(i, true), true)
  for (; i < end; i++) target.setInt8(i + shift, source.getInt8(i))
}

/** Copies in words: up to three bytes behind the range are read and written too. */
function copyWords(source: DataView, start: number, target: DataView, at: number, length: number): void {
  for (let i = 0; i < length; i += 4) target.setInt32(at + i, source.getInt32(start + i, true), true)
}
