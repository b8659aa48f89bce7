/** classic-level: LevelDB through abstract-level, with its compression as it comes. */
import { CACHE_BYTES, loadPeer, peerVersion, WRITE_BUFFER_BYTES } from '../store.js'
import type { EngineAdapter, Key } from '../store.js'
import { levelStore } from './level-store.js'
import type { LevelDatabase } from './level-store.js'

interface ClassicLevelDatabase extends LevelDatabase {
  compactRange(from: Key, to: Key): Promise<void>
}

interface ClassicLevelModule {
  ClassicLevel: new (location: string, options: object) => ClassicLevelDatabase
}

const FIRST_AND_LAST: Record<'strings' | 'bytes', [Key, Key]> = {
  strings: ['\u0000', '\uffff'], bytes: [Buffer.alloc(1), Buffer.alloc(17, 255)],
}

export const classicLevel: EngineAdapter = {
  name: 'classic-level',
  role: 'peer',
  packageName: 'classic-level',
  version: () => peerVersion('classic-level'),
  async open({ dir, stringKeys, blockCacheBytes = CACHE_BYTES, writeBufferBytes = WRITE_BUFFER_BYTES }) {
    const { ClassicLevel } = loadPeer<ClassicLevelModule>('classic-level')
    const db = new ClassicLevel(dir, {
      keyEncoding: stringKeys ? 'utf8' : 'buffer',
      valueEncoding: 'buffer',
      writeBufferSize: writeBufferBytes,
      cacheSize: blockCacheBytes,
    })
    await db.open()
    // All keys of a run lie between these two.
    return levelStore(db, () => db.compactRange(...FIRST_AND_LAST[stringKeys ? 'strings' : 'bytes']))
  },
}
