/** Varve's blob cache, with the acknowledgement that it has by default: a put survives a killed process. */
import { BlobCache } from '../../src/blob-cache.js'
import type { EngineAdapter } from '../store.js'
import { onlyPutAndGet } from './put-and-get.js'
import { varve } from './varve.js'

export const blobCache: EngineAdapter = {
  name: 'varve-blob-cache',
  role: 'ours',
  areas: ['cache'],
  version: () => varve.version(),
  async open({ dir, cacheBytes }) {
    const cache = await BlobCache.open(dir, { maxBytes: cacheBytes })
    return {
      ...onlyPutAndGet,
      async put(key, value) {
        const result = await cache.put(key, value)
        // Of two puts of one key that wait, the later one counts.
        if (!result.stored && result.reason !== 'superseded') throw new Error(`not stored: ${result.reason}`)
      },
      get: (key) => cache.get(key),
      itemBytes() {
        const { items, memory: { indexBytes }, ghosts: { memoryBytes } } = cache.stats()
        return (indexBytes + memoryBytes) / items
      },
      close: () => cache.close(),
    }
  },
}
