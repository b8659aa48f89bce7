/**
 * undici's SqliteCacheStore: a table of responses with their bodies, in the SQLite of Node 22, which the npm package
 * `node` brings. It can be bounded by the number of entries only, so here it keeps everything.
 */
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { loadPeer, peerVersion, rootDir } from '../store.js'
import type { EngineAdapter, Key } from '../store.js'
import { onlyPutAndGet } from './put-and-get.js'

interface ResponseStore {
  set(key: object, value: object): void
  get(key: object): { body?: Buffer } | undefined
  close(): void
}

interface UndiciModule {
  cacheStores: { SqliteCacheStore: new (options: { location: string }) => ResponseStore }
}

const HOUR_MS = 3_600_000

export const undiciSqlite: EngineAdapter = {
  name: 'undici-sqlite',
  role: 'peer',
  packageName: 'undici',
  areas: ['cache'],
  nodePath: () => path.join(rootDir, 'bench/node_modules/node/bin/node'),
  version: () => `${peerVersion('undici')} on Node ${peerVersion('node')}`,
  async open({ dir }) {
    mkdirSync(dir, { recursive: true })
    const { SqliteCacheStore } = loadPeer<UndiciModule>('undici').cacheStores
    const store = new SqliteCacheStore({ location: path.join(dir, 'cache.sqlite') })
    const requestOf = (key: Key): object => ({ origin: 'http://localhost', method: 'GET', path: `/${String(key)}` })
    return {
      ...onlyPutAndGet,
      async put(key, body) {
        const cachedAt = Date.now()
        const response = { statusCode: 200, statusMessage: 'OK', headers: {}, cachedAt, body }
        store.set(requestOf(key), { ...response, staleAt: cachedAt + HOUR_MS, deleteAt: cachedAt + 2 * HOUR_MS })
      },
      get: async (key) => store.get(requestOf(key))?.body,
      close: async () => store.close(),
    }
  },
}
