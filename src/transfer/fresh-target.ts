/**
 * What: a directory that appears under its name when all is in it. Until then it stands beside it as
 * `<target>.tmp.<pid>.<ns>`.
 * Owns: the directory beside the target, until it has its name or is removed.
 * Thread: main.
 * Invariants: EXP-5 the target is not there, or empty as it was, until the import is whole, closed and synced.
 */
import { errnoOf, ioError, LOCK_FILE_NAME, parseFileName, VarveError } from '../base/index.js'
import { findDirectory, lastName } from '../directory/index.js'
import { UniqueNames } from '../engine/index.js'
import type { ResolvedOptions } from '../engine/index.js'
import type { Vfs } from '../vfs/index.js'

const TEMP_NAME = /\.tmp\.\d+\.\d+$/

export class FreshTarget {
  private readonly vfs: Vfs
  /** The final path, in a directory without links. */
  private readonly path: string
  /** Where the database is made. */
  readonly place: string

  private constructor(vfs: Vfs, path: string, place: string) {
    this.vfs = vfs
    this.path = path
    this.place = place
  }

  /**
   * Finds out whether the target may be made, and removes what imports that were killed have left of it. Rejects with
   * ALREADY_EXISTS when something is in it, NOT_FOUND when the directory around it is not there.
   */
  static async find(vfs: Vfs, target: string, { clock }: ResolvedOptions): Promise<FreshTarget> {
    const info = await findDirectory(target, vfs)
    if (info !== null && (await vfs.list(target)).length > 0) throw takenError(target)
    const path = info === null ? await pathOf(vfs, target) : await vfs.realPath(target)
    await removeLeftovers(vfs, path)
    const names = new UniqueNames(clock)
    for (;;) {
      const place = `${path}.tmp.${names.next()}`
      if ((await vfs.stat(place)) === null) return new FreshTarget(vfs, path, place)
    }
  }

  /** Gives the directory its name. Requires: what is in it is closed and synced. */
  async finish(): Promise<void> {
    const { vfs, path, place } = this
    try {
      if ((await vfs.stat(path)) !== null) await vfs.rmdir(path)
      await vfs.rename(place, path)
      await vfs.syncDir(vfs.parent(path))
    } catch (error) {
      throw errnoOf(error) === 'ENOTEMPTY' ? takenError(path) : ioError(error, 'name', path)
    }
  }

  /** Removes what was made. Never rejects: what cannot be removed stays, under a name that says what it is. */
  async abandon(): Promise<void> {
    await removeDirectory(this.vfs, this.place)
  }
}

function takenError(target: string): VarveError {
  return new VarveError('ALREADY_EXISTS', `${target} is not empty`, {
    hint: `give another target, or import into the database that is there (into: 'existing')`,
  })
}

/** The path as it is, when its directory is there. */
async function pathOf(vfs: Vfs, target: string): Promise<string> {
  const parent = vfs.parent(target)
  if ((await findDirectory(parent, vfs)) !== null) return vfs.join(await vfs.realPath(parent), lastName(vfs, target))
  throw new VarveError('NOT_FOUND', `${parent}, where ${target} should be made, does not exist`)
}

/** Removes the databases beside the target that nobody has open. An import that goes on has its own. */
async function removeLeftovers(vfs: Vfs, path: string): Promise<void> {
  const parent = vfs.parent(path)
  const base = path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1)
  for (const name of await vfs.list(parent)) {
    if (!name.startsWith(base) || !TEMP_NAME.test(name) || name.replace(TEMP_NAME, '') !== base) continue
    const dir = vfs.join(parent, name)
    try {
      const names = await vfs.list(dir)
      if (names.includes(LOCK_FILE_NAME)) {
        const lock = await vfs.lock(dir)
        await removeFiles(vfs, dir).finally(() => lock.discard())
      } else if (names.length > 0) continue // another tool makes something there
      await vfs.rmdir(dir)
    } catch {
      // Somebody has it, or it is no directory.
    }
  }
}

async function removeDirectory(vfs: Vfs, dir: string): Promise<void> {
  try {
    await removeFiles(vfs, dir)
    for (const name of await vfs.list(dir)) await vfs.unlink(vfs.join(dir, name))
    await vfs.rmdir(dir)
  } catch {
    // The caller hears of what was wrong before.
  }
}

/** Removes the files of a database, the marker first: what is left by a crash in between is none. */
async function removeFiles(vfs: Vfs, dir: string): Promise<void> {
  const names = await vfs.list(dir)
  const kindOf = (name: string) => parseFileName(name)?.kind
  const markers = names.filter((name) => kindOf(name) === 'marker')
  const others = names.filter((name) => !['marker', 'lock', undefined].includes(kindOf(name)))
  for (const name of [...markers, ...others]) await vfs.unlink(vfs.join(dir, name))
}
