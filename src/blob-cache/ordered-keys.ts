/**
 * What: the keys of a cache in order: from the key index where there is one and it is ready, else all of them are
 * gathered and sorted.
 * Owns: the key index, and whether it is kept. Does not own: the store. Thread: main.
 * Memory: a page of keys; without a ready index all keys with the prefix.
 */
import { compareBytes } from '../base/index.js'
import type { BlobStore } from './blob-store.js'
import { PAGE_KEYS } from './key-index.js'
import type { KeyFacts, KeyIndex } from './key-index.js'

/** An order of keys: that of their bytes, or the other way round. */
export type KeyOrder = 'ascending' | 'descending'

/** Entries that are looked at in one go when the index is built. */
const ENTRIES_IN_ONE_GO = 1000

export class OrderedKeys {
  private readonly store: BlobStore
  private readonly index: KeyIndex | null
  private building: Promise<void> | null = null
  private isClosing = false

  constructor(store: BlobStore, index: KeyIndex | null) {
    this.store = store
    this.index = index
    if (index === null) return
    store.onBound = (entry) => index.add(entry)
    store.remover.onGone = (key) => index.remove(key)
    if (!index.isReady) this.building = this.build(index)
  }

  /** Gives the keys with this prefix, each once; namespace 0 stands for all. */
  async *list(prefix: Uint8Array, namespace: number, order: KeyOrder): AsyncGenerator<Uint8Array, void, undefined> {
    const isReverse = order === 'descending'
    let last: Uint8Array | null = null
    for (;;) {
      const page: KeyFacts[] | null = await this.index?.page(prefix, isReverse, last) ?? null
      if (page === null) break
      for (const facts of page) {
        last = facts.key
        if ((namespace === 0 || facts.namespace === namespace) && this.isThere(facts)) yield facts.key.slice()
      }
      if (page.length < PAGE_KEYS) return
    }
    yield* await this.sorted(prefix, namespace, isReverse, last)
  }

  /** Gives all keys behind the last one, from the segments. */
  private async sorted(
    prefix: Uint8Array, namespace: number, isReverse: boolean, last: Uint8Array | null,
  ): Promise<Uint8Array[]> {
    const sign = isReverse ? -1 : 1
    const keys: Uint8Array[] = []
    for await (const key of this.store.keys(prefix, namespace)) {
      if (last === null || sign * compareBytes(key, last) > 0) keys.push(key)
    }
    keys.sort((a, b) => sign * compareBytes(a, b))
    return keys.filter((key, i) => i === 0 || compareBytes(key, keys[i - 1]!) !== 0)
  }

  /** Asks the cache whether a key of the index is there. */
  private isThere(facts: KeyFacts): boolean {
    const { index, deaths } = this.store
    const { low, high } = this.store.hashed(facts.key)
    if (index.find(low, high) >= 0) return !deaths.isGone(facts)
    this.index?.remove(facts.key)
    return false
  }

  /** Adds all keys that are there. What binds meanwhile adds itself, in the order of the calls. */
  private async build(keys: KeyIndex): Promise<void> {
    const { segments, index } = this.store
    for (let next = segments.after(0); next.length > 0; next = segments.after(next.at(-1)!)) {
      for (const segment of next) {
        const entries = [...await segments.entriesOf(segment).catch(() => [])]
        for (const [i, entry] of entries.entries()) {
          if (i % ENTRIES_IN_ONE_GO === 0) await keys.written()
          if (this.isClosing || keys.isLost) return
          const slot = index.find(entry.low, entry.high)
          const isThere = slot >= 0 && index.segmentAt(slot) === segment && index.recordNumAt(slot) === entry.recordNum
          if (isThere) keys.add(entry)
        }
      }
    }
    keys.built()
  }

  /** Lets the index go before the store is closed: stops what is under way. */
  async stop(): Promise<void> {
    this.isClosing = true
    await this.building
  }

  /** Closes the index of a store that is closed. With `isSafe` all that it knows is on the disk. */
  async close(isSafe: boolean): Promise<void> {
    await this.index?.close(isSafe ? this.store.seqNum : null)
  }
}
