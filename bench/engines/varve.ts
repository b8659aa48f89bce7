/** Varve's native API, with the blocks of its tables as they are, and packed. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { Varve } from '../../src/index.js'
import { CACHE_BYTES, rootDir, WRITE_BUFFER_BYTES } from '../store.js'
import type { EngineAdapter, Store, StoreOptions } from '../store.js'

const SYNC = { sync: true }
/** Values of the large rows are written once; all others are far below. */
const VALUE_THRESHOLD = 4096

const LOOK_MS = 20

/** Resolves when nothing is under way and no level asks for work. */
export async function settle(db: Varve): Promise<void> {
  for (;;) {
    const { flush, compaction } = db.stats()
    const isBusy = flush.pending > 0 || compaction.active > 0
    if (!isBusy && compaction.levels.every(({ score }) => score < 1)) return
    await setTimeout(LOOK_MS)
  }
}

async function openStore(options: StoreOptions, compression: 'lz4' | 'none'): Promise<Store> {
  const { dir, blockCacheBytes = CACHE_BYTES, writeBufferBytes = WRITE_BUFFER_BYTES } = options
  const db = await Varve.open(dir, {
    writeBufferSize: writeBufferBytes, blockCacheSize: blockCacheBytes, valueThreshold: VALUE_THRESHOLD,
    compression,
  })
  return {
    batch: (keys, values) => db.batch(keys.map((key, i) => ({ type: 'put', key, value: values[i]! }))),
    put: (key, value) => db.put(key, value),
    putSync: (key, value) => db.putSync(key, value),
    putDurable: (key, value) => db.put(key, value, SYNC),
    putDurableSync: (key, value) => db.putSync(key, value, SYNC),
    get: (key) => db.get(key),
    getSync: (key) => db.getSync(key),
    getMany: (keys) => db.getMany(keys),
    scan(visit) {
      for (const [key, value] of db.entriesSync()) visit(key, value)
    },
    seek(start, limit) {
      let count = 0
      for (const [, value] of db.entriesSync({ gte: start, limit })) if (value.length >= 0) count++
      return count
    },
    settle: () => settle(db),
    close: () => db.close(),
  }
}

export const varve: EngineAdapter = {
  name: 'varve',
  role: 'ours',
  version: () => (JSON.parse(readFileSync(path.join(rootDir, 'package.json'), 'utf8')) as { version: string }).version,
  open: (options) => openStore(options, 'none'),
}

export const varveLz4: EngineAdapter = {
  ...varve,
  name: 'varve-lz4',
  areas: ['ordinary'],
  open: (options) => openStore(options, 'lz4'),
}
