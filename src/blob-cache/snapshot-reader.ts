/**
 * What: reads a snapshot of the index. Nothing of it is believed unless all of it is what was written.
 * Memory: the index, and a window. Thread: any; it only reads.
 */
import { FILE_HEADER_BYTES, fileSeed } from '../base/index.js'
import type { FileHeader, Steps } from '../base/index.js'
import { readFully } from '../vfs/index.js'
import type { VfsFile } from '../vfs/index.js'
import { BlobIndex } from './blob-index.js'
import { Window } from './segment-scan.js'
import {
  BLOCK_HEADER_BYTES, BlockReader, readBlockHeader, readSnapshotSegments, readSnapshotTail, SNAPSHOT_TAIL_BYTES,
} from './snapshot-format.js'
import type { SnapshotSegment, SnapshotTail } from './snapshot-format.js'

/** What a snapshot says. */
export interface Snapshot {
  index: BlobIndex
  /** In the order in which they go. */
  segments: SnapshotSegment[]
  blocks: number
}

/** Reads the snapshot in a file with this header; null when it is not all there as it was written. */
export function* readSnapshot(file: VfsFile, header: FileHeader): Steps<Snapshot | null> {
  const [size, seed] = [file.sizeSync(), fileSeed(header)]
  const end = size - SNAPSHOT_TAIL_BYTES
  if (end < FILE_HEADER_BYTES) return null
  const tail = readSnapshotTail(yield* bytesAt(file, end, SNAPSHOT_TAIL_BYTES), size, seed)
  if (tail === null) return null
  const segments = readSnapshotSegments(yield* bytesAt(file, tail.offset, end - tail.offset), tail, seed)
  if (segments === null) return null
  const index = yield* readBlocks(file, tail, seed)
  return index === null ? null : { index, segments, blocks: tail.blocks }
}

function* bytesAt(file: VfsFile, offset: number, length: number): Steps<Uint8Array> {
  const bytes = new Uint8Array(length)
  return bytes.subarray(0, yield* readFully(file, bytes, length, offset))
}

function* readBlocks(file: VfsFile, tail: SnapshotTail, seed: number): Steps<BlobIndex | null> {
  const window = new Window(file, tail.offset)
  const blocks = new BlockReader(seed)
  let offset = FILE_HEADER_BYTES
  for (let i = 0; i < tail.blocks; i++) {
    let at = yield* window.at(offset, BLOCK_HEADER_BYTES)
    const block = at < 0 ? null : readBlockHeader(window.bytes, at, offset, seed)
    if (block === null) return null
    at = yield* window.at(offset, block.bytes)
    if (at < 0 || !blocks.add(window.bytes, at, offset, block)) return null
    offset += block.bytes
  }
  const isWhole = blocks.isWhole && blocks.items === tail.items && offset === tail.offset
  return isWhole ? BlobIndex.of(blocks.pages) : null
}
