/**
 * What: writes one manifest: creates it with a whole version, then appends groups.
 * Owns: the open file and how many of its bytes are written and synced.
 * Does not own: which version is current (the engine), which manifest counts (marker.ts).
 * Thread: main.
 * States: open → writing → open → closed; writing → failed → closed. Nothing is retried: after a
 *   failed write or sync, what is on disk is unknown until a restart reads it.
 * Zeros stand behind the last group: an edit that frees space on a full disk finds its blocks there.
 * Invariants:
 *   MAN-10  at most one group is not synced: the last one; only a mark may follow it
 *   MAN-11  nothing is written after a failed write or sync
 */
import {
  FILE_HEADER_BYTES, FRAME_HEADER_BYTES, FrameType, KiB, MANIFEST_BYTES_MAX, VarveError, assert,
  emptyFrameHeader,
  encodeFileHeader, fileSeed, frameBytes, ioError, manifestFileName, newFileHeader, sealFrame,
} from '../base/index.js'
import type { FileHeader, FileNum, FileOrigin, Steps } from '../base/index.js'
import { closeQuietly, openFile, syncFile, unlinkFile, withFile, writeFully } from '../vfs/index.js'
import type { Vfs, VfsFile } from '../vfs/index.js'
import { GROUPS_MAX, MANIFEST_ROLL_BYTES } from './manifest-format.js'
import type { Version } from './version.js'
import { decodeGroup, encodeGroup, versionToEdit } from './version-edit.js'
import type { VersionEdit } from './version-edit.js'

/** Zeros behind the last group, as many as are written at a time. An edit that takes files away has 20 B for each. */
const ZEROS = new Uint8Array(16 * KiB)
/** With fewer ahead, more are written. */
const ZEROS_MIN = ZEROS.length / 2

/** The origin of a new manifest; its lineage comes from the version. */
export interface ManifestOptions extends Omit<FileOrigin, 'lineage'> {
  /** A number that no earlier attempt used. */
  fileNum: FileNum
}

/**
 * Makes a manifest that holds `version`, and syncs the file. marker.ts syncs the file's name.
 * Throws IO_ERROR or NO_SPACE; then the file does not count, and is removed if that is possible.
 */
export function* createManifest(
  vfs: Vfs, dir: string, options: ManifestOptions, version: Version,
): Steps<ManifestLog> {
  const { fileNum } = options
  const name = manifestFileName(fileNum)
  const header = newFileHeader('varveman', { ...options, lineage: version.lineage.own }, fileNum)
  const place = { offset: FILE_HEADER_BYTES, number: 1, markBytes: 0 }
  const frame = makeFrame(header, place, [versionToEdit(version)])
  const bytes = new Uint8Array(FILE_HEADER_BYTES + frame.length)
  encodeFileHeader(header, bytes)
  bytes.set(frame, FILE_HEADER_BYTES)
  assert(bytes.length <= MANIFEST_BYTES_MAX, 'a manifest has room for the version')
  let file: VfsFile | null = null
  try {
    file = yield* openFile(vfs, vfs.join(dir, name), 'create')
    yield* writeFully(file, bytes, 0, bytes.length, 0)
    yield* syncFile(file)
    return new ManifestLog(file, header, bytes.length)
  } catch (error) {
    if (file !== null) {
      yield* closeQuietly(file)
      yield* removeQuietly(vfs, vfs.join(dir, name))
    }
    throw ioError(error, 'creating', name)
  }
}

/**
 * Writes zeros behind `end` if there are few, and gives their new end. If that does not work it is no failure: what
 * counts is synced, and what stands behind it is void. Its handle is its own, as one that saw a failed write must not
 * sync any more; the next group's sync is theirs too.
 */
function* fillAhead(
  vfs: Vfs, path: string, identity: string, { end, zerosEnd }: { end: number; zerosEnd: number },
): Steps<number> {
  const from = Math.max(end, zerosEnd)
  const to = Math.min(end + ZEROS.length, MANIFEST_BYTES_MAX)
  if (from - end >= ZEROS_MIN || to <= from) return zerosEnd
  try {
    return yield* withFile(vfs, path, 'write', function* (file) {
      if (file.identitySync() !== identity) return zerosEnd
      yield* writeFully(file, ZEROS, 0, to - from, from)
      return to
    })
  } catch {
    return zerosEnd
  }
}

interface FrameContext {
  offset: number
  number: number
  markBytes: number
}

