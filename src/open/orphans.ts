/**
 * What: names the files of a database directory that are not part of the database and that no open deletes, and
 * removes them when a user asks for it and everything else is whole.
 * Thread: main.
 */
import { directoryError, runAsync, step, tableFileName, VarveError } from '../base/index.js'
import type { ErrorDetails, Steps, TableFacts } from '../base/index.js'
import type { ResolvedOptions } from '../engine/index.js'
import { allTables } from '../manifest/index.js'
import { checkTable, readTableFacts } from '../sstable/index.js'
import type { TableProblem } from '../sstable/index.js'
import type { KeptFile } from '../stats/index.js'
import { HeldVfs, withFile } from '../vfs/index.js'
import type { Vfs } from '../vfs/index.js'
import { lockFor } from './open.js'
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
 * Removes the kept files, when nobody has the database open for writing. First it reads every table that the
 * manifest lists from beginning to end, and the logs. What is doubtful in any way is an error, and nothing is
 * removed.
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
      await checkTables(view, held)
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

/** Throws the first thing that is wrong in a listed table, with the count of the other problems. */
async function checkTables(view: ReadOnlyView, vfs: Vfs): Promise<void> {
  const problems: TableProblem[] = []
  for (const facts of allTables(view.sight.version)) await runAsync(checkListed(view, vfs, facts, problems))
  if (problems.length === 0) return
  const { error } = problems[0]!
  if (problems.length === 1) throw error
  const more = `and ${problems.length - 1} more in the tables of this database`
  throw new VarveError(error.code, `${error.message} (${more})`, { ...(error as ErrorDetails), cause: error })
}

function* checkListed(
  { sight, dir, turns }: ReadOnlyView, vfs: Vfs, facts: TableFacts, problems: TableProblem[],
): Steps<void> {
  const name = tableFileName(facts.fileNum)
  const giveWay = { sync: () => undefined, async: () => turns.next() }
  yield* withFile(vfs, vfs.join(dir, name), 'read', function* (file) {
    const options = { file, name, facts, databaseId: sight.databaseId }
    const checking = checkTable(options, (problem) => problems.push(problem))
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
