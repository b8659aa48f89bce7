/**
 * What: the filter: says "surely not in this table" from a key's hash. On disk: do not change.
 *
 *   offset size
 *        0    4  lines
 *        4    1  kind: 1 = blocked bloom filter
 *        5    1  probes k, 1–16
 *        6   10  zero
 *       16   64  each line: 512 bits, bit i is bit i % 32 of word i / 32
 *
 * A key sets k bits of one line (one cache line). Line: floor((hash >>> 6) × lines / 2^26). Bits: with
 * x = hash × 0x9E3779B1, k times: x = x × 0x9E3779B1 (all modulo 2^32), bit = x >>> 23.
 * F. Putze, P. Sanders, J. Singler, "Cache-, hash- and space-efficient bloom filters", 2007.
 */
import { BadBytes, getU32 } from '../../base/index.js'

const HEADER_BYTES = 16
const LINE_BYTES = 64
const KIND_BLOCKED_BLOOM = 1
const PROBES_MAX = 16
const GOLDEN = 0x9e3779b1
const KEYS_PER_PAUSE = 16_384

function lineWord(hash: number, lineCount: number): number {
  return Math.floor(((hash >>> 6) * lineCount) / 2 ** 26) << 4
}

/** Gives the section; pauses now and then. */
export function* encodeFilter(
  hashes: Uint32Array, keyCount: number, bitsPerKey: number,
): Generator<undefined, Uint8Array, unknown> {
  const lineCount = Math.max(1, Math.ceil((keyCount * bitsPerKey) / (8 * LINE_BYTES)))
  const probes = Math.min(PROBES_MAX, Math.max(1, Math.round(bitsPerKey * 0.6)))
  const content = new Uint8Array(HEADER_BYTES + LINE_BYTES * lineCount)
  const words = new Uint32Array(content.buffer)
  words[0] = lineCount
  content[4] = KIND_BLOCKED_BLOOM
  content[5] = probes
  const lines = words.subarray(4)
  for (let from = 0; from < keyCount; from += KEYS_PER_PAUSE) {
    const end = Math.min(keyCount, from + KEYS_PER_PAUSE)
    for (let i = from; i < end; i++) setBits(lines, hashes[i]!, lineCount, probes)
    yield
  }
  return content
}

function setBits(lines: Uint32Array, hash: number, lineCount: number, probes: number): void {
  const line = lineWord(hash, lineCount)
  let x = Math.imul(hash, GOLDEN)
  for (let k = 0; k < probes; k++) {
    x = Math.imul(x, GOLDEN)
    lines[line + (x >>> 28)]! |= 1 << ((x >>> 23) & 31)
  }
}

export class BloomFilter {
  readonly memoryBytes: number
  readonly lineCount: number
  readonly probes: number
  private readonly lines: Uint32Array

  /** Reads a section. Throws BadBytes with the offset in `content`. */
  constructor(content: Uint8Array) {
    if (content.length < HEADER_BYTES) throw new BadBytes(0, 'filter is too short')
    const lineCount = getU32(content, 0)
    if (lineCount === 0 || HEADER_BYTES + LINE_BYTES * lineCount !== content.length) {
      throw new BadBytes(0, `filter of ${lineCount} lines`)
    }
    this.probes = content[5]!
    if (content[4] !== KIND_BLOCKED_BLOOM || this.probes === 0 || this.probes > PROBES_MAX) {
      throw new BadBytes(4, 'unknown filter')
    }
    for (let i = 6; i < HEADER_BYTES; i++) if (content[i] !== 0) throw new BadBytes(i, 'not zero')
    this.lineCount = lineCount
    this.lines = new Uint32Array(content.buffer, content.byteOffset + HEADER_BYTES, 16 * lineCount)
    this.memoryBytes = content.length + 300
  }

  /** Gives false when no key with this hash is in the table. */
  mayContain(hash: number): boolean {
    const { lines, probes } = this
    const line = lineWord(hash, this.lineCount)
    let x = Math.imul(hash, GOLDEN)
    for (let k = 0; k < probes; k++) {
      x = Math.imul(x, GOLDEN)
      if ((lines[line + (x >>> 28)]! & (1 << ((x >>> 23) & 31))) === 0) return false
    }
    return true
  }
}
