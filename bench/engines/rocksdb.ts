/**
 * rocksdb-native: RocksDB with the options that its binding has by itself. Its block cache has no size to
 * set. It has no calls that block. Reads of several keys go into one of its batches.
 */
import { loadPeer, peerVersion, WRITE_BUFFER_BYTES } from '../store.js'
import type { EngineAdapter, Key, Store } from '../store.js'

interface ReadBatch {
  get(key: Key): Promise<Uint8Array | null>
  tryFlush(): void
}

interface WriteBatch {
  tryPut(key: Key, value: Uint8Array): void
  flush(): Promise<void>
}

interface RocksDatabase {
  ready(): Promise<void>
  close(): Promise<void>
  put(key: Key, value: Uint8Array): Promise<void>
  get(key: Key): Promise<Uint8Array | null>
  read(options: { capacity: number; autoDestroy: boolean }): ReadBatch
  write(options: { capacity: number; autoDestroy: boolean }): WriteBatch
  iterator(range: object, options: object): AsyncIterable<{ key: Uint8Array; value: Uint8Array }>
  flush(): Promise<void>
  compactRange(): Promise<void>
}

type RocksModule = new (dir: string, options: object) => RocksDatabase

/** Entries that an iterator fetches at a time. */
const FETCHED_MAX = 1000

export const rocksdb: EngineAdapter = {
  name: 'rocksdb',
  role: 'peer',
  packageName: 'rocksdb-native',
  areas: ['ordinary'],
  version: () => peerVersion('rocksdb-native'),
  async open({ dir, writeBufferBytes = WRITE_BUFFER_BYTES }): Promise<Store> {
    const db = new (loadPeer<RocksModule>('rocksdb-native'))(dir, { writeBufferSize: writeBufferBytes })
    await db.ready()
    return {
      batch(keys, values) {
        const batch = db.write({ capacity: keys.length, autoDestroy: true })
        for (let i = 0; i < keys.length; i++) batch.tryPut(keys[i]!, values[i]!)
        return batch.flush()
      },
      put: (key, value) => db.put(key, value),
      // Its binding has no write that waits for the disk: what a memtable holds is durable when it is flushed.
      async putDurable(key, value) {
        await db.put(key, value)
        await db.flush()
      },
      get: async (key) => (await db.get(key)) ?? undefined,
      async getMany(keys) {
        const batch = db.read({ capacity: keys.length, autoDestroy: true })
        const values = keys.map((key) => batch.get(key))
        batch.tryFlush()
        return (await Promise.all(values)).map((value) => value ?? undefined)
      },
      async scan(visit) {
        for await (const { key, value } of db.iterator({}, { capacity: FETCHED_MAX })) visit(key, value)
      },
      async seek(start, limit) {
        let count = 0
        const options = { limit, capacity: Math.min(limit, FETCHED_MAX) }
        for await (const { value } of db.iterator({ gte: start }, options)) if (value.length >= 0) count++
        return count
      },
      async settle() {
        await db.flush()
        await db.compactRange()
      },
      close: () => db.close(),
    }
  },
}
