/** classic-level: LevelDB through abstract-level, with its compression as it comes. */
import { CACHE_BYTES, loadPeer, peerVersion, WRITE_BUFFER_BYTES } from '../store.js'
import type { EngineAdapter } from '../store.js'
import { levelStore } from './level-store.js'
import type { LevelDatabase } from './level-store.js'

interface ClassicLevelModule {
  ClassicLevel: new (location: string, options: object) => LevelDatabase
}

export const classicLevel: EngineAdapter = {
  name: 'classic-level',
  role: 'peer',
  packageName: 'classic-level',
  version: () => peerVersion('classic-level'),
  async open({ dir, stringKeys }) {
    const { ClassicLevel } = loadPeer<ClassicLevelModule>('classic-level')
    const db = new ClassicLevel(dir, {
      keyEncoding: stringKeys ? 'utf8' : 'buffer',
      valueEncoding: 'buffer',
      writeBufferSize: WRITE_BUFFER_BYTES,
      cacheSize: CACHE_BYTES,
    })
    await db.open()
    return levelStore(db)
  },
}