/** Makes a frame of `edits`, or a mark when `edits` is null. */
function makeFrame(
  header: FileHeader, place: FrameContext, edits: readonly VersionEdit[] | null,
): Uint8Array {
  const body = edits === null ? new Uint8Array(0) : encodeGroup(edits)
  const count = edits?.length ?? 0
  checkReadable(body, count)
  const frame = new Uint8Array(frameBytes(body.length))
  frame.set(body, FRAME_HEADER_BYTES)
  sealFrame(frame, 0, place.offset, fileSeed(header), {
    ...emptyFrameHeader(),
    type: edits === null ? FrameType.mark : FrameType.editGroup,
    bodyBytes: body.length, firstSeqNum: place.number, count,
    generation: header.generation, markBytes: place.markBytes,
  })
  return frame
}

/** Decodes a group again, since what cannot be read back must never be written. */
function checkReadable(body: Uint8Array, count: number): void {
  try {
    decodeGroup(body, 0, body.length, { count, file: 'new group' })
  } catch (error) {
    const what = (error as Error).message
    throw new VarveError('INTERNAL', `a version edit cannot be encoded: ${what}`, { cause: error })
  }
}

/** Removes a file that nothing names, if possible: a full disk needs its bytes. */
export function* removeQuietly(vfs: Vfs, path: string): Steps<void> {
  try {
    yield* unlinkFile(vfs, path)
  } catch {
    // The next open removes the file.
  }
}

/** A group that is being written, as plain data. */
export interface GroupWrite {
  fileNum: FileNum
  /** Device and inode of the manifest that the engine holds. */
  identity: string
  offset: number
  frame: Uint8Array
  /** The end of the zeros that stand there. */
  zerosEnd: number
}

/** What `appendGroup` gave, or its error. */
export type GroupResult = { ok: true; output: number } | { ok: false; error: unknown }

/**
 * Writes and syncs one group, on any thread, through a handle of its own, and gives the end of the zeros behind it. It
 * does not write to another file that was put in the place of this manifest.
 */
export function* appendGroup(vfs: Vfs, dir: string, group: GroupWrite): Steps<number> {
  const { fileNum, identity, offset, frame } = group
  const name = manifestFileName(fileNum)
  const path = vfs.join(dir, name)
  yield* withFile(vfs, path, 'write', function* (file) {
    if (file.identitySync() !== identity) {
      throw new VarveError('LOCKED', `${name} is not the file any more that this process writes`, {
        file: name, hint: 'somebody replaced files of the open database: close it, and open it again',
      })
    }
    yield* writeFully(file, frame, 0, frame.length, offset)
    yield* syncFile(file)
  })
  return yield* fillAhead(vfs, path, identity, { end: offset + frame.length, zerosEnd: group.zerosEnd })
}

export class ManifestLog {
  readonly fileNum: FileNum
  readonly name: string
  private readonly file: VfsFile
  private readonly identity: string
  private readonly header: FileHeader
  private readonly firstBytes: number
  private state: 'open' | 'writing' | 'failed' | 'closed' = 'open'
  private cause: VarveError | null = null
  private frameCount = 1
  private writtenBytes: number
  private syncedBytes: number
  private zerosEnd: number

  /** Requires: `file` holds the header and the first group in `bytes` synced bytes. */
  constructor(file: VfsFile, header: FileHeader, bytes: number) {
    this.fileNum = header.fileNum
    this.file = file
    this.identity = file.identitySync()
    this.header = header
    this.name = manifestFileName(header.fileNum)
    this.firstBytes = bytes
    this.writtenBytes = bytes
    this.syncedBytes = bytes
    this.zerosEnd = bytes
  }

  /** Writes the first zeros: when the marker names the file, which needs the last room of a full disk more. */
  *fillAhead(vfs: Vfs, dir: string): Steps<void> {
    const { name, identity, writtenBytes: end, zerosEnd } = this
    this.zerosEnd = yield* fillAhead(vfs, vfs.join(dir, name), identity, { end, zerosEnd })
  }

  /** The bytes that count: zeros may stand behind them. */
  get bytes(): number {
    return this.writtenBytes
  }

  /** The number of groups in the file, including the one with the whole version. */
  get groupCount(): number {
    return this.frameCount
  }

  /** True when it is time for a new manifest. */
  get isLong(): boolean {
    const bytesTarget = Math.max(MANIFEST_ROLL_BYTES, 4 * this.firstBytes)
    return this.writtenBytes > bytesTarget || this.frameCount > GROUPS_MAX / 2
  }

  /** The error after which this manifest takes no more groups, or null. */
  get failure(): VarveError | null {
    return this.cause
  }

