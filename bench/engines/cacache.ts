/** cacache: content by its hash and an index of keys, as files; npm's cache. It evicts nothing by itself. */
import { loadPeer, peerVersion } from '../store.js'
import type { EngineAdapter } from '../store.js'
import { onlyPutAndGet } from './put-and-get.js'

interface CacacheModule {
  put(dir: string, key: string, data: Uint8Array): Promise<unknown>
  get(dir: string, key: string): Promise<{ data: Buffer }>
}

export const cacache: EngineAdapter = {
  name: 'cacache',
  role: 'peer',
  packageName: 'cacache',
  areas: ['cache'],
  version: () => peerVersion('cacache'),
  async open({ dir }) {
    const { put, get } = loadPeer<CacacheModule>('cacache')
    return {
      ...onlyPutAndGet,
      put: (key, value) => put(dir, String(key), value),
      async get(key) {
        try {
          return (await get(dir, String(key))).data
        } catch (error) {
          if ((error as { code?: unknown }).code === 'ENOENT') return undefined
          throw error
        }
      },
      close: async () => undefined,
    }
  },
}
