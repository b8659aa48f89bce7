/**
 * What: the directory that a repair makes: it grows beside its place under a temp name, without a marker, and takes its
 * name when all of it is durable.
 * Owns: the temp directory; `abandon` removes it as far as that can be. Thread: main.
 * Invariants: REP-6 the target appears whole or not at all, and nothing that exists is replaced.
 */
import {
  directoryError, drawLineage, errnoOf, invalidArgument, ioError, MiB, newFileHeader, runAsync, runSync,
  SALVAGED_DIRECTORY, VarveError,
} from '../base/index.js'
import type { FileHeader, FileMagic, FileNum, FileOrigin, Random } from '../base/index.js'
import { lastName } from '../directory/index.js'
import { UniqueNames } from '../engine/index.js'
import type { Version } from '../manifest/index.js'
import { writeManifest } from '../versions/index.js'
import { readFully, writeFully } from '../vfs/index.js'
import type { Vfs, VfsFile } from '../vfs/index.js'
import type { Work } from './work.js'

const COPY_BYTES = MiB
/** Errors by which a file system says that it makes no second name for this file. */
const NO_LINKS = new Set(['EXDEV', 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK', 'EACCES', 'EROFS', 'ENOSYS', 'EINVAL'])

export interface TargetPlan {
  vfs: Vfs
  /** The real path of the source. */
  source: string
  /** Where the target shall be. */
  target: string
  databaseId: Uint8Array
  /** A number above that of every file of the source. */
  nextFileNum: FileNum
  random: Random
  work: Work
}

/**
 * Gives the real path of the target. Throws unless nothing stands there, and it is neither inside of the source nor
 * around it.
 */
export async function checkTarget(vfs: Vfs, source: string, target: string): Promise<string> {
  try {
    if ((await vfs.stat(target)) !== null) {
      throw new VarveError('ALREADY_EXISTS', `${target} exists`, { hint: 'give a path at which there is nothing yet' })
    }
    const parent = await realParent(vfs, target)
    for (let at = parent; ; at = vfs.parent(at)) {
      if (at === source) throw invalidArgument('the target must not lie inside of the source')
      if (vfs.parent(at) === at) return vfs.join(parent, lastName(vfs, target))
    }
  } catch (error) {
    if (VarveError.is(error)) throw error
    throw directoryError(error, 'make', target)
  }
}

async function realParent(vfs: Vfs, target: string): Promise<string> {
  const parent = vfs.parent(target)
  if ((await vfs.stat(parent)) === null) throw new VarveError('NOT_FOUND', `${parent} does not exist`)
  return vfs.realPath(parent)
}

export class RepairTarget implements FileOrigin {
  readonly dir: string
  readonly databaseId: Uint8Array
  readonly lineage: number
  readonly generation = 1
  readonly random: Random
  nextFileNum: FileNum
  private readonly plan: TargetPlan
  private isMade = false

  constructor(plan: TargetPlan) {
    const { target, databaseId, nextFileNum, random, work } = plan
    this.plan = plan
    this.dir = `${target}.tmp.${new UniqueNames(work.clock).next()}`
    this.databaseId = databaseId
    this.lineage = drawLineage(random)
    this.random = random
    this.nextFileNum = nextFileNum
  }

  async make(): Promise<void> {
    const { vfs } = this.plan
    try {
      await vfs.mkdir(this.dir)
      this.isMade = true
    } catch (error) {
      throw directoryError(error, 'make', this.dir)
    }
  }

  allocate(): FileNum {
    return this.nextFileNum++
  }

  newHeader(magic: FileMagic, fileNum: FileNum): FileHeader {
    return newFileHeader(magic, this, fileNum)
  }

  /** Takes a file of the source over as it is: as a second name of it where that goes, else as a copy. */
  async keep(name: string): Promise<number> {
    const { vfs, source } = this.plan
    const [from, to] = [vfs.join(source, name), vfs.join(this.dir, name)]
    try {
      await vfs.link(from, to)
    } catch (error) {
      if (!NO_LINKS.has(errnoOf(error))) throw ioError(error, 'link', name)
      return await this.copy(from, to, name)
    }
    // Whoever wrote it may not have lived to sync it.
    await this.syncLinked(to, name)
    return (await vfs.stat(to))?.size ?? 0
  }

  private async syncLinked(path: string, name: string): Promise<void> {
    const { vfs } = this.plan
    let file: VfsFile | null = null
    try {
      file = await vfs.open(path, 'read')
      await file.sync()
    } catch (error) {
      throw ioError(error, 'sync', name)
    } finally {
      await file?.close().catch(() => undefined)
    }
  }

  private async copy(from: string, to: string, name: string): Promise<number> {
    const { vfs, work } = this.plan
    const bytes = new Uint8Array(COPY_BYTES)
    const files: VfsFile[] = []
    try {
      const source = await vfs.open(from, 'read')
      files.push(source)
      const target = await vfs.open(to, 'create')
      files.push(target)
      const size = source.sizeSync()
      for (let at = 0; at < size;) {
        const count = await runAsync(readFully(source, bytes, Math.min(COPY_BYTES, size - at), at))
        if (count === 0) throw new VarveError('IO_ERROR', `${name} ends at ${at}, it had ${size} bytes`, { file: name })
        await runAsync(writeFully(target, bytes, 0, count, at))
        at += count
        work.note(count)
        await work.rest()
      }
      await target.sync()
      return size
    } catch (error) {
      throw ioError(error, 'copy', name)
    } finally {
      for (const file of files) await file.close().catch(() => undefined)
    }
  }

  /** Makes a file of bytes that come piece by piece, in a directory of the target. */
  newFile(...names: readonly string[]): SyncedFile {
    const { vfs } = this.plan
    return new SyncedFile(vfs, names.reduce((path, name) => vfs.join(path, name), this.dir), names.at(-1)!)
  }

  makeDirectorySync(name: string): void {
    const { vfs } = this.plan
    vfs.mkdirSync(vfs.join(this.dir, name))
  }

  async syncDirectory(name: string): Promise<void> {
    const { vfs } = this.plan
    await vfs.syncDir(vfs.join(this.dir, name))
  }

  async remove(name: string): Promise<void> {
    const { vfs } = this.plan
    await vfs.unlink(vfs.join(this.dir, name))
  }

  /** Writes the manifest, moves the marker, and gives the directory its name. */
  async finish(version: Version): Promise<void> {
    const { vfs, target } = this.plan
    const { dir, databaseId, random, generation } = this
    const manifestNum = version.nextFileNum - 1
    const manifest = await runAsync(writeManifest(
      { vfs, dir, databaseId, random, generation, lineage: this.lineage }, manifestNum, version))
    await runAsync(manifest.closeClean())
    try {
      await vfs.syncDir(dir)
      if ((await vfs.stat(target)) !== null) throw new VarveError('ALREADY_EXISTS', `${target} was made meanwhile`)
      await vfs.rename(dir, target)
      this.isMade = false
      await vfs.syncDir(vfs.parent(target))
    } catch (error) {
      throw directoryError(error, 'name', target)
    }
  }

  /** Removes what was made, unless it has its name. */
  async abandon(): Promise<void> {
    if (!this.isMade) return
    const { vfs } = this.plan
    const inside = vfs.join(this.dir, SALVAGED_DIRECTORY)
    for (const dir of [inside, this.dir]) {
      const names = await vfs.list(dir).catch(() => [])
      for (const name of names) await vfs.unlink(vfs.join(dir, name)).catch(() => undefined)
      await vfs.rmdir(dir).catch(() => undefined)
    }
    await vfs.syncDir(vfs.parent(this.dir)).catch(() => undefined)
  }
}

/** A file that is written from its first byte to its last. */
export class SyncedFile {
  private readonly file: VfsFile
  private readonly name: string
  private at = 0

  constructor(vfs: Vfs, path: string, name: string) {
    this.name = name
    try {
      this.file = vfs.openSync(path, 'create')
    } catch (error) {
      throw ioError(error, 'create', name)
    }
  }

  add(bytes: Uint8Array): void {
    try {
      runSync(writeFully(this.file, bytes, 0, bytes.length, this.at))
    } catch (error) {
      throw ioError(error, 'write', this.name)
    }
    this.at += bytes.length
  }

  async end(): Promise<void> {
    try {
      await this.file.sync()
    } catch (error) {
      throw ioError(error, 'sync', this.name)
    } finally {
      await this.discard()
    }
  }

  async discard(): Promise<void> {
    await this.file.close().catch(() => undefined)
  }
}
