/**
 * What: the catalog that is being written: made with the whole state, then groups behind it, each written and synced.
 * The file is kept 64 KiB longer than what is in it, so that segments can be removed on a full disk.
 * Owns: the open file, and the state that its durable groups make.
 * Thread: main. One group at a time.
 * States: open → closed; open → failed → closed. After a failed write or sync nothing more is written.
 * Invariants: BC-5 a group is in the state only when it is durable.
 */
import {
  assert, emptyFrameHeader, encodeFileHeader, FILE_HEADER_BYTES, fileSeed, FRAME_HEADER_BYTES, frameBytes, FrameType,
  ioError, KiB, newFileHeader, runAsync, sealFrame, VarveError,
} from '../base/index.js'
import type { FileHeader, FileOrigin, Steps } from '../base/index.js'
import { closeQuietly, openFile, syncFile, unlinkFile, withFile, writeFully } from '../vfs/index.js'
import type { Vfs, VfsFile } from '../vfs/index.js'
import type { BlobSpace } from './blob-space.js'
import { cacheFileName } from './cache-names.js'
import { encodeChanges } from './catalog-format.js'
import type { Change } from './catalog-format.js'
import { CatalogState } from './catalog-state.js'

/** Bytes of zeros that stand ready behind the last group. */
const PREPARED_BYTES = 64 * KiB

/** Bytes that a catalog, and the next one beside it, may need as long as the state is small. */
export function catalogRoomBytes(rollBytes: number): number {
  return 2 * rollBytes + 4 * PREPARED_BYTES
}

/** Bytes of a new catalog with this state. */
export function newCatalogBytes(state: CatalogState): number {
  return FILE_HEADER_BYTES + frameBytes(encodeChanges(state.toChanges()).length) + PREPARED_BYTES
}

function makeFrame(header: FileHeader, offset: number, group: number, changes: readonly Change[] | null): Uint8Array {
  const body = changes === null ? new Uint8Array(0) : encodeChanges(changes)
  const frame = new Uint8Array(frameBytes(body.length))
  frame.set(body, FRAME_HEADER_BYTES)
  sealFrame(frame, 0, offset, fileSeed(header), {
    ...emptyFrameHeader(), type: changes === null ? FrameType.mark : FrameType.editGroup, bodyBytes: body.length,
    firstSeqNum: group, count: changes?.length ?? 0, generation: header.generation,
  })
  return frame
}

export interface NewCatalog {
  vfs: Vfs
  dir: string
  origin: FileOrigin
  fileNum: number
  state: CatalogState
  rollBytes: number
  space: CatalogSpace
}

/** Where the bytes of catalogs are counted. */
export type CatalogSpace = Pick<BlobSpace, 'tryReserve' | 'release'>

/**
 * Makes a catalog that says `state`, and syncs it; its name is synced by the move of the marker. Throws NO_SPACE when
 * there is no room for it within the cache.
 */
export function* createCatalog({ vfs, dir, origin, fileNum, state, rollBytes, space }: NewCatalog): Steps<Catalog> {
  const name = cacheFileName('catalog', fileNum)
  const path = vfs.join(dir, name)
  const header = newFileHeader('varvecat', origin, fileNum)
  const frame = makeFrame(header, FILE_HEADER_BYTES, 1, state.toChanges())
  const end = FILE_HEADER_BYTES + frame.length
  const bytes = new Uint8Array(end + PREPARED_BYTES)
  encodeFileHeader(header, bytes)
  bytes.set(frame, FILE_HEADER_BYTES)
  if (!space.tryReserve('catalog', bytes.length)) throw noRoom(name)
  let file: VfsFile | null = null
  try {
    file = yield* openFile(vfs, path, 'create')
    yield* writeFully(file, bytes, 0, bytes.length, 0)
    yield* syncFile(file)
    return new Catalog({ vfs, dir, file, header, end, preparedEnd: bytes.length, state, rollBytes, space })
  } catch (error) {
    if (file !== null) {
      yield* closeQuietly(file)
      yield* removeQuietly(vfs, path)
    }
    space.release('catalog', bytes.length)
    throw ioError(error, 'creating', name)
  }
}

/** Removes a file that nothing names, if possible; otherwise the next open removes it. Tells whether it is gone. */
function* removeQuietly(vfs: Vfs, path: string): Steps<boolean> {
  try {
    yield* unlinkFile(vfs, path)
    return true
  } catch {
    return false // The next open finds it in no catalog, and removes it.
  }
}

function noRoom(name: string): VarveError {
  return new VarveError('NO_SPACE', `${name} has no room within the bytes of the cache`, { file: name })
}

/** A new catalog: `file` holds header, first group and zeros up to `preparedEnd`, and is synced. */
interface MadeCatalog {
  vfs: Vfs
  dir: string
  file: VfsFile
  header: FileHeader
  end: number
  preparedEnd: number
  state: CatalogState
  rollBytes: number
  space: CatalogSpace
}

