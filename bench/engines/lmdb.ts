/**
 * lmdb: a memory-mapped B+ tree; it has no write buffer and no cache to set. Writes go to its own thread
 * and are flushed behind the promise (overlappingSync, the default); the durable rows wait for the flush.
 */
import { loadPeer, peerVersion } from '../store.js'
import type { EngineAdapter, Key, Store } from '../store.js'

interface LmdbDatabase {
  put(key: Key, value: Uint8Array): Promise<boolean>
  putSync(key: Key, value: Uint8Array): boolean
  getBinary(key: Key): Uint8Array | undefined
  getRange(options: object): Iterable<{ key: Uint8Array | string; value: Uint8Array }>
  readonly flushed: Promise<boolean>
  close(): Promise<void>
}

interface LmdbModule {
  open(options: object): LmdbDatabase
}

export const lmdb: EngineAdapter = {
  name: 'lmdb',
  role: 'peer',
  areas: ['ordinary', 'large', 'cache'],
  packageName: 'lmdb',
  version: () => peerVersion('lmdb'),
  async open({ dir, stringKeys }): Promise<Store> {
    const options = { path: dir, encoding: 'binary', ...(stringKeys ? {} : { keyEncoding: 'binary' }) }
    const db = loadPeer<LmdbModule>('lmdb').open(options)
    return {
      // Puts of one turn are one transaction; the last promise resolves with it.
      async batch(keys, values) {
        let last: Promise<boolean> | undefined
        for (let i = 0; i < keys.length; i++) last = db.put(keys[i]!, values[i]!)
        await last
      },
      put: (key, value) => db.put(key, value),
      putSync: (key, value) => void db.putSync(key, value),
      async putDurable(key, value) {
        await db.put(key, value)
        await db.flushed
      },
      get: async (key) => db.getBinary(key),
      getSync: (key) => db.getBinary(key),
      getMany: async (keys) => keys.map((key) => db.getBinary(key)),
      scan(visit) {
        for (const { key, value } of db.getRange({})) visit(key, value)
      },
      seek(start, limit) {
        let count = 0
        for (const { value } of db.getRange({ start, limit })) if (value.length >= 0) count++
        return count
      },
      async settle() {
        await db.flushed
      },
      close: () => db.close(),
    }
  },
}
