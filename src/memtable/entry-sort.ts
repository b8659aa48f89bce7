/**
 * What: sorts entries of a slab by key ascending, then by arrival descending (newest version first).
 *
 * It sorts by 4 key bytes at a time: pairs (bytes, ordinal), packed as one u64 each, are sorted by the
 * platform's unboxed typed-array sort. Groups that share the 4 bytes are sorted by the next 4, small
 * ones by insertion. (This is a most-significant-digit multikey sort: Bentley and Sedgewick, 1997.)
 * Thread: any. No state.
 */
import {
  compareRanges, entryKeyBytes, entryKeyEnd, entryKeyStart, viewedKeyBytes, viewedKeyStart,
} from '../base/index.js'

const INSERTION_COUNT_MAX = 12

/** The 4 key bytes at `depth` as a big-endian number, with zeros behind the end of the key. */
export function keyWord(bytes: Uint8Array, offset: number, depth: number): number {
  const start = entryKeyStart(bytes, offset) + depth
  const left = entryKeyBytes(bytes, offset) - depth
  if (left >= 4) {
    return (
      ((bytes[start]! << 24) | (bytes[start + 1]! << 16) | (bytes[start + 2]! << 8) | bytes[start + 3]!) >>> 0
    )
  }
  let word = 0
  if (left > 0) word = bytes[start]! << 24
  if (left > 1) word |= bytes[start + 1]! << 16
  if (left > 2) word |= bytes[start + 2]! << 8
  return word >>> 0
}

/** Bytewise order of the keys of two entries. */
export function compareEntryKeys(bytes: Uint8Array, a: number, b: number): number {
  return compareRanges(
    bytes, entryKeyStart(bytes, a), entryKeyEnd(bytes, a),
    bytes, entryKeyStart(bytes, b), entryKeyEnd(bytes, b),
  )
}

/**
 * Sorts `offsets` (entries of one slab in arrival order) and returns their order, as ordinals into it.
 * Throws nothing; takes 16 bytes of scratch an entry.
 */
export function sortEntries(bytes: Uint8Array, offsets: Uint32Array): Uint32Array {
  const count = offsets.length
  const scratch = new Uint32Array(count * 2)
  const sorting: Sorting = {
    bytes, offsets, order: new Uint32Array(count), scratch, keys: new BigUint64Array(scratch.buffer),
    seconds: new Uint32Array(count),
  }
  if (count === 0) return sorting.order
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const depth = sharedKeyBytes(view, offsets)
  if (loadHeads(sorting, view, depth)) sortByHeads(sorting, depth)
  return sorting.order
}

interface Sorting {
  bytes: Uint8Array
  offsets: Uint32Array
  order: Uint32Array
  scratch: Uint32Array
  keys: BigUint64Array
  /** The second four bytes behind the bytes that all keys share, by ordinal. */
  seconds: Uint32Array
}

/** The count of leading bytes that all keys share. */
function sharedKeyBytes(view: DataView, offsets: Uint32Array): number {
  const first = viewedKeyStart(view, offsets[0]!)
  let shared = viewedKeyBytes(view, offsets[0]!)
  for (let i = 1; i < offsets.length && shared > 0; i++) {
    const start = viewedKeyStart(view, offsets[i]!)
    const keyBytes = viewedKeyBytes(view, offsets[i]!)
    if (keyBytes < shared) shared = keyBytes
    let k = 0
    while (k + 4 <= shared && view.getInt32(first + k) === view.getInt32(start + k)) k += 4
    while (k < shared && view.getUint8(first + k) === view.getUint8(start + k)) k++
    shared = k
  }
  return shared
}

/**
 * Loads the eight key bytes at `depth` of each entry in one pass over the slab, in the order of its bytes. The
 * first four are packed with the ordinal; `order` is as they arrived. False when that order is right already.
 */
function loadHeads({ offsets, order, scratch, seconds }: Sorting, view: DataView, depth: number): boolean {
  let isRising = true
  let lastFirst = -1
  let lastSecond = -1
  for (let i = 0; i < offsets.length; i++) {
    const offset = offsets[i]!
    const start = viewedKeyStart(view, offset) + depth
    const left = viewedKeyBytes(view, offset) - depth
    const first = wordOf(view, start, left)
    const second = wordOf(view, start + 4, left - 4)
    if (first < lastFirst || (first === lastFirst && second <= lastSecond)) isRising = false
    scratch[2 * i] = ~i
    scratch[2 * i + 1] = first
    seconds[i] = second
    order[i] = i
    lastFirst = first
    lastSecond = second
  }
  return !isRising
}

/** Reads four bytes as a big-endian number, with zeros behind the `left` bytes that there are. */
function wordOf(view: DataView, start: number, left: number): number {
  if (left >= 4) return view.getUint32(start)
  let word = 0
  if (left > 0) word = view.getUint8(start) << 24
  if (left > 1) word |= view.getUint8(start + 1) << 16
  if (left > 2) word |= view.getUint8(start + 2) << 8
  return word >>> 0
}

/** Sorts by the first four bytes, equal ones by the second four, and those that still agree by what follows. */
function sortByHeads(sorting: Sorting, depth: number): void {
  const { order, scratch } = sorting
  const count = order.length
  sorting.keys.sort()
  for (let i = 0; i < count; i++) order[i] = ~scratch[2 * i]!
  let start = 0
  while (start < count) {
    const word = scratch[2 * start + 1]!
    let end = start + 1
    while (end < count && scratch[2 * end + 1] === word) end++
    if (end - start > 1) sortBySeconds(sorting, start, end, depth)
    start = end
  }
}

