/**
 * What: makes a cache of the files of its directory: marker → catalog → segments, sealed ones by their footers, others
 * synced and read → of each key the newest record that nothing killed → a new catalog, which kills what lost → marker →
 * what nobody lists is removed. A catalog that is missing or damaged makes an empty cache; a segment that cannot be
 * read is dropped.
 * Thread: main. Before the new catalog counts nothing is changed, but for the ends of segments that were not sealed.
 * Invariants: BC-5 what lost is dead in the new catalog. BC-6 numbers begin above everything that was promised or
 * found.
 */
import {
  compareBytes, errnoOf, fileSeed, ioError, isOutOfFiles, MANIFEST_BYTES_MAX, runAsync, VarveError,
} from '../base/index.js'
import type { FileHeader, FileOrigin, Random, SeqNum } from '../base/index.js'
import { moveMarker } from '../directory/index.js'
import type { Marker } from '../directory/index.js'
import { openFile, readWhole, withFile, writeFully } from '../vfs/index.js'
import type { VfsFile } from '../vfs/index.js'
import { BlobIndex } from './blob-index.js'
import type { BlobSpace } from './blob-space.js'
import { cacheMarkerIn, emptyCache, removeUnlisted } from './cache-directory.js'
import type { LockedDirectory } from './cache-directory.js'
import { CACHE_MARKER, cacheFileName, parseCacheFileName } from './cache-names.js'
import { createCatalog, newCatalogBytes } from './catalog.js'
import type { Catalog } from './catalog.js'
import { isCatalogLost, replayCatalog } from './catalog-reader.js'
import { CatalogState, RECORD_NUM_MAX } from './catalog-state.js'
import type { SegmentState } from './catalog-state.js'
import type { Kill, SegmentQueue } from './catalog-format.js'
import { MEMORY_SEGMENT_MIN } from './memory-segments.js'
import type { PurgeMark } from './purge-marks.js'
import { readSegment, readSegmentHeader, scanSegment } from './segment-scan.js'
import type { SegmentContent } from './segment-scan.js'
import { encodeFooter, footerBytes, lastExpiryMs } from './segment-footer.js'
import type { FooterEntry } from './segment-footer.js'

/** Segments for large blobs that go on. */
const RESTING_MAX = 4

/** A segment that takes nothing any more. */
export interface FoundSegment {
  readonly queue: SegmentQueue
  /** Bytes of the file. */
  readonly bytes: number
  readonly expiresMs: number
}

/** A segment that was not sealed, read and synced. */
export interface FoundOpenSegment {
  state: SegmentState
  file: VfsFile
  header: FileHeader
  content: SegmentContent
}

export interface RecoveredCache {
  catalog: Catalog
  /** What is counted of the bytes of the cache: the catalog. */
  space: BlobSpace
  origin: FileOrigin
  index: BlobIndex
  /** Numbers are given from behind these on. */
  seqNum: SeqNum
  fileNum: number
  /** Each listed segment, in the order in which they were made. */
  segments: ReadonlyMap<number, FoundSegment>
  /** The segment that takes records again, or null. */
  current: FoundOpenSegment | null
  /** Others that are less than half full: they take large blobs. */
  resting: readonly FoundOpenSegment[]
  /** Segments that were listed and could not be read. */
  droppedCount: number
}

/**
 * What this process knows and the files may not, when it comes back to them: numbers that it gave, records that it
 * killed, what it purged.
 */
export interface Heritage {
  readonly databaseId: Uint8Array
  readonly seqNum: SeqNum
  readonly fileNum: number
  readonly kills: readonly Kill[]
  readonly marks: readonly PurgeMark[]
  /** True: nothing that is on the disk counts. */
  readonly isEmpty: boolean
}

/** From what a recovery begins, beside the files. */
export interface RecoveryStart {
  /** Where the bytes of the cache are counted. */
  space: BlobSpace
  /** What this process knows, when it comes back to its files. */
  heritage?: Heritage | null
  /** The catalog to begin from, instead of the one in the directory. */
  rebuilt?: FoundCatalog | null
}

/** What a recovery must know of sizes. */
export interface RecoverySizes {
  readonly segmentBytes: number
  readonly rollBytes: number
}

/** A catalog that was read. */
export interface FoundCatalog {
  state: CatalogState
  databaseId: Uint8Array | null
}

