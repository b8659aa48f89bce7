/** An abstract-level database as a Store: classic-level, and Varve's facade. */
import type { Key, Store } from '../store.js'

interface LevelIterator {
  nextv(size: number): Promise<[Uint8Array | string, Uint8Array][]>
  close(): Promise<void>
}

/** The part of abstract-level that is used. */
export interface LevelDatabase {
  open(): Promise<void>
  close(): Promise<void>
  put(key: Key, value: Uint8Array, options?: { sync: boolean }): Promise<void>
  batch(operations: { type: 'put'; key: Key; value: Uint8Array }[]): Promise<void>
  get(key: Key): Promise<Uint8Array | undefined>
  getSync(key: Key): Uint8Array | undefined
  getMany(keys: readonly Key[]): Promise<(Uint8Array | undefined)[]>
  iterator(options: { gte?: Key; limit?: number }): LevelIterator
}

const SYNC = { sync: true }
const SCAN_STEP = 1000

/** Makes a Store of an abstract-level database, with `settle` as the Store's own. */
export function levelStore(db: LevelDatabase, settle: () => Promise<void>): Store {
  return {
    batch: (keys, values) => db.batch(keys.map((key, i) => ({ type: 'put', key, value: values[i]! }))),
    put: (key, value) => db.put(key, value),
    putDurable: (key, value) => db.put(key, value, SYNC),
    get: (key) => db.get(key),
    getSync: (key) => db.getSync(key),
    getMany: (keys) => db.getMany(keys),
    async scan(visit) {
      const iterator = db.iterator({})
      for (let page = await iterator.nextv(SCAN_STEP); page.length > 0; page = await iterator.nextv(SCAN_STEP)) {
        for (const [key, value] of page) visit(key, value)
      }
      await iterator.close()
    },
    async seek(start, limit) {
      const iterator = db.iterator({ gte: start, limit })
      const page = await iterator.nextv(limit)
      await iterator.close()
      return page.length
    },
    settle,
    close: () => db.close(),
  }
}