function sortBySeconds(sorting: Sorting, start: number, end: number, depth: number): void {
  const { order, scratch, seconds } = sorting
  if (end - start <= INSERTION_COUNT_MAX) {
    for (let i = start + 1; i < end; i++) {
      const ordinal = order[i]!
      const second = seconds[ordinal]!
      let j = i - 1
      // Equal ones stay as they are, newest first.
      for (; j >= start && seconds[order[j]!]! > second; j--) order[j + 1] = order[j]!
      order[j + 1] = ordinal
    }
  } else {
    for (let i = start; i < end; i++) {
      scratch[2 * i] = ~order[i]!
      scratch[2 * i + 1] = seconds[order[i]!]!
    }
    sorting.keys.subarray(start, end).sort()
    for (let i = start; i < end; i++) order[i] = ~scratch[2 * i]!
  }
  const pending: number[] = []
  for (let from = start; from < end;) {
    const second = seconds[order[from]!]
    let to = from + 1
    while (to < end && seconds[order[to]!] === second) to++
    if (to - from > 1) splitByLength(sorting, from, to, depth + 4, pending)
    from = to
  }
  while (pending.length > 0) {
    const [groupStart, groupEnd, groupDepth] = pending.splice(-3)
    sortGroup(sorting, groupStart!, groupEnd!, groupDepth!)
  }
}

/**
 * Sorts order[start, end), whose keys agree in their first `depth` bytes. In every group, at any time, equal
 * words have the newest first, since the first order is by falling ordinal, and every sort keeps it.
 */
function sortGroup(sorting: Sorting, start: number, end: number, depth: number): void {
  const pending: number[] = [start, end, depth]
  while (pending.length > 0) {
    const groupDepth = pending.pop()!
    const groupEnd = pending.pop()!
    const groupStart = pending.pop()!
    if (groupEnd - groupStart <= INSERTION_COUNT_MAX) {
      insertionSort(sorting, groupStart, groupEnd)
    } else {
      loadWords(sorting, groupStart, groupEnd, groupDepth)
      pushEqualGroups(sorting, groupStart, groupEnd, groupDepth, pending)
    }
  }
}

/** Fills the words at `depth` and sorts by them, newest first among equals. If all are equal nothing moves. */
function loadWords(sorting: Sorting, start: number, end: number, depth: number): void {
  const { bytes, offsets, order, scratch } = sorting
  const firstWord = keyWord(bytes, offsets[order[start]!]!, depth)
  let alike = true
  for (let i = start; i < end; i++) {
    const ordinal = order[i]!
    const word = keyWord(bytes, offsets[ordinal]!, depth)
    scratch[2 * i] = ~ordinal
    scratch[2 * i + 1] = word
    if (word !== firstWord) alike = false
  }
  if (alike) return
  sorting.keys.subarray(start, end).sort()
  for (let i = start; i < end; i++) order[i] = ~scratch[2 * i]!
}

/** Finds the runs of equal words; those whose keys go on are sorted deeper. */
function pushEqualGroups(sorting: Sorting, start: number, end: number, depth: number, pending: number[]): void {
  const { scratch } = sorting
  let groupStart = start
  while (groupStart < end) {
    const word = scratch[2 * groupStart + 1]!
    let groupEnd = groupStart + 1
    while (groupEnd < end && scratch[2 * groupEnd + 1] === word) groupEnd++
    if (groupEnd - groupStart > 1) splitByLength(sorting, groupStart, groupEnd, depth, pending)
    groupStart = groupEnd
  }
}

/**
 * Orders entries whose words are equal. Keys that end inside the word come first, shorter before longer (zero
 * padding made them equal), newest first among equals; the rest is sorted one word deeper.
 */
function splitByLength(sorting: Sorting, start: number, end: number, depth: number, pending: number[]): void {
  const { bytes, offsets, order } = sorting
  const firstLength = entryKeyBytes(bytes, offsets[order[start]!]!)
  let longer = 0
  let alike = true
  for (let i = start; i < end; i++) {
    const length = entryKeyBytes(bytes, offsets[order[i]!]!)
    if (length > depth + 4) longer++
    if (length !== firstLength) alike = false
  }
  if (longer === end - start) {
    pending.push(start, end, depth + 4)
    return
  }
  if (alike) return // These are versions of one key, newest first already.
  const ordinals = Array.from(order.subarray(start, end))
  const lengthOf = (ordinal: number) => Math.min(entryKeyBytes(bytes, offsets[ordinal]!), depth + 5)
  ordinals.sort((a, b) => lengthOf(a) - lengthOf(b) || b - a)
  order.set(ordinals, start)
  if (longer > 1) pending.push(end - longer, end, depth + 4)
}

function insertionSort(sorting: Sorting, start: number, end: number): void {
  const { bytes, offsets, order } = sorting
  for (let i = start + 1; i < end; i++) {
    const ordinal = order[i]!
    const offset = offsets[ordinal]!
    let j = i - 1
    while (j >= start) {
      const other = order[j]!
      const comparison = compareEntryKeys(bytes, offsets[other]!, offset)
      if (comparison < 0 || (comparison === 0 && other > ordinal)) break
      order[j + 1] = other
      j--
    }
    order[j + 1] = ordinal
  }
}