export class Recovery {
  private readonly place: LockedDirectory
  private readonly random: Random
  private readonly heritage: Heritage | null
  /** The catalog to begin from, instead of the one in the directory. */
  private readonly rebuilt: FoundCatalog | null
  private readonly sizesWanted: RecoverySizes
  private readonly index = new BlobIndex()
  /** The sequence numbers of all records, by segment and record number. */
  private readonly seqNums = new Map<number, Float64Array>()
  private readonly sizes = new Map<number, number>()
  private readonly expiries = new Map<number, number>()
  private readonly space: BlobSpace
  private readonly open: FoundOpenSegment[] = []
  /** The segment that goes on, closed when the recovery fails. */
  private readonly goingOn: FoundOpenSegment[] = []
  private readonly dropped: number[] = []
  private seqNum: SeqNum = 0

  constructor(
    place: LockedDirectory, random: Random, sizes: RecoverySizes,
    { space, heritage = null, rebuilt = null }: RecoveryStart,
  ) {
    this.rebuilt = rebuilt
    this.space = space
    this.heritage = heritage
    this.place = place
    this.random = random
    this.sizesWanted = sizes
  }

  async run(): Promise<RecoveredCache> {
    try {
      return await this.recover()
    } catch (error) {
      for (const { file } of [...this.open, ...this.goingOn]) await file.close().catch(() => undefined)
      throw error
    }
  }

  private async recover(): Promise<RecoveredCache> {
    const { dir, vfs, lock } = this.place
    const { random, heritage } = this
    if (heritage?.isEmpty === true) await emptyCache(this.place, await vfs.list(dir))
    const names = await vfs.list(dir)
    const marker = cacheMarkerIn(names)
    const found = this.rebuilt ?? await this.findCatalog(marker)
    const { state, databaseId } = this.inherit(found)
    const origin = { databaseId: databaseId ?? this.newId(), generation: lock.generation, lineage: 0, random }
    this.seqNum = state.seqNum
    for (const segment of [...state.segments.values()]) await this.readOne(segment, state)
    const current = await this.dropSurplus(await this.endOpenSegments(state), state)
    // All records were seen: what was purged is dead now.
    state.marks.clear()
    const fileNum = highestFileNum(names, state) + 1
    if (fileNum >= MEMORY_SEGMENT_MIN) throw new VarveError('NOT_SUPPORTED', `${dir} has used up its file numbers`)
    state.promise(this.seqNum, fileNum)
    const { rollBytes } = this.sizesWanted
    const catalog = await runAsync(createCatalog({ vfs, dir, origin, fileNum, state, rollBytes, space: this.space }))
    try {
      await runAsync(moveMarker(vfs, dir, fileNum, CACHE_MARKER))
      const isListed = (found: number) => found === fileNum || state.segments.has(found)
      await removeUnlisted(this.place, names, isListed, marker !== null)
    } catch (error) {
      await catalog.close()
      throw error
    }
    const { index, seqNum, dropped, space } = this
    const segments = this.segmentsOf(state)
    const resting = this.goingOn.filter((each) => each !== current)
    return { catalog, space, origin, index, seqNum, fileNum, segments, current, resting, droppedCount: dropped.length }
  }

  /** Adds what this process knows to what the catalog says. Keys have other hashes in a cache with another id. */
  private inherit(found: FoundCatalog): FoundCatalog {
    const { heritage } = this
    if (heritage === null) return found
    const { databaseId, seqNum, fileNum, kills, marks } = heritage
    const state = found.databaseId !== null && isSame(found.databaseId, databaseId) ? found.state : new CatalogState()
    state.promise(seqNum, fileNum)
    for (const { segment, recordNum } of kills) state.segments.get(segment)?.dead.add(recordNum)
    state.marks.clear()
    for (const { namespace, seqNum: marked } of marks) state.marks.add(namespace, marked)
    return { state, databaseId }
  }

  private newId(): Uint8Array {
    const id = new Uint8Array(16)
    this.random.fill(id)
    return id
  }

  private async findCatalog(marker: Marker | null): Promise<FoundCatalog> {
    return marker === null ? nothing() : this.readCatalog(marker.manifest)
  }

