/**
 * What: reads a manifest file back into a version, and decides whether its end is torn.
 * Thread: main; changes nothing, so it also runs beside a live writer.
 *
 * Zeros at the end were written ahead, and mean nothing.
 * The last group may be torn: then the bytes behind the last good frame do not count. But a writer
 * syncs each group before it writes the next, and the first one before the marker names the file.
 * So a frame behind a bad place, known by its header and its sync mark, proves corruption, and a bad
 * first group is always corruption.
 */
import {
  FILE_HEADER_BYTES, FRAME_HEADER_BYTES, FrameType, MANIFEST_BYTES_MAX, MANIFEST_FRAMES, VarveError, corruption,
  decodeFileHeader, dirtyPadding,
  emptyFrameHeader, errnoOf, fileSeed, frameBytes, getU32, ioError, manifestFileName, readFrame,
  readFrameHeader, unknownFrame,
} from '../base/index.js'
import type { Features, FileHeader, FileNum, FrameHeader, SeqNum, Steps } from '../base/index.js'
import { readWhole, withFile } from '../vfs/index.js'
import type { Vfs } from '../vfs/index.js'
import { GROUPS_MAX } from './manifest-format.js'
import { emptyVersion } from './version.js'
import type { Version } from './version.js'
import { VersionBuilder } from './version-builder.js'
import type { Blame } from './version-builder.js'
import { decodeGroup } from './version-edit.js'
import type { VersionEdit } from './version-edit.js'

export interface ManifestContents {
  version: Version
  header: FileHeader
  databaseId: Uint8Array
  generation: number
  features: Features
  /** The last sequence number that the first group gives: history ended there or later when the file was made. */
  firstSeqNum: SeqNum
  /** The number of groups that were replayed. */
  groups: number
  /** The number of good frames, marks too. */
  frames: number
  /** The offset at which the last good frame ends. */
  goodBytes: number
  /**
   * Bytes behind the last good frame, where a group was being written when the process or the machine stopped: 0 when
   * only zeros stand there.
   */
  tornBytes: number
  /** True when the last frame is a mark, so the writer closed the file. */
  isClosed: boolean
  /** Bytes of the file as it was read. */
  fileBytes: number
  /** Where padding that must be zero is not; -1 where all is. No reader needs it. */
  dirtyAt: number
}

/** Reads a manifest. Throws MISSING_FILE, CORRUPTION, UNSUPPORTED_FORMAT or IO_ERROR. */
export function* readManifest(vfs: Vfs, dir: string, fileNum: FileNum): Steps<ManifestContents> {
  const name = manifestFileName(fileNum)
  return replayManifest(yield* readManifestBytes(vfs, vfs.join(dir, name), name), fileNum)
}

export function* readManifestBytes(vfs: Vfs, path: string, name: string): Steps<Uint8Array> {
  try {
    return yield* withFile(vfs, path, 'read', (file) => readWhole(file, MANIFEST_BYTES_MAX))
  } catch (error) {
    throw manifestError(error, name)
  }
}

/** Wraps what was thrown while a manifest was read. */
export function manifestError(error: unknown, name: string): VarveError {
  if (errnoOf(error) === 'ENOENT') {
    return new VarveError('MISSING_FILE', `${name} is missing`, {
      file: name, cause: error, hint: 'the marker names it; restore the directory from a backup',
    })
  }
  if (error instanceof RangeError) {
    return corruption(name, MANIFEST_BYTES_MAX, `manifest is too large: ${error.message}`)
  }
  return ioError(error, 'reading', name)
}

/** One good frame of a manifest. */
export interface ManifestFrame {
  offset: number
  /** The offset behind it. */
  end: number
  header: FrameHeader
  /** Empty for a mark. */
  edits: VersionEdit[]
}

/** Makes the version that these bytes of a manifest hold. */
export function replayManifest(bytes: Uint8Array, fileNum: FileNum): ManifestContents {
  const contents = replayFrom(bytes, unread(bytes, fileNum))
  if (contents.groups > 0) return contents
  throw corruption(manifestFileName(fileNum), FILE_HEADER_BYTES, 'the first group is bad')
}

