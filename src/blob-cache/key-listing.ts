/**
 * What: the keys of all blobs that are there, segment by segment. Blobs are moved to newer segments only, so whoever
 * walks them by rising number, until there is no newer one, misses nothing that is there all the time. What is in
 * memory only goes to segments later, so it comes first.
 * Memory: the entries of one segment. Thread: main.
 */
import type { Turns } from '../base/index.js'
import type { BlobIndex } from './blob-index.js'
import type { MemorySegments } from './memory-segments.js'
import type { FooterEntry } from './segment-footer.js'
import type { SegmentSet } from './segment-set.js'

export interface KeyListingOptions {
  index: BlobIndex
  segments: SegmentSet
  memory: MemorySegments
  /** When others must have their turn: what asks for the next key may do so at once. */
  turns: Turns
  /** True when what the entry says is expired or purged. */
  isGone: (entry: FooterEntry) => boolean
}

/** Gives a copy of each key that begins with the prefix; 0 stands for all namespaces. */
export async function* listKeys(
  { index, segments, memory, turns, isGone }: KeyListingOptions, prefix: Uint8Array, namespace: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  async function* listed(segment: number, entries: readonly FooterEntry[]) {
    for (const entry of [...entries]) {
      if (turns.isOver()) await turns.next()
      if (namespace !== 0 && entry.namespace !== namespace) continue
      const isThere = index.findIf(entry.low, entry.high, segment, entry.recordNum) >= 0
      if (isThere && beginsWith(entry.key, prefix) && !isGone(entry)) yield entry.key.slice()
    }
  }
  if (turns.isOverNow()) await turns.next()
  for (const { segment, entries } of [...memory.list()]) yield* listed(segment, entries)
  for (let next = segments.after(0); next.length > 0; next = segments.after(next.at(-1)!)) {
    for (const segment of next) {
      yield* listed(segment, await segments.entriesOf(segment).catch(() => []))
    }
  }
}

function beginsWith(key: Uint8Array, prefix: Uint8Array): boolean {
  if (key.length < prefix.length) return false
  for (let i = 0; i < prefix.length; i++) if (key[i] !== prefix[i]) return false
  return true
}