  private async readCatalog(fileNum: number): Promise<FoundCatalog> {
    const { dir, vfs } = this.place
    const name = cacheFileName('catalog', fileNum)
    try {
      const path = vfs.join(dir, name)
      const bytes = await runAsync(withFile(vfs, path, 'read', (file) => readWhole(file, MANIFEST_BYTES_MAX)))
      const { state, header } = replayCatalog(bytes, fileNum, name)
      return { state, databaseId: header.databaseId }
    } catch (error) {
      if (isCatalogLost(error) || errnoOf(error) === 'ENOENT' || error instanceof RangeError) return nothing()
      throw ioError(error, 'reading', name)
    }
  }

  /** Reads one listed segment into the index. One that is missing, or not ours, or cannot be read, is dropped. */
  private async readOne(segment: SegmentState, state: CatalogState): Promise<void> {
    const { dir, vfs } = this.place
    const name = cacheFileName('segment', segment.segment)
    const isOpen = segment.sealedBytes === 0
    let file: VfsFile | null = null
    try {
      file = await runAsync(openFile(vfs, vfs.join(dir, name), isOpen ? 'write' : 'read'))
      const header = await runAsync(readSegmentHeader(file, name))
      if (header.fileNum !== segment.segment || !isSame(header.salt, segment.salt)) throw new TypeError('another file')
      const content = await runAsync((isOpen ? scanSegment : readSegment)(file, header, segment.limit))
      this.sizes.set(segment.segment, file.sizeSync())
      this.expiries.set(segment.segment, lastExpiryMs(content.entries))
      const largest = content.entries.at(-1)?.recordNum ?? -1
      if (largest > RECORD_NUM_MAX) throw new TypeError('more records than a segment has room for')
      this.seqNums.set(segment.segment, new Float64Array(largest + 1))
      for (const entry of content.entries) this.enter(segment, entry, state)
      if (isOpen) this.open.push({ state: segment, file, header, content })
      else await file.close()
    } catch (error) {
      await file?.close().catch(() => undefined)
      const isNewer = VarveError.is(error) && error.code === 'UNSUPPORTED_FORMAT'
      if (isNewer || isOutOfFiles(error)) throw ioError(error, 'open', name)
      this.drop(segment.segment, state)
    }
  }

  private drop(segment: number, state: CatalogState): void {
    this.dropped.push(segment)
    state.segments.delete(segment)
    this.sizes.delete(segment)
  }

  /** Puts an entry into the index, unless it is dead or loses against a newer one; the loser is killed. */
  private enter({ segment, dead }: SegmentState, entry: FooterEntry, state: CatalogState): void {
    const { low, high, seqNum, offset, bytes, recordNum, visits } = entry
    this.seqNum = Math.max(this.seqNum, seqNum)
    if (dead.has(recordNum)) return
    if (state.marks.covers(entry)) {
      dead.add(recordNum)
      return
    }
    this.seqNums.get(segment)![recordNum] = seqNum
    const slot = this.index.find(low, high)
    if (slot >= 0) {
      const other = { segment: this.index.segmentAt(slot), recordNum: this.index.recordNumAt(slot) }
      const otherSeqNum = this.seqNums.get(other.segment)![other.recordNum]!
      const isNewer = seqNum > otherSeqNum || (seqNum === otherSeqNum && segment > other.segment)
      const loser = isNewer ? other : { segment, recordNum }
      state.segments.get(loser.segment)?.dead.add(loser.recordNum)
      if (!isNewer) return
    }
    this.index.set(low, high, segment, offset, bytes, recordNum, visits)
  }

  /**
   * Syncs segments that were not sealed, since what they win is killed in the new catalog, and must not be lost after
   * it. And decides what becomes of them: the newest one that is less than half full goes on, and some more for large
   * blobs; empty ones go, others get the footer that they lack.
   */
  private async endOpenSegments(state: CatalogState): Promise<FoundOpenSegment | null> {
    let current: FoundOpenSegment | null = null
    for (const found of this.open.splice(0).reverse()) {
      const { content: { end, entries }, file, state: { queue, segment } } = found
      const isFew = this.goingOn.length <= RESTING_MAX
      const goesOn = isFew && queue === 'young' && end * 2 < this.sizesWanted.segmentBytes
      if (entries.length === 0) this.drop(segment, state)
      else {
        try {
          if (queue !== 'main') await cutAndEnd(found, goesOn)
          else await file.dataSync()
          this.sizes.set(segment, goesOn ? end + footerRoom(entries) : file.sizeSync())
          if (goesOn) this.goingOn.push(found)
          if (goesOn) current ??= found
        } catch {
          this.forget(found, state)
        }
      }
      if (!this.goingOn.includes(found)) await file.close().catch(() => undefined)
    }
    return current
  }