/** Gives the good frames of these bytes in order; throws when what follows them is not a torn end. */
export function manifestFrames(bytes: Uint8Array, fileNum: FileNum): Generator<ManifestFrame, number> {
  return readFrames(bytes, unread(bytes, fileNum))
}

/** Gives the good frames from one on whose offset and number an earlier walk gave; `number` is that of the frame. */
export function manifestFramesFrom(
  bytes: Uint8Array, fileNum: FileNum, { offset, number }: { offset: number; number: number },
): Generator<ManifestFrame, number> {
  return readFrames(bytes, { ...unread(bytes, fileNum), goodBytes: offset, frames: number - 1 })
}

/** What is known of a manifest of which only the header was read. */
function unread(bytes: Uint8Array, fileNum: FileNum): ReadSoFar {
  const file = manifestFileName(fileNum)
  const header = decodeFileHeader(bytes, 'varveman', file)
  if (header.fileNum !== fileNum) throw corruption(file, 40, `file number in the header is ${header.fileNum}`)
  return {
    version: emptyVersion, header, firstSeqNum: 0, goodBytes: FILE_HEADER_BYTES, groups: 0, frames: 0, isClosed: false,
    dirtyAt: -1,
  }
}

/**
 * Goes on where `replayManifest` ended, in the bytes of the file as it is now; what stands before the last good frame's
 * end is not looked at.
 */
export function replayManifestOn(bytes: Uint8Array, known: ManifestContents): ManifestContents {
  return replayFrom(bytes, known)
}

/** The part of the contents that reading goes on from. */
type ReadSoFar = Pick<
  ManifestContents, 'version' | 'header' | 'firstSeqNum' | 'goodBytes' | 'groups' | 'frames' | 'isClosed' | 'dirtyAt'
>

function replayFrom(bytes: Uint8Array, known: ReadSoFar): ManifestContents {
  const { header } = known
  const file = manifestFileName(header.fileNum)
  const frames = readFrames(bytes, known)
  let builder: VersionBuilder | null = null
  let { groups, isClosed, firstSeqNum, frames: frameCount, dirtyAt } = known
  let turn = frames.next()
  for (; turn.done !== true; turn = frames.next()) {
    const { offset, header: frame, edits } = turn.value
    const blame: Blame = (what) => corruption(file, offset, what)
    frameCount++
    isClosed = frame.type === FrameType.mark
    if (dirtyAt < 0) dirtyAt = dirtyPadding(bytes, offset, frame.bodyBytes)
    if (isClosed) continue
    if (groups++ === 0) firstSeqNum = edits[0]?.lastSeqNum ?? 0
    builder ??= new VersionBuilder(known.version, blame)
    for (const edit of edits) builder.apply(edit, blame)
  }
  const goodBytes = turn.value
  return {
    version: builder?.finish() ?? known.version, header,
    databaseId: header.databaseId, generation: header.generation, features: header.features,
    firstSeqNum, groups, frames: frameCount, goodBytes,
    tornBytes: isWritten(bytes, goodBytes) ? bytes.length - goodBytes : 0, isClosed,
    fileBytes: bytes.length, dirtyAt,
  }
}

/** True when something else than zeros, which are written ahead, stands from `start` on. */
function isWritten(bytes: Uint8Array, start: number): boolean {
  for (let i = start; i < bytes.length; i++) if (bytes[i] !== 0) return true
  return false
}

