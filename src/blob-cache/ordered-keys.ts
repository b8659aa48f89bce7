/**
 * What: the keys of a cache in order: from the key index where there is one and it is ready, else all of them are
 * gathered and sorted.
 * Owns: the key index, and whether it is kept. Does not own: the store. Thread: main.
 * When another store takes the place of the present one, the index is made anew for it.
 * Memory: a page of keys; without a ready index all keys with the prefix.
 */
import { compareBytes, Turns } from '../base/index.js'
import type { Clock, SeqNum } from '../base/index.js'
import type { BlobStore } from './blob-store.js'
import type { CacheLife } from './cache-life.js'
import { PAGE_KEYS } from './key-index.js'
import type { KeyFacts, KeyIndex } from './key-index.js'
import { sortInTurns } from './sort-in-turns.js'

/** An order of keys: that of their bytes, or the other way round. */
export type KeyOrder = 'ascending' | 'descending'

/** Entries that are looked at in one go when the index is built. */
const ENTRIES_IN_ONE_GO = 1000

/** Opens the index of a cache with this id; without a number it is made anew. */
export type OpenKeyIndex = (cacheId: Uint8Array, seqNum: SeqNum | null) => Promise<KeyIndex>

export class OrderedKeys {
  private readonly life: CacheLife
  private readonly openIndex: OpenKeyIndex | null
  private readonly turns: Turns
  private index: KeyIndex | null = null
  /** The store that the index is of. */
  private followed: BlobStore | null = null
  private building: Promise<void> | null = null
  private following: Promise<void> = Promise.resolve()
  private isClosing = false

  private constructor(life: CacheLife, openIndex: OpenKeyIndex | null, clock: Clock) {
    this.life = life
    this.turns = new Turns(clock)
    this.openIndex = openIndex
    if (openIndex !== null) life.onReplaced = () => this.follow(openIndex)
  }

  /** Keeps an index, if there is a way to open one, and the directory is not another's. */
  static async open(life: CacheLife, openIndex: OpenKeyIndex | null, clock: Clock): Promise<OrderedKeys> {
    const keys = new OrderedKeys(life, life.hasDisk ? openIndex : null, clock)
    if (keys.openIndex !== null) await (keys.following = keys.take(keys.openIndex, life.store.numbers.seqNum))
    return keys
  }

  /** Opens the index of the present store, and keeps it from then on. */
  private async take(openIndex: OpenKeyIndex, seqNum: SeqNum | null): Promise<void> {
    const { store } = this.life
    const index = await openIndex(store.numbers.databaseId, seqNum)
    if (!this.isPresent(store)) return index.close(null)
    this.index = index
    this.followed = store
    store.binder.onBound = (entry) => index.add(entry)
    store.remover.onGone = (key) => index.remove(key)
    if (!index.isReady) this.building = this.build(index, store)
  }

  /** Another store took the place of the last one: the index does not know what happened between, and is made anew. */
  private follow(openIndex: OpenKeyIndex): void {
    this.following = this.following.then(async () => {
      const { index } = this
      this.index = null
      await this.building
      await index?.close(null)
      if (!this.isClosing) await this.take(openIndex, null)
    })
  }

  /** Tells whether the store still answers. */
  private isPresent(store: BlobStore): boolean {
    return !this.isClosing && this.life.store === store
  }

  /** Gives the keys with this prefix, each once; namespace 0 stands for all. */
  async *list(prefix: Uint8Array, namespace: number, order: KeyOrder): AsyncGenerator<Uint8Array, void, undefined> {
    const isReverse = order === 'descending'
    let last: Uint8Array | null = null
    for (;;) {
      const page: KeyFacts[] | null = await this.readyIndex()?.page(prefix, isReverse, last) ?? null
      if (page === null) break
      for (const facts of page) {
        last = facts.key
        if ((namespace === 0 || facts.namespace === namespace) && this.isThere(facts)) yield facts.key.slice()
      }
      if (page.length < PAGE_KEYS) return
    }
    yield* this.sorted(prefix, namespace, isReverse, last)
  }

  /** The index, while it has all keys: not what is in memory only, nor what happened before it followed a new store. */
  private readyIndex(): KeyIndex | null {
    const { index, life: { store } } = this
    const isOnDisk = this.followed === store && !store.retreat.isLeft && store.memory.isEmpty
    return isOnDisk ? index : null
  }

  /** Gives all keys behind the last one, from the segments. */
  private async *sorted(
    prefix: Uint8Array, namespace: number, isReverse: boolean, last: Uint8Array | null,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const { turns } = this
    const sign = isReverse ? -1 : 1
    const keys: Uint8Array[] = []
    for await (const key of this.life.keys(prefix, namespace)) {
      if (last === null || sign * compareBytes(key, last) > 0) keys.push(key)
    }
    let given: Uint8Array | null = null
    for (const key of await sortInTurns(keys, (a, b) => sign * compareBytes(a, b), turns)) {
      if (given === null || compareBytes(key, given) !== 0) yield given = key
      if (turns.isOver()) await turns.next()
    }
  }

  /** Asks the cache whether a key of the index is there. */
  private isThere(facts: KeyFacts): boolean {
    const { store } = this.life
    const { index, deaths } = store
    const { low, high } = store.hashed(facts.key)
    if (index.find(low, high) >= 0) return !deaths.isGone(facts)
    this.index?.remove(facts.key)
    return false
  }

  /** Adds all keys that are there. What binds meanwhile adds itself, in the order of the calls. */
  private async build(keys: KeyIndex, store: BlobStore): Promise<void> {
    const { segments, index } = store
    for (let next = segments.after(0); next.length > 0; next = segments.after(next.at(-1)!)) {
      for (const segment of next) {
        const entries = [...await segments.entriesOf(segment).catch(() => [])]
        for (const [i, entry] of entries.entries()) {
          if (i % ENTRIES_IN_ONE_GO === 0) await keys.written()
          if (!this.isPresent(store) || keys.isLost) return
          if (index.findIf(entry.low, entry.high, segment, entry.recordNum) >= 0) keys.add(entry)
        }
      }
    }
    await keys.written() // A page that is asked for already may be read as soon as the index is ready.
    if (this.isPresent(store)) keys.built()
  }

  /** Lets the index go before the store is closed: stops what is under way. */
  async stop(): Promise<void> {
    this.isClosing = true
    await this.following
    await this.building
  }

  /** Closes the index of a store that is closed. With `isSafe` all that the store knows is on the disk. */
  async close(isSafe: boolean): Promise<void> {
    const { index, life: { store } } = this
    await index?.close(isSafe && this.followed === store && !store.retreat.isLeft ? store.numbers.seqNum : null)
  }
}
