/**
 * What: the directory that a checkpoint becomes. It is made beside its name, as `<target>.tmp.<pid>.<ns>`, and takes
 * the name when it is whole and synced.
 * Owns: that directory until it has its name. Thread: main.
 * Invariants: CP-4 the target appears whole or not at all. CP-5 what has the name is durable.
 */
import { directoryError, errnoOf, ioError, runAsync, VarveError } from '../base/index.js'
import type { FileNum, FileOrigin } from '../base/index.js'
import { lastName, moveMarker, namesIn } from '../directory/index.js'
import { createManifest } from '../manifest/index.js'
import type { Version } from '../manifest/index.js'
import type { Vfs } from '../vfs/index.js'

/** Errors by which a file system says that something was made under the name meanwhile. */
const TAKEN = new Set(['EEXIST', 'ENOTEMPTY', 'ENOTDIR'])

export class Target {
  readonly vfs: Vfs
  /** The directory while it is made. */
  readonly dir: string
  private readonly location: string
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
   * Looks whether a directory may be made there; makes nothing. Throws ALREADY_EXISTS for anything but an empty
   * directory, NOT_FOUND without a parent, INVALID_ARGUMENT for a place inside of the source or around it.
   */
  static async check(vfs: Vfs, target: string, source: string, suffix: string): Promise<Target> {
    try {
      const { location, parent } = await checkPlace(vfs, target, source)
      const info = await vfs.stat(target)
      const isThere = info !== null
      if (isThere && (info.kind !== 'directory' || (await vfs.list(target)).length > 0)) {
        throw takenError(target)
      }
      return new Target(vfs, { location, parent, dir: `${location}.tmp.${suffix}`, isThere })
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

  /** Manifest, names, marker, names, and the name of it all: each durable before the next. */
  async finish(origin: FileOrigin, manifestNum: FileNum, version: Version): Promise<void> {
    const { vfs, dir } = this
    const manifest = await runAsync(createManifest(vfs, dir, { ...origin, fileNum: manifestNum }, version))
    await runAsync(manifest.close())
    try {
      await runAsync(moveMarker(vfs, dir, manifestNum))
    } catch (error) {
      // Nobody opens the directory before it has its name, so it does not matter whether the marker is there.
      throw VarveError.is(error) && error.code === 'COMMIT_UNKNOWN' ? error.cause : error
    }
    await this.takeName()
  }

  private async takeName(): Promise<void> {
    const { vfs, dir, location, parent } = this
    const own = (await vfs.stat(dir))?.identity
    try {
      if (this.isThere) await vfs.rmdir(location)
      await vfs.rename(dir, location)
      await vfs.syncDir(parent)
      this.isMade = false
    } catch (error) {
      // What somebody else has made under the name meanwhile stays.
      const hasName = await vfs.stat(location).then((info) => info !== null && info.identity === own, () => false)
      if (hasName) await vfs.rename(location, dir).catch(() => undefined)
      throw TAKEN.has(errnoOf(error)) ? takenError(location) : ioError(error, 'naming', location)
    }
  }

  /** Removes what is not finished, as far as that can be. */
  async abandon(): Promise<void> {
    if (!this.isMade) return
    this.isMade = false
    await removeDirectory(this.vfs, this.dir)
  }
}

function takenError(target: string): VarveError {
  return new VarveError('ALREADY_EXISTS', `${target} exists, and is no empty directory`, {
    hint: 'name a directory that does not exist yet',
  })
}

/**
 * Finds the real path of a directory that is to be made. Throws NOT_FOUND without a parent, and INVALID_ARGUMENT for a
 * place inside of the source or around it.
 */
export async function checkPlace(
  vfs: Vfs, target: string, source: string,
): Promise<{ location: string; parent: string }> {
  const above = vfs.parent(target)
  if ((await vfs.stat(above)) === null) {
    throw new VarveError('NOT_FOUND', `${above} does not exist`, { hint: 'make it first; nothing was changed' })
  }
  const location = (await vfs.stat(target)) === null
    ? vfs.join(await vfs.realPath(above), lastName(vfs, target)) : await vfs.realPath(target)
  checkApart(vfs, location, source)
  return { location, parent: vfs.parent(location) }
}

/** Removes a directory and the files in it, as far as that can be. */
export async function removeDirectory(vfs: Vfs, dir: string): Promise<void> {
  const names = await namesIn(dir, vfs).catch(() => [])
  for (const name of names) await vfs.unlink(vfs.join(dir, name)).catch(() => undefined)
  await vfs.rmdir(dir).catch(() => undefined)
}

function checkApart(vfs: Vfs, location: string, source: string): void {
  const isInside = (inner: string, outer: string): boolean =>
    inner === outer || inner.startsWith(vfs.join(outer, '-').slice(0, -1))
  if (!isInside(location, source) && !isInside(source, location)) return
  throw new VarveError('INVALID_ARGUMENT', `${location} is inside of the database in ${source}, or around it`, {
    hint: 'name a directory beside it',
  })
}
