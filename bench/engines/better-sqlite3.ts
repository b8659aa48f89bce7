/**
 * better-sqlite3: one table without rowid, write-ahead log, synchronous=NORMAL; FULL for the rows that
 * wait for the disk. Its calls are synchronous; the awaited rows put them behind a promise.
 */
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { CACHE_BYTES, loadPeer, peerVersion } from '../store.js'
import type { EngineAdapter, Key, Store, StoreOptions } from '../store.js'

interface Statement {
  run(...values: unknown[]): void
  get(...values: unknown[]): unknown
  all(...values: unknown[]): unknown[]
  iterate(...values: unknown[]): IterableIterator<unknown>
  raw(): Statement
  pluck(): Statement
}

interface SqliteDatabase {
  pragma(text: string): void
  exec(text: string): void
  prepare(text: string): Statement
  transaction<Args extends unknown[]>(run: (...args: Args) => void): (...args: Args) => void
  close(): void
}

type SqliteModule = new (file: string) => SqliteDatabase

function openDatabase({ dir, stringKeys, durable, blockCacheBytes = CACHE_BYTES }: StoreOptions): SqliteDatabase {
  mkdirSync(dir, { recursive: true })
  const db = new (loadPeer<SqliteModule>('better-sqlite3'))(path.join(dir, 'bench.sqlite'))
  db.pragma('journal_mode = WAL')
  db.pragma(`synchronous = ${durable ? 'FULL' : 'NORMAL'}`)
  db.pragma(`cache_size = ${-blockCacheBytes / 1024}`)
  db.exec(`CREATE TABLE IF NOT EXISTS kv (k ${stringKeys ? 'TEXT' : 'BLOB'} PRIMARY KEY, v BLOB) WITHOUT ROWID`)
  return db
}

export const betterSqlite3: EngineAdapter = {
  name: 'better-sqlite3',
  role: 'peer',
  areas: ['ordinary', 'large', 'cache'],
  packageName: 'better-sqlite3',
  version: () => peerVersion('better-sqlite3'),
  async open(options): Promise<Store> {
    const db = openDatabase(options)
    const put = db.prepare('INSERT INTO kv VALUES (?, ?) ON CONFLICT (k) DO UPDATE SET v = excluded.v')
    const get = db.prepare('SELECT v FROM kv WHERE k = ?').pluck()
    const scan = db.prepare('SELECT k, v FROM kv ORDER BY k').raw()
    const seek = db.prepare('SELECT k, v FROM kv WHERE k >= ? ORDER BY k LIMIT ?').raw()
    const getOne = (key: Key): Uint8Array | undefined => get.get(key) as Uint8Array | undefined
    return {
      batch: db.transaction((keys: readonly Key[], values: readonly Buffer[]) => {
        for (let i = 0; i < keys.length; i++) put.run(keys[i]!, values[i]!)
      }),
      put: async (key, value) => put.run(key, value),
      putSync: (key, value) => put.run(key, value),
      putDurable: async (key, value) => put.run(key, value),
      putDurableSync: (key, value) => put.run(key, value),
      get: async (key) => getOne(key),
      getSync: getOne,
      getMany: async (keys) => keys.map(getOne),
      scan(visit) {
        for (const row of scan.iterate()) visit(...(row as [Uint8Array | string, Uint8Array]))
      },
      seek: (start, limit) => seek.all(start, limit).length,
      settle: () => db.pragma('wal_checkpoint(TRUNCATE)'),
      close: async () => db.close(),
    }
  },
}
