/**
 * What: where an import makes a database (directory/new-directory.ts), and what killed imports have left there.
 * Owns: nothing. Thread: main.
 */
import { ioError, VarveError } from '../base/index.js'
import { findDirectory, lastName, namesIn, NewDirectory, removeFiles, targetOfTemp } from '../directory/index.js'
import { UniqueNames } from '../engine/index.js'
import type { ResolvedOptions } from '../engine/index.js'
import type { Vfs } from '../vfs/index.js'

/**
 * Finds out whether the target may be made, and removes what imports that were killed have left of it. Rejects with
 * ALREADY_EXISTS when something is in it, NOT_FOUND when the directory around it is not there.
 */
export async function findImportTarget(vfs: Vfs, target: string, { clock }: ResolvedOptions): Promise<NewDirectory> {
  if ((await findDirectory(target, vfs)) !== null && (await namesIn(target, vfs)).length > 0) {
    throw new VarveError('ALREADY_EXISTS', `${target} is not empty`, {
      hint: `give another target, or import into the database that is there (into: 'existing', --existing)`,
    })
  }
  const names = new UniqueNames(clock)
  for (let isFirst = true; ; isFirst = false) {
    const found = await NewDirectory.find(vfs, target, null, names.next())
    if (isFirst) await removeLeftovers(found)
    // A process that was killed had perhaps this one's number.
    if ((await vfs.stat(found.dir)) === null) return found
  }
}

/** A file of this name is in the new database until it is whole: without it, it is somebody's. */
const UNFINISHED_NAME = 'import.unfinished'

/** Makes the directory, and says in it that the database is not whole. */
export async function makeUnfinished(target: NewDirectory): Promise<void> {
  await target.make()
  const path = target.pathOf(UNFINISHED_NAME)
  try {
    await (await target.vfs.open(path, 'create')).close()
  } catch (error) {
    throw ioError(error, 'create', path)
  }
}

/** Gives the database, which is whole and closed, its name. */
export async function finishTarget(target: NewDirectory): Promise<void> {
  const { vfs, dir } = target
  try {
    await vfs.unlink(target.pathOf(UNFINISHED_NAME))
    await vfs.syncDir(dir)
  } catch (error) {
    throw ioError(error, 'finish', dir)
  }
  await target.takeName()
}

/** Removes unfinished databases beside the target that nobody has open. An import that goes on has its own. */
async function removeLeftovers({ vfs, location, parent }: NewDirectory): Promise<void> {
  const base = lastName(vfs, location)
  for (const name of await namesIn(parent, vfs)) {
    if (targetOfTemp(name) !== base) continue
    const dir = vfs.join(parent, name)
    try {
      const names = await vfs.list(dir)
      if (names.includes(UNFINISHED_NAME)) {
        const lock = await vfs.lock(dir)
        await removeFiles(vfs, dir).finally(() => lock.discard())
      } else if (names.length > 0) continue // it is somebody's, or another tool makes something there
      await vfs.rmdir(dir)
    } catch {
      // Somebody has it, or it is no directory.
    }
  }
}
