/**
 * What: reads a LevelDB directory as sorted live entries.
 * Thread: main.
 */
import { VarveError } from '../base/index.js'
import type { Vfs } from '../vfs/index.js'
import type { LevelReading, LevelReadOptions } from './level-options.js'

/**
 * Reads the LevelDB database in `dir`, of which no file is changed and no lock is taken. Nothing is read before the
 * first chunk is asked for. Then the chunks throw NOT_FOUND where there is no LevelDB database, NOT_SUPPORTED for
 * RocksDB's, for another order of keys, and for blocks in a packing that this platform cannot undo, UNSUPPORTED_FORMAT
 * for fields and kinds of entry that LevelDB does not have, LOCKED when the directory changed meanwhile, CORRUPTION,
 * MISSING_FILE, IO_ERROR, or the reason of the signal.
 */
export function readLevelDatabase(_vfs: Vfs, _dir: string, _options: LevelReadOptions): LevelReading {
  throw new VarveError('INTERNAL', 'LevelDB directories cannot be read yet')
}