  /**
   * Appends `edits` as one group and syncs. Throws COMMIT_UNKNOWN when that fails: a restart then finds
   * all of them or none. Requires: the edits fit the current version.
   */
  *append(edits: readonly VersionEdit[]): Steps<void> {
    yield* this.appendUnsynced(edits)
    yield* this.sync()
  }

  /** Appends a group without a sync. Requires: everything written before is synced. */
  *appendUnsynced(edits: readonly VersionEdit[]): Steps<void> {
    yield* this.write(edits)
  }

  /** Syncs the file: then everything appended survives power loss. */
  *sync(): Steps<void> {
    this.checkOpen()
    if (this.syncedBytes === this.writtenBytes) return
    yield* this.guard('syncing', syncFile(this.file))
    this.syncedBytes = this.writtenBytes
  }

  /**
   * Writes `lastWords`, which no data depends on, and a mark, and closes the file. The mark shows that a bad byte
   * before it is corruption and not a torn write. Neither is synced: a power loss that takes them leaves the manifest
   * as a kill would. A failed manifest is only closed.
   */
  *closeClean(lastWords: VersionEdit = {}): Steps<void> {
    try {
      if (this.state !== 'open') return
      yield* this.sync()
      const hasWords = Object.keys(lastWords).length > 0
      if (hasWords) yield* this.write([lastWords])
      yield* this.write(null)
    } finally {
      yield* this.close()
    }
  }

  /** Closes the file without a sync. Further calls do nothing. */
  *close(): Steps<void> {
    if (this.state === 'closed') return
    this.state = 'closed'
    yield* closeQuietly(this.file)
  }

  private *write(edits: readonly VersionEdit[] | null): Steps<void> {
    const { frame, offset } = this.nextGroup(edits)
    yield* this.guard('appending to', writeFully(this.file, frame, 0, frame.length, offset))
    this.writtenBytes += frame.length
    this.frameCount++
  }

  /**
   * Makes the next group, for `appendGroup` on another thread. The caller tells `endGroup` how that went, and
   * writes nothing in between. Requires: the edits fit the current version.
   */
  beginGroup(edits: readonly VersionEdit[]): GroupWrite {
    const group = this.nextGroup(edits)
    this.state = 'writing'
    return group
  }

  /** Notes what came of a group. Returns the error for the caller, or null. */
  endGroup(group: GroupWrite, result: GroupResult): VarveError | null {
    if (!result.ok) return this.fail(result.error, 'appending to')
    this.zerosEnd = result.output
    this.writtenBytes = group.offset + group.frame.length
    this.syncedBytes = this.writtenBytes
    this.frameCount++
    if (this.state === 'writing') this.state = 'open'
    return null
  }

  private nextGroup(edits: readonly VersionEdit[] | null): GroupWrite {
    this.checkOpen()
    const { fileNum, identity, header, writtenBytes: offset, syncedBytes, zerosEnd } = this
    assert(syncedBytes === offset || edits === null, 'MAN-10: one unsynced group at most, and a mark behind it')
    const place = { offset, number: this.frameCount + 1, markBytes: syncedBytes }
    const frame = makeFrame(header, place, edits)
    const hasRoom = offset + frame.length <= MANIFEST_BYTES_MAX
    assert(hasRoom, 'a manifest is written anew before it is full')
    return { fileNum, identity, offset, frame, zerosEnd }
  }

  private checkOpen(): void {
    if (this.cause !== null) {
      throw new VarveError('BACKGROUND_ERROR', `${this.name} failed before`, {
        cause: this.cause, file: this.name, hint: this.cause.hint ?? '',
      })
    }
    assert(this.state === 'open', `MAN-11: ${this.name} is ${this.state}`)
  }

  /** Runs I/O whose first failure ends this manifest. */
  private *guard(operation: string, steps: Steps<void>): Steps<void> {
    this.state = 'writing'
    try {
      yield* steps
      if (this.state === 'writing') this.state = 'open'
    } catch (error) {
      throw this.fail(error, operation)
    }
  }

  private fail(error: unknown, operation: string): VarveError {
    if (this.state === 'writing') this.state = 'failed'
    const cause = ioError(error, operation, this.name)
    if (cause.code === 'LOCKED') return (this.cause = cause) // not one byte was written
    const what = `${cause.message}; the edit may be there or not`
    this.cause = new VarveError('COMMIT_UNKNOWN', what, {
      cause, file: this.name, hint: 'close the database and open it again',
    })
    return this.cause
  }
}
