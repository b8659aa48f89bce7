/**
 * What: makes a catalog's state of its bytes, and decides whether its end is torn. Each group is synced before the next
 * one is written, so at most the last one may be torn. A frame behind a bad place proves damage, and a damaged catalog
 * counts for nothing: kills may be lost in it, and what they killed would come back.
 * Thread: any (pure).
 */
import {
  BadBytes, corruption, decodeFileHeader, emptyFrameHeader, FILE_HEADER_BYTES, fileSeed, FRAME_HEADER_BYTES, frameBytes,
  FrameType, MANIFEST_FRAMES, readFrame, readFrameHeader, unknownFrame, unsupportedFormat, VarveError,
} from '../base/index.js'
import type { FileHeader, FrameHeader } from '../base/index.js'
import { decodeChanges, UnknownChange } from './catalog-format.js'
import type { Change } from './catalog-format.js'
import { CatalogState } from './catalog-state.js'

/** Where the type stands in the header of a frame. */
const TYPE_AT = 12

export interface CatalogContents {
  header: FileHeader
  state: CatalogState
}

/** Reads a catalog. Throws CORRUPTION when it counts for nothing, UNSUPPORTED_FORMAT when a newer Varve wrote it. */
export function replayCatalog(bytes: Uint8Array, fileNum: number, file: string): CatalogContents {
  const header = decodeFileHeader(bytes, 'varvecat', file)
  if (header.fileNum !== fileNum) throw corruption(file, 40, `file number in the header is ${header.fileNum}`)
  const seed = fileSeed(header)
  const state = new CatalogState()
  const frame = emptyFrameHeader()
  let [at, groups, isClosed] = [FILE_HEADER_BYTES, 0, false]
  while (!isClosed) {
    const found = readFrame(bytes, at, bytes.length, at, seed, MANIFEST_FRAMES, frame)
    if (found === 'unknown') throw unknownFrame(file, at, frame, MANIFEST_FRAMES)
    if (found !== 'good') break
    const { firstSeqNum: group } = frame
    if (group !== groups + 1) throw corruption(file, at, `group ${group} behind group ${groups}`)
    isClosed = frame.type === FrameType.mark
    if (!isClosed) applyGroup(state, changesOf(bytes, at, frame, file), file, at)
    groups++
    at += frameBytes(frame.bodyBytes)
  }
  if (groups === 0) throw corruption(file, at, 'the first group is bad')
  checkNothingBehind(bytes, at, seed, file)
  return { header, state }
}

/** Decodes the group at bytes[at]. Throws CORRUPTION or UNSUPPORTED_FORMAT. Requires: the frame is good. */
export function changesOf(bytes: Uint8Array, at: number, frame: FrameHeader, file: string, shift = 0): Change[] {
  if (frame.extensionBytes > 0) throw unsupportedFormat(file, at + shift, 'extension of a group')
  const start = at + FRAME_HEADER_BYTES
  try {
    const changes = decodeChanges(bytes, start, start + frame.bodyBytes)
    if (changes.length === frame.count) return changes
    throw new BadBytes(at, `${changes.length} changes in a group of ${frame.count}`)
  } catch (error) {
    if (!(error instanceof BadBytes)) throw error
    throw (error instanceof UnknownChange ? unsupportedFormat : corruption)(file, error.offset + shift, error.message)
  }
}

function applyGroup(state: CatalogState, changes: Change[], file: string, at: number): void {
  try {
    state.apply(changes)
  } catch (error) {
    throw error instanceof BadBytes ? corruption(file, at, error.message) : error
  }
}

/** Throws CORRUPTION when a frame stands behind the end: then the end is none. */
function checkNothingBehind(bytes: Uint8Array, end: number, seed: number, file: string): void {
  const frame = emptyFrameHeader()
  for (let at = end + 8; at + FRAME_HEADER_BYTES <= bytes.length; at += 8) {
    // No frame has type 0: nearly all that stands here are the zeros that were made ready, which need no checksum.
    if (bytes[at + TYPE_AT] !== 0 && readFrameHeader(bytes, at, at, seed, frame)) {
      throw corruption(file, end, `bad group before the one at ${at}`)
    }
  }
}

/** True for an error that says that the catalog counts for nothing, so that the cache begins empty. */
export function isCatalogLost(error: unknown): boolean {
  return VarveError.is(error) && (error.code === 'CORRUPTION' || error.code === 'MISSING_FILE')
}
