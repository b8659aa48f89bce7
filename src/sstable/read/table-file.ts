/**
 * What: the file of a table that a version lists, open while its pool has room.
 * Does not own: the pool. Thread: that of the pool; opening it again blocks.
 */
import { errnoOf, ioError, openListedError, runSync, tableFileName, VarveError } from '../../base/index.js'
import type { TableFacts } from '../../base/index.js'
import { PooledFile } from '../../vfs/index.js'
import type { FilePool, Vfs } from '../../vfs/index.js'
import { checkSameTable } from './table-open.js'

/** Where the tables of a database are, and the pool of their open files. */
export interface TableContext {
  vfs: Vfs
  dir: string
  databaseId: Uint8Array
  pool: FilePool
}

/**
 * Gives a table's file, not open yet. A read that must open it again throws MISSING_FILE, or CORRUPTION when it is
 * another file by then.
 */
export function listedTable(
  { vfs, dir, databaseId, pool }: TableContext, facts: TableFacts,
): { file: PooledFile; name: string } {
  const name = tableFileName(facts.fileNum)
  const file = new PooledFile({
    vfs, path: vfs.join(dir, name), pool,
    check: (opened) => runSync(checkSameTable({ file: opened, name }, facts, databaseId)),
    reopenError: (error) => (pool.isKeeping ? goneError(error, name) : openListedError(error, name)),
  })
  return { file, name }
}

/** Opens a table's file. Throws MISSING_FILE, or IO_ERROR. */
export function openListedTable(place: TableContext, facts: TableFacts): { file: PooledFile; name: string } {
  const listed = listedTable(place, facts)
  try {
    listed.file.openSync()
  } catch (error) {
    throw openListedError(error, listed.name)
  }
  return listed
}

/** Makes the error for a table that is gone, and that a view with more room would have kept open. */
function goneError(error: unknown, name: string): VarveError {
  if (errnoOf(error) !== 'ENOENT') return ioError(error, 'open', name)
  return new VarveError('MISSING_FILE', `${name} was removed by another process while it had to be closed`, {
    cause: error, file: name,
    hint: 'begin again: the database was read anew; with more files (maxOpenFiles, ulimit -n) all tables stay open',
  })
}
