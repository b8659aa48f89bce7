/**
 * What: a directory that a tool makes: checkpoint, restore, import, repair. It stands beside its place as
 * `<target>.tmp.<pid>.<ns>` while it is made, and takes its name when all in it is whole and synced.
 * Owns: that directory until it has its name, or is removed. Does not own: what is made in it. Thread: main.
 * Invariants: CP-4, EXP-5, REP-6 the target appears whole or not at all, and nothing that is there is replaced. CP-5
 * what has the name is durable.
 */
import { directoryError, errnoOf, invalidArgument, ioError, parseFileName, VarveError } from '../base/index.js'
import type { Vfs } from '../vfs/index.js'
import { namesIn } from './found-directory.js'

export class NewDirectory {
  readonly vfs: Vfs
  /** The directory while it is made. */
  readonly dir: string
  /** Its final path, without links. */
  readonly location: string
  readonly parent: string
  /** True when an empty directory has the name. */
  private readonly isThere: boolean
  private isMade = false

  private constructor(vfs: Vfs, place: { location: string; parent: string; dir: string; isThere: boolean }) {
    this.vfs = vfs
    this.dir = place.dir
    this.location = place.location
    this.parent = place.parent
    this.isThere = place.isThere
  }

  /**
   * Looks whether a directory may be made there; makes nothing. `source` is what is read for it, by its real path.
   * `suffix` is one that no other process or moment has. Throws ALREADY_EXISTS for anything but an empty directory,
   * NOT_FOUND without a parent, INVALID_ARGUMENT for a place inside of the source or around it.
   */
  static async find(vfs: Vfs, target: string, source: string | null, suffix: string): Promise<NewDirectory> {
    try {
      const { location, parent } = await placeOf(vfs, target)
      if (source !== null) checkApart(vfs, location, source)
      const info = await vfs.stat(location)
      const isThere = info !== null
      if (isThere && (info.kind !== 'directory' || (await vfs.list(location)).length > 0)) {
        throw new VarveError('ALREADY_EXISTS', `${target} exists, and is no empty directory`, {
          hint: 'name a directory that does not exist yet',
        })
      }
      return new NewDirectory(vfs, { location, parent, dir: `${location}.tmp.${suffix}`, isThere })
    } catch (error) {
      throw errnoOf(error) === '' ? error : directoryError(error, 'look at', target)
    }
  }

  async make(): Promise<void> {
    try {
      await this.vfs.mkdir(this.dir)
      this.isMade = true
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') await this.vfs.rmdir(this.dir).catch(() => undefined) // it may be there
      throw directoryError(error, 'create', this.dir)
    }
  }

  pathOf(name: string): string {
    return this.vfs.join(this.dir, name)
  }

  /**
   * Gives the directory its name, durably. Requires: what is in it is closed and synced. When that fails it has its
   * first name again, as far as that can be: who was told of a failure must not find the target.
   */
  async takeName(): Promise<void> {
    const { vfs, dir, location, parent } = this
    try {
      if (this.isThere) await vfs.rmdir(location)
      else if ((await vfs.stat(location)) !== null) throw this.takenError()
      await vfs.rename(dir, location)
      await vfs.syncDir(parent)
      this.isMade = false
    } catch (error) {
      await this.giveBack()
      if (['ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes(errnoOf(error))) throw this.takenError()
      throw ioError(error, 'name', location)
    }
  }

  private async giveBack(): Promise<void> {
    const { vfs, dir, location } = this
    const hasName = await vfs.stat(dir).then((info) => info === null, () => false)
    if (hasName) await vfs.rename(location, dir).catch(() => undefined)
    const isGone = await vfs.stat(location).then((info) => info === null, () => false)
    if (this.isThere && isGone) await vfs.mkdir(location).catch(() => undefined)
  }

  private takenError(): VarveError {
    return new VarveError('ALREADY_EXISTS', `somebody else has made ${this.location} meanwhile`)
  }

  /** Removes what is not finished, as far as that can be. Never rejects. */
  async abandon(): Promise<void> {
    if (!this.isMade) return
    this.isMade = false
    await removeDirectory(this.vfs, this.dir)
  }
}

/** Finds the real path of a directory that is or will be there, and of the one around it. Throws NOT_FOUND without. */
export async function placeOf(vfs: Vfs, target: string): Promise<{ location: string; parent: string }> {
  const above = vfs.parent(target)
  if ((await vfs.stat(above)) === null) {
    throw new VarveError('NOT_FOUND', `${above} does not exist`, { hint: 'make it first; nothing was changed' })
  }
  const location = (await vfs.stat(target)) === null
    ? vfs.join(await vfs.realPath(above), lastName(vfs, target)) : await vfs.realPath(target)
  return { location, parent: vfs.parent(location) }
}

/** Throws INVALID_ARGUMENT unless neither of the two real paths is inside of the other one. */
export function checkApart(vfs: Vfs, location: string, source: string): void {
  if (!isInside(vfs, location, source) && !isInside(vfs, source, location)) return
  throw invalidArgument(`${location} is inside of the database in ${source}, or around it: name one beside it`)
}

/** True when a real path is that of the other one, or of something in it. */
export function isInside(vfs: Vfs, inner: string, outer: string): boolean {
  return inner === outer || inner.startsWith(vfs.join(outer, '-').slice(0, -1))
}

/** Removes a directory with all in it, as far as that can be. */
export async function removeDirectory(vfs: Vfs, dir: string): Promise<void> {
  await removeFiles(vfs, dir)
  const left = await namesIn(dir, vfs).catch(() => [])
  for (const name of left) await vfs.unlink(vfs.join(dir, name)).catch(() => undefined)
  await vfs.rmdir(dir).catch(() => undefined)
}

/**
 * Removes what is in a directory but for the files of its lock, as far as that can be; the marker first, so that what
 * is left of it is no database.
 */
export async function removeFiles(vfs: Vfs, dir: string): Promise<void> {
  const kindOf = (name: string): string | undefined => parseFileName(name)?.kind
  const names = (await namesIn(dir, vfs).catch(() => [])).filter((name) => kindOf(name) !== 'lock')
  const markers = names.filter((name) => kindOf(name) === 'marker')
  for (const name of [...markers, ...names.filter((each) => !markers.includes(each))]) {
    const path = vfs.join(dir, name)
    const info = await vfs.stat(path).catch(() => null)
    if (info?.kind === 'directory') await removeDirectory(vfs, path)
    else await vfs.unlink(path).catch(() => undefined)
  }
}

/** The last name of a path. */
export function lastName(vfs: Vfs, path: string): string {
  const ends = vfs.join('a', 'b').includes('\\') ? /[^\\/]+(?=[\\/]*$)/ : /[^/]+(?=\/*$)/
  return ends.exec(path)?.[0] ?? path
}
