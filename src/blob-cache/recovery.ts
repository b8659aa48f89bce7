/**
 * What: makes a cache of the files of its directory: marker → catalog → index and segments: of the snapshot that the
 * last close left (snapshot-recovery.ts), else of the segments themselves (segment-recovery.ts) → segments that were
 * not sealed go on or end → a new catalog, which kills what lost → marker → what nobody lists is removed. A catalog
 * that is missing or damaged makes an empty cache.
 * Thread: main. Before the new catalog counts nothing is changed, but for the ends of segments that were not sealed.
 * Invariants: BC-5 what lost is dead in the new catalog. BC-6 numbers begin above everything that was promised or
 * found.
 */
import { compareBytes, errnoOf, ioError, MANIFEST_BYTES_MAX, runAsync, VarveError } from '../base/index.js'
import type { FileOrigin, Random, SeqNum, Turns } from '../base/index.js'
import { moveMarker } from '../directory/index.js'
import type { Marker } from '../directory/index.js'
import { readWhole, withFile } from '../vfs/index.js'
import type { BlobIndex } from './blob-index.js'
import type { BlobSpace } from './blob-space.js'
import { cacheMarkerIn, emptyCache, removeUnlisted } from './cache-directory.js'
import type { LockedDirectory } from './cache-directory.js'
import { CACHE_MARKER, cacheFileName, parseCacheFileName } from './cache-names.js'
import { createCatalog } from './catalog.js'
import type { Catalog } from './catalog.js'
import type { Kill } from './catalog-format.js'
import { isCatalogLost, replayCatalog } from './catalog-reader.js'
import { CatalogState } from './catalog-state.js'
import type { FoundContent, FoundOpenSegment, FoundSegment, IndexFrom } from './found-content.js'
import { MEMORY_SEGMENT_MIN } from './memory-segments.js'
import type { PurgeMark } from './purge-marks.js'
import { GoingOn } from './segment-endings.js'
import { contentOfSegments } from './segment-recovery.js'
import { contentOfSnapshot } from './snapshot-recovery.js'

export interface RecoveredCache {
  catalog: Catalog
  /** What is counted of the bytes of the cache: the catalog. */
  space: BlobSpace
  origin: FileOrigin
  index: BlobIndex
  /** Where the index was found. */
  indexFrom: IndexFrom
  /** Purges that may cover records that are in the index. */
  marks: readonly PurgeMark[]
  /** Numbers are given from behind these on. */
  seqNum: SeqNum
  fileNum: number
  /** Each listed segment, in the order in which they go. */
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
  /** When others must have their turn. */
  turns: Turns
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

/** What a new catalog is made of, and what was in the directory before it. */
interface CatalogBeginning {
  state: CatalogState
  origin: FileOrigin
  fileNum: number
  names: readonly string[]
  hadMarker: boolean
}

export class Recovery {
  private readonly place: LockedDirectory
  private readonly random: Random
  private readonly heritage: Heritage | null
  /** The catalog to begin from, instead of the one in the directory. */
  private readonly rebuilt: FoundCatalog | null
  private readonly sizes: RecoverySizes
  private readonly space: BlobSpace
  private readonly turns: Turns

  constructor(
    place: LockedDirectory, random: Random, sizes: RecoverySizes,
    { space, turns, heritage = null, rebuilt = null }: RecoveryStart,
  ) {
    this.rebuilt = rebuilt
    this.space = space
    this.turns = turns
    this.heritage = heritage
    this.place = place
    this.random = random
    this.sizes = sizes
  }

  async run(): Promise<RecoveredCache> {
    const { dir, vfs, lock } = this.place
    const { random, heritage } = this
    if (heritage?.isEmpty === true) await emptyCache(this.place, await vfs.list(dir))
    const names = await vfs.list(dir)
    const marker = cacheMarkerIn(names)
    const found = this.inherit(this.rebuilt ?? await this.findCatalog(marker))
    const { state, databaseId } = found
    const origin = { databaseId: databaseId ?? this.newId(), generation: lock.generation, lineage: 0, random }
    const content = await this.contentOf(found)
    const goingOn = new GoingOn(content, this.sizes.segmentBytes)
    try {
      await goingOn.take()
      await goingOn.dropSurplus(state, this.space, this.turns)
      const fileNum = highestFileNum(names, state) + 1
      if (fileNum >= MEMORY_SEGMENT_MIN) throw new VarveError('NOT_SUPPORTED', `${dir} has used up its file numbers`)
      state.promise(content.seqNum, fileNum)
      const catalog = await this.begin({ state, origin, fileNum, names, hadMarker: marker !== null })
      const { index, indexFrom, seqNum, segments, droppedCount } = content
      const { current, resting } = goingOn
      return {
        catalog, space: this.space, origin, index, indexFrom, marks: state.marks.list(), seqNum, fileNum, segments,
        current, resting, droppedCount,
      }
    } catch (error) {
      await content.close()
      await goingOn.close()
      throw error
    }
  }

  /** Makes the new catalog, which counts from then on, and removes what it does not list. */
  private async begin({ state, origin, fileNum, names, hadMarker }: CatalogBeginning): Promise<Catalog> {
    const { place, place: { dir, vfs }, space, sizes: { rollBytes } } = this
    const catalog = await runAsync(createCatalog({ vfs, dir, origin, fileNum, state, rollBytes, space }))
    try {
      await runAsync(moveMarker(vfs, dir, fileNum, CACHE_MARKER))
      const isListed = (found: number) => found === fileNum || state.segments.has(found)
      await removeUnlisted(place, names, isListed, hadMarker)
      return catalog
    } catch (error) {
      await catalog.close()
      throw error
    }
  }

  /** Finds the index and the segments: in the snapshot of the last close, if it counts, else in the segments. */
  private async contentOf({ state, databaseId }: FoundCatalog): Promise<FoundContent> {
    if (state.snapshot !== null && databaseId !== null && this.heritage === null) {
      const content = await contentOfSnapshot(this.place, state, state.snapshot, databaseId)
      if (content !== null) return content
    }
    const content = await contentOfSegments(this.place, state, this.turns)
    // All records were seen: what was purged is dead now.
    state.marks.clear()
    return content
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