  /**
   * Drops segments until all fits into the bytes that the cache may have now, oldest first. What their records have won
   * against is dead already. Gives the segment that goes on, if it still does.
   */
  private async dropSurplus(current: FoundOpenSegment | null, state: CatalogState): Promise<FoundOpenSegment | null> {
    const { segmentBytes } = this.sizesWanted
    const currentBytes = current === null ? 0 : Math.max(segmentBytes, this.sizes.get(current.state.segment)!)
    let used = currentBytes
    for (const [segment, bytes] of this.sizes) if (segment !== current?.state.segment) used += bytes
    const most = this.space.maxBytes - Math.max(this.space.maxBytes - this.space.freeBytes, newCatalogBytes(state))
    for (const segment of [...this.sizes.keys()].sort((a, b) => a - b)) {
      if (used <= most) break
      if (segment === current?.state.segment) continue
      used -= this.sizes.get(segment)!
      await this.closeGoingOn(segment)
      this.forgetAll(segment)
      this.drop(segment, state)
    }
    if (used <= most || current === null) return current
    await this.closeGoingOn(current.state.segment)
    this.forget(current, state)
    return null
  }

  private async closeGoingOn(segment: number): Promise<void> {
    const at = this.goingOn.findIndex(({ state }) => state.segment === segment)
    if (at >= 0) await this.goingOn.splice(at, 1)[0]!.file.close().catch(() => undefined)
  }

  private forgetAll(segment: number): void {
    const { index } = this
    for (let page = 0; page < index.pageCount; page++) {
      const found: [number, number, number][] = []
      index.forEachInPage(page, (slot) => {
        if (index.segmentAt(slot) === segment) {
          found.push([index.lowAt(slot), index.highAt(slot), index.recordNumAt(slot)])
        }
      })
      for (const [low, high, recordNum] of found) index.removeIf(low, high, segment, recordNum)
    }
  }

  private segmentsOf(state: CatalogState): Map<number, FoundSegment> {
    const found = new Map<number, FoundSegment>()
    for (const { segment, queue } of [...state.segments.values()].sort((a, b) => a.segment - b.segment)) {
      found.set(segment, { queue, bytes: this.sizes.get(segment)!, expiresMs: this.expiries.get(segment)! })
    }
    return found
  }

  /** Drops a segment whose entries are in the index. */
  private forget({ content: { entries }, state: { segment } }: FoundOpenSegment, state: CatalogState): void {
    for (const { low, high, recordNum } of entries) this.index.removeIf(low, high, segment, recordNum)
    this.drop(segment, state)
  }
}

/** Takes away what stands behind the last good record, and writes the footer when the segment does not go on. */
async function cutAndEnd({ state, file, header, content }: FoundOpenSegment, goesOn: boolean): Promise<void> {
  const { entries, end } = content
  await file.truncate(end)
  if (!goesOn) {
    const marked = entries.map((entry) => ({ ...entry, isDead: state.dead.has(entry.recordNum) }))
    const footer = encodeFooter(marked, end, fileSeed(header))
    await runAsync(writeFully(file, footer, 0, footer.length, end))
  }
  await file.dataSync()
  if (!goesOn) state.sealedBytes = file.sizeSync()
}

/** Bytes of the footer that a segment will get. */
function footerRoom(entries: readonly FooterEntry[]): number {
  return footerBytes(entries.length, entries.reduce((sum, { key }) => sum + key.length, 0))
}

function nothing(): FoundCatalog {
  return { state: new CatalogState(), databaseId: null }
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return compareBytes(a, b) === 0
}

/** The highest number of a file that there is or was. */
function highestFileNum(names: readonly string[], state: CatalogState): number {
  let highest = state.fileNum
  for (const name of names) {
    const parsed = parseCacheFileName(name)
    if (parsed !== null && parsed.kind !== 'lock') highest = Math.max(highest, parsed.fileNum)
  }
  return highest
}
