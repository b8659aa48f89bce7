/** The engines, ours first. */
import type { EngineAdapter } from '../store.js'
import { betterSqlite3 } from './better-sqlite3.js'
import { blobCache } from './blob-cache.js'
import { cacache } from './cacache.js'
import { classicLevel } from './classic-level.js'
import { lmdb } from './lmdb.js'
import { logFloor } from './log-floor.js'
import { nothingLevel } from './nothing-level.js'
import { plainFiles } from './plain-files.js'
import { rocksdb } from './rocksdb.js'
import { undiciSqlite } from './undici-sqlite.js'
import { varve, varveLz4 } from './varve.js'
import { varveLevel } from './varve-level.js'

export const engines: readonly EngineAdapter[] = [
  varve, varveLz4, varveLevel, nothingLevel, classicLevel, lmdb, betterSqlite3, rocksdb, plainFiles, logFloor,
  blobCache, cacache, undiciSqlite,
]
