/**
 * What: a directory that a tool makes: checkpoint, restore, import, repair. It stands beside its place as
 * `<target>.tmp.<pid>.<ns>` while it is made, and takes its name when all in it is whole and synced.
 * Owns: that directory until it has its name, or is removed. Does not own: what is made in it. Thread: main.
 * Invariants: CP-4, EXP-5, REP-6 the target appears whole or not at all, and nothing that is there is replaced. CP-5
 * what has the name is durable.
 */
import { directoryError, errnoOf, invalidArgument, ioError, VarveError } from '../base/index.js'
import type { Vfs, VfsLock } from '../vfs/index.js'
import { removeDirectory } from './remove-files.js'
import { removeUnfinished } from './unfinished.js'

export class NewDirectory {
  readonly vfs: Vfs
  /** The directory while it is made. */
  readonly dir: string
  /** Its final path, without links. */
  readonly location: string
  readonly parent: string
  /** True when an empty directory has the name. */
  private readonly isThere: boolean
  /** What is read for it; null for no directory. */
  private readonly source: string | null
  private isMade = false
  private lock: VfsLock | null = null

  private constructor(vfs: Vfs, place: Pick<NewDirectory, 'location' | 'parent' | 'dir'> & {
    isThere: boolean
    source: string | null
  }) {
    this.vfs = vfs
    this.dir = place.dir
    this.location = place.location
    this.parent = place.parent
    this.isThere = place.isThere
    this.source = place.source
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
      return new NewDirectory(vfs, { location, parent, dir: `${location}.tmp.${suffix}`, isThere, source })
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

  /**
   * Makes it, and holds its lock until it gets its name, so that it is known for unfinished when this process is
   * killed; removes what others that were killed have left beside it.
   */
  async makeHeld(): Promise<void> {
    await removeUnfinished(this.vfs, this.parent, this.source)
    await this.make()
    try {
      this.lock = await this.vfs.lock(this.dir)
    } catch (error) {
      await this.abandon()
      throw directoryError(error, 'lock', this.dir)
    }
  }

  /** Leaves no file of the lock: what is unfinished is told by them. */
  private async letGo(): Promise<void> {
    await this.lock?.discard().catch(() => undefined)
    this.lock = null
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
    await this.letGo() // on some systems no directory can be renamed in which a file is open
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
    await this.letGo()
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

/** The last name of a path. */
export function lastName(vfs: Vfs, path: string): string {
  const ends = vfs.join('a', 'b').includes('\\') ? /[^\\/]+(?=[\\/]*$)/ : /[^/]+(?=\/*$)/
  return ends.exec(path)?.[0] ?? path
}
