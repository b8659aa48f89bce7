/**
 * What: a load: sorts entries, writes tables of them, and ingests these all or nothing.
 * Thread: main.
 */
import { VarveError } from '../base/index.js'
import type { Engine } from '../engine/index.js'
import type { LoadCall, LoadResult, LoadSource } from './load-options.js'

/**
 * Puts all entries into the database at once, or none. Of entries with one key the last counts. Rejects with the
 * error of the source, the reason of the signal, CLOSED, INVALID_ARGUMENT, or as writes do; then nothing has changed.
 */
export async function loadEntries(_engine: Engine, _source: LoadSource, _call: LoadCall): Promise<LoadResult> {
  throw new VarveError('INTERNAL', 'a load is not there yet')
}
