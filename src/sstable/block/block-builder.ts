/**
 * What: collects the entries of one data block and lays them out, as columns (block-format.ts) or rows (row-format.ts).
 * Owns: the staged keys; its part of the memory, where values are staged.
 * Does not own: when a block ends (table-builder.ts), checksum and place (table-writer.ts).
 * Thread: any, no sharing. Nothing is allocated per entry.
 *
 * An entry comes in steps: its key is staged behind the others, measured against the last one, and either
 * pushed or, when it belongs to the next block, staged again after `clear`.
 */
import { alignUp, crc32, hashView, putU53, reseedCrc32 } from '../../base/index.js'
import type { HashSeed } from '../../base/index.js'
import { BLOCK_ENTRIES_MAX, BLOCK_HEADER_BYTES, KIND_SHIFT } from './block-format.js'
import { rowHeadOf } from './block-reader.js'
import type { BlockReader } from './block-reader.js'
import type { BuildBuffer } from './build-buffer.js'
import {
  beginCheck, CHECK_HEAD_BYTES, HEADS_AND_CHECKS,
  putVarint, ROW_EXTRA_BYTES_MAX, ROW_FRONT_BYTES, ROW_LENGTHS_AT, ROW_UNIT_SHIFT, ROWS_FLAG,
  ROWS_PREFIX_BYTES_MAX, seedOfRow, varintBytes,
} from './row-format.js'
import type { EntryParts } from './row-format.js'

/** From this length on a native copy beats a loop over words (measured, docs/design/0019-merge-speed.md). */
const NATIVE_COPY_BYTES_MIN = 64
/** Copies of words may go this far behind a key. */
const SLACK_BYTES = 8

