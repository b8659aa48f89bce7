/**
 * What: names the files of a database directory that are not part of the database and that no open deletes, and
 * removes them when a user asks for it and everything else is whole.
 * Thread: main.
 */
import { directoryError, runAsync, step, tableFileName, VarveError } from '../base/index.js'
import type { ErrorDetails, Steps, TableFacts } from '../base/index.js'
import { lockFor } from '../directory/index.js'
import type { ResolvedOptions } from '../engine/index.js'
import { allTables } from '../manifest/index.js'
import { checkValues } from '../read/index.js'
import { checkTable, readTableFacts } from '../sstable/index.js'
import type { TableProblem } from '../sstable/index.js'
import type { KeptFile } from '../stats/index.js'
import { HeldVfs, withFile } from '../vfs/index.js'
import type { Vfs } from '../vfs/index.js'
import { openReadOnly } from './read-only.js'
import type { ReadOnlyView } from './read-only.js'

/** What is known of a kept file. */
export interface KeptFileInfo extends KeptFile {
  bytes: number
  /** What a whole table holds; null for any other file. */
  table: { entryCount: number; smallestSeqNum: number; largestSeqNum: number } | null
}

/** Lists the kept files. It only reads, and may run beside a writer. Throws what a read-only open throws. */
export async function listOrphans(location: string, vfs: Vfs, options: ResolvedOptions): Promise<KeptFileInfo[]> {
  const view = await openReadOnly(location, vfs, options)
  try {
    return await describe(view, vfs)
  } finally {
    await view.close()
  }
}

/**
 * Removes the kept files, when nobody has the database open for writing. First it reads from beginning to end every
 * table that the manifest lists, every value that these point to, and the logs. What is doubtful in any way is an
 * error, and nothing is removed.
 */
export async function deleteOrphans(location: string, vfs: Vfs, options: ResolvedOptions): Promise<KeptFileInfo[]> {
  await listOrphans(location, vfs, options) // first: without a database no file of a lock is made
  const dir = await vfs.realPath(location)
  const lock = await lockFor(dir, vfs)
  const held = new HeldVfs(vfs, dir, lock)
  try {
    const view = await openReadOnly(dir, held, options)
    try {
      const files = await describe(view, held)
      checkCertain(view, files)
      await checkFiles(view, held)
      await remove(held, dir, files)
      return files
    } finally {
      await view.close()
    }
  } finally {
    await lock.release()
  }
}

/** Throws when anything is lost elsewhere: these files may be the only ones that have it. */
function checkCertain({ report: { cut } }: ReadOnlyView, files: readonly KeptFileInfo[]): void {
  if (cut !== null) {
    throw new VarveError('CORRUPTION', `history ends in ${cut.file} before its last byte`, {
      file: cut.file, offset: cut.offset,
      hint: 'open the database once and see what is there, then ask again; nothing was removed',
    })
  }
  const unreadable = files.find(({ reason }) => reason === 'unreadable')
  if (unreadable === undefined) return
  throw new VarveError('CORRUPTION', `nobody can say what ${unreadable.file} is`, {
    file: unreadable.file, hint: 'move it away by hand when it is not needed; nothing was removed',
  })
}

/** Throws the first thing that is wrong in a listed table, or a value log, with the count of the other problems. */
async function checkFiles(view: ReadOnlyView, vfs: Vfs): Promise<void> {
  const errors: VarveError[] = []
  const report = ({ error }: Pick<TableProblem, 'error'>): void => void errors.push(error)
  for (const facts of allTables(view.sight.version)) await runAsync(checkListed(view, vfs, facts, report))
  // A table that is damaged may not tell where its values are.
  if (errors.length === 0) {
    await checkValues(view.state, view.turns, (error) => {
      if (!VarveError.is(error)) throw error
      report({ error })
    })
  }
  const [first] = errors
  if (first === undefined) return
  if (errors.length === 1) throw first
  const more = `and ${errors.length - 1} more in the tables and value logs of this database`
  throw new VarveError(first.code, `${first.message} (${more})`, { ...(first as ErrorDetails), cause: first })
}

function* checkListed(
  { sight, dir, turns }: ReadOnlyView, vfs: Vfs, facts: TableFacts, report: (problem: TableProblem) => void,
): Steps<void> {
  const name = tableFileName(facts.fileNum)
  const giveWay = { sync: () => undefined, async: () => turns.next() }
  yield* withFile(vfs, vfs.join(dir, name), 'read', function* (file) {
    const options = { file, name, facts, databaseId: sight.databaseId }
    const checking = checkTable(options, report)
    while (checking.next().done !== true) if (turns.isOverNow()) yield* step<unknown>(giveWay)
  })
}

async function remove(vfs: Vfs, dir: string, files: readonly KeptFileInfo[]): Promise<void> {
  try {
    for (const { file } of files) await vfs.unlink(vfs.join(dir, file))
    if (files.length > 0) await vfs.syncDir(dir)
  } catch (error) {
    throw directoryError(error, 'remove orphans from', dir)
  }
}

async function describe({ report, dir }: ReadOnlyView, vfs: Vfs): Promise<KeptFileInfo[]> {
  const infos: KeptFileInfo[] = []
  for (const kept of report.keptFiles) {
    const size = (await vfs.stat(vfs.join(dir, kept.file)))?.size ?? 0
    infos.push({ ...kept, bytes: size, table: await describeTable(vfs, vfs.join(dir, kept.file), kept.file) })
  }
  return infos
}

/** Describes a whole table; null for any other file. */
async function describeTable(vfs: Vfs, path: string, name: string): Promise<KeptFileInfo['table']> {
  try {
    const facts = await runAsync(withFile(vfs, path, 'read', (file) => readTableFacts({ file, name })))
    const { entryCount, smallestSeqNum, largestSeqNum } = facts
    return { entryCount, smallestSeqNum, largestSeqNum }
  } catch {
    return null
  }
}
