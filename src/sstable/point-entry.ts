/**
 * What: entry i of a checked block where it stands, for point reads: is it this key, and what does it hold?
 * The same answers as BlockReader gives, without turning a reader to the block: a random read waits for
 * memory, and so nothing here waits for the block's header to know where the columns are. `count` comes from
 * the index, header and columns are loaded side by side, then suffix and value (0006-table-block.md).
 * Thread: any. Nothing is allocated.
 */
import type { PointResult } from '../base/index.js'
import { BLOCK_HEADER_BYTES, KIND_SHIFT, START_MASK } from './block-format.js'

const HEADER_WORDS = BLOCK_HEADER_BYTES / 4

/** The same memory as bytes and as u32: a chunk of the cache, or a reader's own buffer. */
interface Memory {
  readonly bytes: Uint8Array
  readonly words: Uint32Array
}

/** False: entry i of the block of `count` entries at `base` has another key. Requires: i < count. */
export function readPoint(
  memory: Memory, base: number, count: number, i: number, key: Uint8Array, start: number, end: number, out: PointResult,
): boolean {
  const { bytes, words } = memory
  if (!hasKey(bytes, words, base, count, i, key, start, end)) return false
  const head = base >>> 2
  const column = head + HEADER_WORDS + i
  out.seqNum = seqNumOf(words, head, count, i)
  out.kind = words[column] >>> KIND_SHIFT
  out.valueBytes = bytes
  out.valueStart = base + words[column + count]
  out.valueEnd = base + words[column + count + 1]
  return true
}

function hasKey(
  bytes: Uint8Array, words: Uint32Array, base: number, count: number, i: number,
  key: Uint8Array, start: number, end: number,
): boolean {
  const head = base >>> 2
  const column = head + HEADER_WORDS + i
  const suffix = base + (words[column] & START_MASK)
  const suffixBytes = base + (words[column + 1] & START_MASK) - suffix
  const prefixBytes = words[head + 1]
  if (end - start !== prefixBytes + suffixBytes) return false
  // From the end: keys that share a hash tag by chance differ there at once.
  const rest = start + prefixBytes
  for (let k = suffixBytes - 1; k >= 0; k--) if (bytes[suffix + k] !== key[rest + k]) return false
  const width = words[head] >>> 16
  const prefix = base + BLOCK_HEADER_BYTES + (2 * count + 1) * 4 + count * width
  for (let k = prefixBytes - 1; k >= 0; k--) if (bytes[prefix + k] !== key[start + k]) return false
  return true
}

function seqNumOf(words: Uint32Array, head: number, count: number, i: number): number {
  const first = words[head + 2] + words[head + 3] * 2 ** 32
  const width = words[head] >>> 16
  const column = head + HEADER_WORDS + 2 * count + 1
  if (width === 0) return first
  if (width === 4) return first + words[column + i]
  return first + words[column + 2 * i] + words[column + 2 * i + 1] * 2 ** 32
}