/** Bytes of a block's header and of its last column word. */
const FIXED_BYTES = BLOCK_HEADER_BYTES + 4
/** Bytes that one entry takes in the columns, when its sequence number takes 4. */
const ENTRY_BYTES = 12
/** Bytes that a row takes at most besides key, value and lengths, when its sequence number takes 4. */
const ROW_BYTES = ROW_FRONT_BYTES + ROW_LENGTHS_AT + 4 + 3
/** From this length on `copyWithin` beats a loop over words. */
const NATIVE_MOVE_BYTES_MIN = 128

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
  /** Smallest and largest sequence number of the block. */
  seqNumLow = Infinity
  seqNumHigh = 0
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
  /** Where the rows start in the block, in units: good after `encodeRows`. */
  readonly rowStarts = new Uint16Array(BLOCK_ENTRIES_MAX)
  /** At most so many bytes hold the lengths of the rows. */
  private lengthsBytes = 0
  /** 1 for an entry that comes from a row of another table, and has its check. */
  private readonly hasCheck = new Uint8Array(BLOCK_ENTRIES_MAX)
  private readonly checks = new Uint32Array(BLOCK_ENTRIES_MAX)
  /** What those checks began with. */
  private readonly checkSeeds = new Uint32Array(BLOCK_ENTRIES_MAX)

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

  /** Stages the key of an entry of a block; `view` is over its bytes. The trailer behind is slack for whole words. */
  stageFrom(block: BlockReader, view: DataView, { suffixStart: start, suffixEnd }: EntryParts): void {
    const { prefixStart, prefixBytes } = block
    const suffixBytes = suffixEnd - start
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

  /** Gives the bytes of the block with the staged key and its number: of columns without padding, of rows at most. */
  bytesWith(seqNum: number, valueBytes: number, isRows: boolean): number {
    const { count, shared, seqNumLow, seqNumHigh } = this
    const spread = (seqNum > seqNumHigh ? seqNum : seqNumHigh) - (seqNum < seqNumLow ? seqNum : seqNumLow)
    const widerBytes = spread < 2 ** 32 ? 0 : 4 * (count + 1)
    let prefixBytes = shared < this.prefixBytes ? shared : this.prefixBytes
    if (isRows && prefixBytes > ROWS_PREFIX_BYTES_MAX) prefixBytes = ROWS_PREFIX_BYTES_MAX
    const keysBytes = this.stagedEnd - this.keysStart - count * prefixBytes
    const ownBytes = keysBytes + this.valuesEnd - this.memory.valuesAt + valueBytes + widerBytes
    if (!isRows) return FIXED_BYTES + (count + 1) * ENTRY_BYTES + ownBytes
    const lengthsBytes = this.lengthsBytes + lengthsBytesMax(this.stagedEnd - this.lastKeyEnd, valueBytes)
    return BLOCK_HEADER_BYTES + (count + 1) * ROW_BYTES + lengthsBytes + ownBytes
  }

  /** Takes the staged key; its value was or will be copied to where `putValues` or `putValueWords` puts it. */
  push(seqNum: number, kind: number, valueBytes: number): void {
    const count = this.count
    if (count === 0) this.prefixBytes = this.stagedEnd - this.lastKeyEnd
    else if (this.shared < this.prefixBytes) this.prefixBytes = this.shared
    this.lengthsBytes += lengthsBytesMax(this.stagedEnd - this.lastKeyEnd, valueBytes)
    this.lastKeyStart = this.lastKeyEnd
    this.lastKeyEnd = this.stagedEnd
    this.keyEnds[count] = this.stagedEnd
    this.hasCheck[count] = 0
    this.valueEnds[count] = this.valuesEnd += valueBytes
    this.seqNums[count] = seqNum
    if (seqNum < this.seqNumLow) this.seqNumLow = seqNum
    if (seqNum > this.seqNumHigh) this.seqNumHigh = seqNum
    this.kinds[count] = kind
    this.count = count + 1
  }

  /** Takes over the check of the row that the entry pushed last comes from. `seed` is what it began with there. */
  carryCheck(check: number, seed: number): void {
    const last = this.count - 1
    this.hasCheck[last] = 1
    this.checks[last] = check
    this.checkSeeds[last] = seed
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
    this.lengthsBytes = 0
    this.seqNumLow = Infinity
    this.seqNumHigh = 0
    this.valuesEnd = this.memory.valuesAt
  }

  /** An upper bound of what the block takes, without the value that is not staged. */
  encodedBytesMax(isRows: boolean): number {
    const prefixBytes = isRows ? this.rowsPrefixBytes : this.prefixBytes
    const keysBytes = this.keysBytes - (this.count - 1) * prefixBytes
    const entryBytes = isRows ? ROW_FRONT_BYTES + ROW_EXTRA_BYTES_MAX : 16
    return BLOCK_HEADER_BYTES + keysBytes + this.valuesBytes + this.count * entryBytes + 16
  }

  /** Bytes of the prefix that a block of rows has. Of a lone key nothing stands apart from its row. */
  get rowsPrefixBytes(): number {
    return this.count === 1 ? 0 : Math.min(this.prefixBytes, ROWS_PREFIX_BYTES_MAX)
  }

  /**
   * Lays the block out as columns in the memory at `at`, a multiple of 8, and returns its bytes with the padding.
   * `valueBytes` is what is reserved behind the last key for one value that is not staged.
   */
  encode(at: number, valueBytes = 0): number {
    const { count, memory, valueEnds, prefixBytes } = this
    const { bytes, words, valuesAt } = memory
    const word = at >>> 2
    const width = this.encodeBase(at)
    if (width > 0) this.encodeSeqNums(at, width)
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

  /** Writes the base of the sequence numbers; returns the bytes that one needs beside it. */
  private encodeBase(at: number): number {
    const { seqNumLow, seqNumHigh } = this
    putU53(this.memory.bytes, at + 8, seqNumLow)
    return seqNumLow === seqNumHigh ? 0 : seqNumHigh - seqNumLow < 2 ** 32 ? 4 : 8
  }

  private encodeSeqNums(at: number, width: number): void {
    const { count, seqNums, seqNumLow: base } = this
    const { bytes, words } = this.memory
    const word = (at >>> 2) + 5 + 2 * count
    if (width === 4) for (let i = 0; i < count; i++) words[word + i] = seqNums[i]! - base
    else for (let i = 0; i < count; i++) putU53(bytes, 4 * word + 8 * i, seqNums[i]! - base)
  }

  /**
   * Lays the block out as rows in the memory at `at`, a multiple of 8, and returns its bytes with the padding. It will
   * stand at `offset` of the file whose seed this is.
   */
  encodeRows(at: number, fileSeed: number, offset: number): number {
    const { count, keys, keyView, keyEnds, valueEnds, rowsPrefixBytes: prefixBytes } = this
    const { bytes, words, view } = this.memory
    const word = at >>> 2
    const width = this.encodeBase(at)
    words[word] = count | (width << 16) | (ROWS_FLAG << 24)
    words[word + 1] = prefixBytes | (ROW_UNIT_SHIFT << 16) | (HEADS_AND_CHECKS << 24)
    const startsAt = at + BLOCK_HEADER_BYTES + 4 * count
    let position = at + BLOCK_HEADER_BYTES + ROW_FRONT_BYTES * count
    copyWords(keyView, this.keysStart, view, position, prefixBytes)
    position += prefixBytes
    let keyStart = this.keysStart
    let valueStart = this.memory.valuesAt
    for (let i = 0; i < count; i++) {
      while ((position & 3) !== 0) bytes[position++] = 0
      const row = position
      const suffixStart = keyStart + prefixBytes
      const keyEnd = keyEnds[i]!
      const valueEnd = valueEnds[i]!
      words[word + 4 + i] = rowHeadOf(keys, suffixStart, keyEnd)
      view.setUint16(startsAt + 2 * i, this.rowStarts[i] = (row - at) >>> ROW_UNIT_SHIFT, true)
      bytes[row + 4] = this.kinds[i]!
      position = putVarint(bytes, row + ROW_LENGTHS_AT, keyEnd - suffixStart)
      position = putVarint(bytes, position, valueEnd - valueStart)
      copyWords(keyView, suffixStart, view, position, keyEnd - suffixStart)
      position += keyEnd - suffixStart
      if (valueEnd - valueStart >= NATIVE_MOVE_BYTES_MIN) bytes.copyWithin(position, valueStart, valueEnd)
      else copyWords(view, valueStart, view, position, valueEnd - valueStart)
      position += valueEnd - valueStart
      if (width > 0) position = this.putSeqNum(position, i, width)
      words[row >>> 2] = this.checkFor(i, keyStart, valueStart, seedOfRow(fileSeed, offset + row - at))
      keyStart = keyEnd
      valueStart = valueEnd
    }
    const end = at + alignUp(position - at, 8)
    while (position < end) bytes[position++] = 0
    return end - at
  }

  private putSeqNum(at: number, i: number, width: number): number {
    const { bytes, view } = this.memory
    const difference = this.seqNums[i]! - this.seqNumLow
    if (width === 8) putU53(bytes, at, difference)
    else view.setUint32(at, difference, true)
    return at + width
  }

  /** The check of entry i, whose key and value start here, at a place whose seed this is (row-format.ts). */
  private checkFor(i: number, keyStart: number, valueStart: number, seed: number): number {
    const { keys, keyEnds, valueEnds, memory: { bytes } } = this
    const keyEnd = keyEnds[i]!
    const valueEnd = valueEnds[i]!
    if (this.hasCheck[i] === 1) {
      const length = CHECK_HEAD_BYTES + keyEnd - keyStart + valueEnd - valueStart
      return reseedCrc32(this.checks[i]!, this.checkSeeds[i]!, seed, length)
    }
    const head = beginCheck(seed, this.kinds[i]!, keyEnd - keyStart, valueEnd - valueStart)
    return crc32(bytes, valueStart, valueEnd, crc32(keys, keyStart, keyEnd, head))
  }

  private growKeys(): void {
    const larger = new Uint8Array(2 * this.stagedEnd + SLACK_BYTES)
    larger.set(this.keys)
    this.keys = larger
    this.keyView = new DataView(larger.buffer)
  }
}

/** The most bytes that the lengths of a row take, whatever prefix its block has. */
function lengthsBytesMax(keyBytes: number, valueBytes: number): number {
  return varintBytes(keyBytes) + varintBytes(valueBytes)
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
