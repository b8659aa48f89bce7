/**
 * What: makes what the listed segments hold of the snapshot that the last close left, so that an open reads no footer.
 * The snapshot is a hint: where it is not what was written, or does not agree with the catalog and the files, it counts
 * for nothing, and the segments are read.
 * Thread: main.
 * Invariants: BC-2 the index points to listed segments that are there with all their bytes. BC-5 the catalog names a
 * snapshot only behind all kills, so what it holds is alive; purge marks stay in force, since no record was asked.
 */
import { checkFileIdentity, decodeFileHeader, FILE_HEADER_BYTES, runAsync } from '../base/index.js'
import type { Steps } from '../base/index.js'
import { readFully, withFile } from '../vfs/index.js'
import type { Vfs, VfsFile } from '../vfs/index.js'
import type { BlobIndex } from './blob-index.js'
import type { LockedDirectory } from './cache-directory.js'
import { cacheFileName } from './cache-names.js'
import type { NamedSnapshot } from './catalog-format.js'
import type { CatalogState, SegmentState } from './catalog-state.js'
import { FoundContent } from './found-content.js'
import type { FoundOpenSegment } from './found-content.js'
import { lastExpiryMs } from './segment-footer.js'
import { readOpenSegment } from './segment-recovery.js'
import type { SnapshotSegment } from './snapshot-format.js'
import { readSnapshot } from './snapshot-reader.js'
import type { Snapshot } from './snapshot-reader.js'

/** Files that are asked for their size at the same time. */
const STATS_AT_ONCE = 16

/** Gives what the named snapshot and the segments that were not sealed hold; null when it cannot be believed. */
export async function contentOfSnapshot(
  place: LockedDirectory, state: CatalogState, named: NamedSnapshot, databaseId: Uint8Array,
): Promise<FoundContent | null> {
  let content: FoundContent | null = null
  try {
    const snapshot = await readNamedSnapshot(place, named, databaseId)
    if (snapshot === null) return null
    content = new FoundContent(state, snapshot.index)
    if (await takeSegments(place, state, snapshot, content)) return content
  } catch {
    // Whatever it is, the segments tell the same.
  }
  await content?.close()
  return null
}

/** Reads the file that a catalog names. Rejects when it cannot be read or is another one. */
export function readNamedSnapshot(
  { dir, vfs }: { dir: string; vfs: Vfs }, named: NamedSnapshot, databaseId: Uint8Array,
): Promise<Snapshot | null> {
  const name = cacheFileName('index', named.fileNum)
  return runAsync(withFile(vfs, vfs.join(dir, name), 'read', (file) => readNamed(file, name, named, databaseId)))
}

function* readNamed(
  file: VfsFile, name: string, named: NamedSnapshot, databaseId: Uint8Array,
): Steps<Snapshot | null> {
  if (file.sizeSync() !== named.bytes) return null
  const bytes = new Uint8Array(FILE_HEADER_BYTES)
  const header = decodeFileHeader(bytes.subarray(0, yield* readFully(file, bytes, bytes.length)), 'varvebix', name)
  checkFileIdentity(name, header, named, databaseId)
  return yield* readSnapshot(file, header)
}

/** Takes the segments of the catalog. False when they are not those of the snapshot. */
async function takeSegments(
  place: LockedDirectory, state: CatalogState, { index, segments }: Snapshot, content: FoundContent,
): Promise<boolean> {
  const sealed: SnapshotSegment[] = []
  for (const told of segments) {
    const listed = state.segments.get(told.segment)
    if (listed === undefined || !isSame(told, listed)) return false
    const queue = told.isMain && listed.queue === 'young' ? 'main' : listed.queue
    const { bytes, expiresMs, wasKept } = told
    content.segments.set(told.segment, { queue, bytes, expiresMs, wasKept })
    if (bytes > 0) sealed.push(told)
    else if (!isIndexed(index, await takeOpen(place, listed, content), told.items)) return false
  }
  content.open.sort((a, b) => a.state.segment - b.state.segment)
  return content.segments.size === state.segments.size && areThere(place, sealed)
}

/** True when both tell of the same segment. A young one may have been kept as a whole: it stands in main then. */
function isSame({ bytes, isMain }: SnapshotSegment, { sealedBytes, queue }: SegmentState): boolean {
  return bytes === sealedBytes && (isMain || queue === 'young')
}

/** Reads a segment that was not sealed. */
async function takeOpen(
  place: LockedDirectory, listed: SegmentState, content: FoundContent,
): Promise<FoundOpenSegment> {
  const open = await readOpenSegment(place, listed)
  content.open.push(open)
  const { file, content: { entries } } = open
  Object.assign(content.segments.get(listed.segment)!, { bytes: file.sizeSync(), expiresMs: lastExpiryMs(entries) })
  return open
}

/** True when the index has the records of a segment that are alive, no others, and as many as it is said to have. */
function isIndexed(
  index: BlobIndex, { state: { segment, dead }, content: { entries } }: FoundOpenSegment, items: number,
): boolean {
  let count = 0
  for (const { low, high, recordNum, offset, bytes } of entries) {
    const slot = index.findIf(low, high, segment, recordNum)
    const isThere = slot >= 0
    if (isThere === dead.has(recordNum)) return false
    if (!isThere) continue
    if (index.offsetAt(slot) !== offset || index.bytesAt(slot) !== bytes) return false
    count++
  }
  return count === items
}

/** True when the files are there with all their bytes. */
async function areThere({ dir, vfs }: LockedDirectory, segments: readonly SnapshotSegment[]): Promise<boolean> {
  for (let at = 0; at < segments.length; at += STATS_AT_ONCE) {
    const sizes = await Promise.all(segments.slice(at, at + STATS_AT_ONCE).map(async ({ segment, bytes }) =>
      (await vfs.stat(vfs.join(dir, cacheFileName('segment', segment))))?.size === bytes))
    if (sizes.includes(false)) return false
  }
  return true
}
