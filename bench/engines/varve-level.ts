/** Varve through abstract-level. */
import { VarveLevel } from '../../src/level.js'
import { CACHE_BYTES, WRITE_BUFFER_BYTES } from '../store.js'
import type { EngineAdapter } from '../store.js'
import { levelStore } from './level-store.js'
import type { LevelDatabase } from './level-store.js'
import { settle, varve } from './varve.js'

export const varveLevel: EngineAdapter = {
  name: 'varve-level',
  role: 'ours',
  version: varve.version,
  async open({ dir, stringKeys, blockCacheBytes = CACHE_BYTES, writeBufferBytes = WRITE_BUFFER_BYTES }) {
    const db = new VarveLevel<string | Buffer, Buffer>(dir, {
      keyEncoding: stringKeys ? 'utf8' : 'buffer',
      valueEncoding: 'buffer',
      writeBufferSize: writeBufferBytes,
      cacheSize: blockCacheBytes,
    })
    await db.open()
    return levelStore(db as LevelDatabase, () => settle(db.engine))
  },
}
