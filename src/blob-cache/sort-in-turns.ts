/**
 * What: sorts long arrays in steps, so that others have their turn between them: short pieces of it at once, then pairs
 * of pieces that are merged entry by entry.
 * Memory: the array twice. Pure.
 */
import type { Turns } from '../base/index.js'

/** Entries that are sorted in one step. */
const PIECE_LENGTH = 1024

/** Gives the entries in order; equal ones stay in theirs. */
export async function sortInTurns<T>(
  entries: readonly T[], compare: (a: T, b: T) => number, turns: Turns,
): Promise<readonly T[]> {
  let pieces: T[][] = []
  for (let at = 0; at < entries.length; at += PIECE_LENGTH) {
    pieces.push(entries.slice(at, at + PIECE_LENGTH).sort(compare))
    if (turns.isOverNow()) await turns.next()
  }
  while (pieces.length > 1) {
    const merged: T[][] = []
    for (let i = 0; i < pieces.length; i += 2) {
      merged.push(i + 1 < pieces.length ? await merge(pieces[i]!, pieces[i + 1]!, compare, turns) : pieces[i]!)
    }
    pieces = merged
  }
  return pieces[0] ?? []
}

async function merge<T>(
  first: readonly T[], second: readonly T[], compare: (a: T, b: T) => number, turns: Turns,
): Promise<T[]> {
  const merged: T[] = []
  let [i, j] = [0, 0]
  while (i < first.length && j < second.length) {
    merged.push(compare(first[i]!, second[j]!) <= 0 ? first[i++]! : second[j++]!)
    if (merged.length % PIECE_LENGTH === 0 && turns.isOverNow()) await turns.next()
  }
  while (i < first.length) merged.push(first[i++]!)
  while (j < second.length) merged.push(second[j++]!)
  return merged
}