export class Catalog {
  readonly fileNum: number
  readonly name: string
  readonly state: CatalogState
  /** It is written anew when it is longer than this, and than four times its first group. */
  readonly rollBytes: number
  private readonly vfs: Vfs
  private readonly dir: string
  private readonly file: VfsFile
  private readonly header: FileHeader
  private readonly firstBytes: number
  private groupCount = 1
  /** Bytes that were written to the file. */
  writtenBytes: number
  /** The end of the groups. */
  private end: number
  /** The end of the zeros behind them: the size of the file. */
  private preparedEnd: number
  /** The end of what is reserved for the file: it may be that long after a write that failed. */
  private reservedEnd: number
  private readonly space: CatalogSpace
  private isWriting = false
  private failure: VarveError | null = null

  constructor({ vfs, dir, file, header, end, preparedEnd, state, rollBytes, space }: MadeCatalog) {
    this.space = space
    this.reservedEnd = preparedEnd
    this.rollBytes = rollBytes
    this.vfs = vfs
    this.dir = dir
    this.file = file
    this.header = header
    this.fileNum = header.fileNum
    this.name = cacheFileName('catalog', header.fileNum)
    this.firstBytes = end
    this.end = end
    this.preparedEnd = preparedEnd
    this.writtenBytes = preparedEnd
    this.state = state
  }

  /** Bytes that are reserved for the file. */
  get bytes(): number {
    return this.reservedEnd
  }

  /** True when it is time for a new catalog. */
  get isLong(): boolean {
    return this.end > Math.max(this.rollBytes, 4 * this.firstBytes)
  }

  /**
   * Writes and syncs one group. Throws NO_SPACE or IO_ERROR when nothing of it was written, and the catalog may be
   * written again; COMMIT_UNKNOWN when it may or may not be there. `isNeeded` lets it take the space that stands ready.
   */
  async append(changes: readonly Change[], isNeeded: boolean): Promise<void> {
    const frame = makeFrame(this.header, this.end, this.groupCount + 1, changes)
    await this.write(frame, isNeeded)
    this.state.apply(changes)
  }

  /** Ends the catalog with a mark: from then on a bad group in it is known to be damage. */
  async mark(): Promise<void> {
    await this.write(makeFrame(this.header, this.end, this.groupCount + 1, null), true)
  }

  private async write(frame: Uint8Array, isNeeded: boolean): Promise<void> {
    assert(!this.isWriting, 'one group at a time')
    if (this.failure !== null) throw this.failure
    this.isWriting = true
    try {
      await this.prepare(frame.length, isNeeded)
      await this.writeFrame(frame)
    } finally {
      this.isWriting = false
    }
    this.end += frame.length
    this.writtenBytes += frame.length
    this.preparedEnd = Math.max(this.preparedEnd, this.end)
    this.groupCount++
  }

  /**
   * Makes room for a group, with 64 KiB of zeros behind it. A handle of its own does it: one whose write failed is not
   * written again, and the catalog must be.
   */
  private async prepare(bytes: number, isNeeded: boolean): Promise<void> {
    const { vfs, dir, name } = this
    const wanted = this.end + bytes + PREPARED_BYTES
    if (this.preparedEnd >= wanted) return
    const length = wanted - this.preparedEnd + PREPARED_BYTES
    try {
      this.reserveUpTo(this.preparedEnd + length)
      const zeros = new Uint8Array(length)
      const { preparedEnd } = this
      await runAsync(withFile(vfs, vfs.join(dir, name), 'write', (file) =>
        writeFully(file, zeros, 0, length, preparedEnd)))
      this.preparedEnd += length
      this.writtenBytes += length
    } catch (error) {
      if (!isNeeded || this.end + bytes > this.preparedEnd) throw ioError(error, 'writing', name)
    }
  }

  private reserveUpTo(end: number): void {
    if (end <= this.reservedEnd) return
    if (!this.space.tryReserve('catalog', end - this.reservedEnd)) throw noRoom(this.name)
    this.reservedEnd = end
  }

  private async writeFrame(frame: Uint8Array): Promise<void> {
    try {
      for (let at = 0; at < frame.length;) at += await this.file.write(frame, at, frame.length - at, this.end + at)
      await this.file.dataSync()
    } catch (error) {
      const cause = ioError(error, 'writing', this.name)
      this.failure = new VarveError('COMMIT_UNKNOWN', `${cause.message}; the group may be there or not`, {
        cause, file: this.name, hint: 'close the cache and open it again',
      })
      throw this.failure
    }
  }

  async close(): Promise<void> {
    await this.file.close().catch(() => undefined)
  }

  /** Closes and removes a catalog that does not count any more. */
  async remove(): Promise<void> {
    await this.close()
    const { vfs, dir, name } = this
    if (await runAsync(removeQuietly(vfs, vfs.join(dir, name)))) this.space.release('catalog', this.reservedEnd)
  }
}