/** Gives the good frames in order, then where they end; throws when what follows them is not a torn end. */
function* readFrames(
  bytes: Uint8Array, { header, goodBytes, frames }: ReadSoFar,
): Generator<ManifestFrame, number> {
  const file = manifestFileName(header.fileNum)
  const seed = fileSeed(header)
  let offset = goodBytes
  for (let number = frames + 1; ; number++) {
    const frame = emptyFrameHeader()
    const state = readFrame(bytes, offset, bytes.length, offset, seed, MANIFEST_FRAMES, frame)
    if (state === 'unknown') throw unknownFrame(file, offset, frame, MANIFEST_FRAMES)
    if (state !== 'good') break
    if (number > GROUPS_MAX) throw corruption(file, offset, `more than ${GROUPS_MAX} groups`)
    checkFrame(frame, { file, offset, number, generation: header.generation })
    const start = offset + FRAME_HEADER_BYTES
    const edits = decodeGroup(bytes, start, start + frame.bodyBytes, { count: frame.count, file })
    if (number === 1) checkFirstGroup(frame, edits, header, file)
    else checkLaterGroup(edits, file, offset)
    const end = offset + frameBytes(frame.bodyBytes)
    yield { offset, end, header: frame, edits }
    offset = end
  }
  const later = findFrame(bytes, { bad: offset, seed, generation: header.generation })
  if (later !== -1) {
    throw corruption(file, offset, `bad frame; the frame at offset ${later} says it was synced`)
  }
  return offset
}

interface FrameContext {
  file: string
  offset: number
  number: number
  generation: number
}

/** Refuses extensions, which only frames of logs may carry. */
export function checkNoExtensions({ extensionBytes }: FrameHeader, file: string, offset: number): void {
  if (extensionBytes === 0) return
  throw new VarveError('UNSUPPORTED_FORMAT', `${file} at offset ${offset}: frame with extensions`, {
    file, offset, hint: 'open it with a newer Varve',
  })
}

/** Checks the fields of a frame with a right checksum: what is wrong in them was written so. */
function checkFrame(frame: FrameHeader, { file, offset, number, generation }: FrameContext): void {
  checkNoExtensions(frame, file, offset)
  if (frame.firstSeqNum !== number) {
    throw corruption(file, offset, `frame ${frame.firstSeqNum} where ${number} belongs`)
  }
  if (frame.generation !== generation % 2 ** 32) {
    throw corruption(file, offset, `frame of generation ${frame.generation}`)
  }
  if (frame.markDistance !== 0 || frame.markBytes > offset) {
    throw corruption(file, offset, 'sync mark is not behind the frame')
  }
  if (frame.type === FrameType.mark && frame.bodyBytes + frame.count !== 0) {
    throw corruption(file, offset, 'mark with a body')
  }
}

function checkFirstGroup(frame: FrameHeader, edits: VersionEdit[], header: FileHeader, file: string): void {
  const whole = edits.length === 1 ? edits[0]! : {}
  if (frame.type !== FrameType.editGroup || whole.keyOrder === undefined || whole.lineage === undefined) {
    throw corruption(file, FILE_HEADER_BYTES, 'the first group does not hold a whole version')
  }
  if (whole.lineage.own === header.lineage) return
  throw corruption(file, FILE_HEADER_BYTES, `lineage is ${whole.lineage.own}, in the file header ${header.lineage}`)
}

function checkLaterGroup(edits: VersionEdit[], file: string, offset: number): void {
  if (edits.every(({ keyOrder, lineage }) => keyOrder === undefined && lineage === undefined)) return
  throw corruption(file, offset, 'key order or lineage behind the first group')
}

/**
 * Finds the first place behind `bad` with a right frame header whose sync mark is above `bad`, or gives -1.
 * The body of that frame may be bad too.
 */
function findFrame(
  bytes: Uint8Array, { bad, seed, generation }: { bad: number, seed: number, generation: number },
): number {
  const header = emptyFrameHeader()
  for (let at = bad + 8; at + FRAME_HEADER_BYTES <= bytes.length; at += 8) {
    // This check is quicker than the checksum. Torn bytes pass both by chance once in 2^96.
    if (getU32(bytes, at + 28) !== generation % 2 ** 32 || getU32(bytes, at + 32) !== 0) continue
    if (readFrameHeader(bytes, at, at, seed, header) && header.markBytes > bad) return at
  }
  return -1
}
