/**
 * What: one manifest that is read again and again while its writer appends to it: each reading goes on behind the last
 * good frame. Groups that were read stay what they are as long as it is the same file, with the same header and
 * the same bytes before that place.
 * Owns: what was read. Thread: main; runs blocking or awaited.
 */
import { FILE_HEADER_BYTES, FRAME_HEADER_BYTES, MANIFEST_BYTES_MAX, manifestFileName } from '../base/index.js'
import type { FileNum, Steps } from '../base/index.js'
import { readFully, withFile } from '../vfs/index.js'
import type { Vfs, VfsFile } from '../vfs/index.js'
import { manifestError, replayManifest, replayManifestOn } from './manifest-reader.js'
import type { ManifestContents } from './manifest-reader.js'

/** Bytes that are compared before and behind the end of the good frames. */
const EDGE_BYTES = FRAME_HEADER_BYTES

export interface ManifestPlace {
  vfs: Vfs
  dir: string
}

export class ManifestTail {
  readonly fileNum: FileNum
  private readonly place: ManifestPlace
  private contentsNow: ManifestContents
  private readonly identity: string
  private readonly header: Uint8Array
  /** The bytes before the end of the good frames. */
  private edge: Uint8Array
  /** Bytes that were read from the file, all in all. */
  readBytes: number

  private constructor(place: ManifestPlace, bytes: Uint8Array, contents: ManifestContents, identity: string) {
    this.place = place
    this.fileNum = contents.header.fileNum
    this.contentsNow = contents
    this.identity = identity
    this.header = bytes.slice(0, FILE_HEADER_BYTES)
    this.edge = edgeOf(bytes, contents)
    this.readBytes = bytes.length
  }

  /** Reads the whole manifest. Throws MISSING_FILE, CORRUPTION, UNSUPPORTED_FORMAT or IO_ERROR. */
  static *read(place: ManifestPlace, fileNum: FileNum): Steps<ManifestTail> {
    return yield* inManifest(place, fileNum, function* (file) {
      const bytes = new Uint8Array(sizeOf(file))
      const read = bytes.subarray(0, yield* readFully(file, bytes, bytes.length))
      return new ManifestTail(place, read, replayManifest(read, fileNum), file.identitySync())
    })
  }

  get contents(): ManifestContents {
    return this.contentsNow
  }

  /** Tells whether the file is as it was: the same one, not shorter, and only zeros behind the good frames. */
  *isSame(): Steps<boolean> {
    const { place, fileNum, contentsNow: { goodBytes } } = this
    const rest = yield* inManifest(place, fileNum, (file) => this.look(file, new Uint8Array(EDGE_BYTES), goodBytes))
    return rest !== null && rest.every((byte) => byte === 0)
  }

  /** Gives what stands behind the good frames; null when it is not the file that was read. */
  private *look(file: VfsFile, target: Uint8Array, start: number): Steps<Uint8Array | null> {
    if (file.identitySync() !== this.identity) return null
    if (!(yield* stillHas(file, this.header, 0))) return null
    if (!(yield* stillHas(file, this.edge, start - EDGE_BYTES))) return null
    return target.subarray(0, yield* readFully(file, target, target.length, start))
  }

  /** Reads on. False: it is not the file that was read, or it must be read whole. */
  *readOn(): Steps<boolean> {
    return yield* inManifest(this.place, this.fileNum, (file) => this.readRest(file))
  }

  private *readRest(file: VfsFile): Steps<boolean> {
    const { goodBytes } = this.contentsNow
    const size = sizeOf(file)
    if (size < goodBytes) return false
    const bytes = new Uint8Array(size)
    const rest = yield* this.look(file, bytes.subarray(goodBytes), goodBytes)
    if (rest === null) return false
    this.readBytes += rest.length
    const read = bytes.subarray(0, goodBytes + rest.length)
    const next = replayManifestOn(read, this.contentsNow)
    if (next.goodBytes > goodBytes) {
      read.set(this.edge, goodBytes - EDGE_BYTES)
      this.edge = edgeOf(read, next)
    }
    this.contentsNow = next
    return true
  }
}

/** File systems give the number of a file that is gone to the next one, so bytes are compared too. */
function* stillHas(file: VfsFile, known: Uint8Array, start: number): Steps<boolean> {
  const now = new Uint8Array(known.length)
  if ((yield* readFully(file, now, now.length, start)) < now.length) return false
  return now.every((byte, i) => byte === known[i])
}

function edgeOf(bytes: Uint8Array, { goodBytes }: ManifestContents): Uint8Array {
  return bytes.slice(goodBytes - EDGE_BYTES, goodBytes)
}

function sizeOf(file: VfsFile): number {
  const size = file.sizeSync()
  if (size > MANIFEST_BYTES_MAX) throw new RangeError(`${size} bytes, more than ${MANIFEST_BYTES_MAX}`)
  return size
}

function* inManifest<T>({ vfs, dir }: ManifestPlace, fileNum: FileNum, use: (file: VfsFile) => Steps<T>): Steps<T> {
  const name = manifestFileName(fileNum)
  try {
    return yield* withFile(vfs, vfs.join(dir, name), 'read', use)
  } catch (error) {
    throw manifestError(error, name)
  }
}
