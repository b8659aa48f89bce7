/**
 * What: sorts the numbers below a count by an order of what they stand for. It pauses now and then, so that sorting
 * much takes no long turn of the event loop.
 * Thread: any (pure).
 */

/** Rows of so many are sorted by insertion: that takes the fewest comparisons of short rows. */
const ROW_LENGTH = 16
const COMPARISONS_PER_STEP = 2048

/** Gives the numbers in order; equal ones stay in the order of their numbers. */
export function* sortIndexes(
  count: number, compare: (a: number, b: number) => number,
): Generator<undefined, Uint32Array, unknown> {
  let from = new Uint32Array(count)
  let to = new Uint32Array(count)
  for (let i = 0; i < count; i++) from[i] = i
  for (let start = 0, steps = 0; start < count; start += ROW_LENGTH) {
    sortRow(from, start, Math.min(start + ROW_LENGTH, count), compare)
    if (++steps % 32 === 0) yield
  }
  for (let length = ROW_LENGTH; length < count; length *= 2) {
    let left = COMPARISONS_PER_STEP
    for (let start = 0; start < count; start += 2 * length) {
      const [middle, end] = [Math.min(start + length, count), Math.min(start + 2 * length, count)]
      let [a, b] = [start, middle]
      // Rows that are in order already, as logs of ascending keys are, need no more than this look.
      if (b === end || compare(from[b - 1]!, from[b]!) <= 0) {
        to.set(from.subarray(start, end), start)
        if (left-- <= 0) [left] = [COMPARISONS_PER_STEP, yield]
        continue
      }
      for (let at = start; at < end; at++) {
        const takesA = a < middle && (b === end || compare(from[a]!, from[b]!) <= 0)
        to[at] = takesA ? from[a++]! : from[b++]!
        if (left-- <= 0) [left] = [COMPARISONS_PER_STEP, yield]
      }
    }
    ;[from, to] = [to, from]
  }
  return from
}

function sortRow(list: Uint32Array, start: number, end: number, compare: (a: number, b: number) => number): void {
  for (let i = start + 1; i < end; i++) {
    const item = list[i]!
    let at = i
    while (at > start && compare(list[at - 1]!, item) > 0) {
      list[at] = list[at - 1]!
      at--
    }
    list[at] = item
  }
}
