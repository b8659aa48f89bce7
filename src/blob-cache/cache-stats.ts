/**
 * What: the statistics of a cache as programs see them, made of what its parts count.
 * Thread: main.
 */
import type { LatencyStats, StageStats } from '../stats/index.js'
import type { BlobCacheState } from './blob-health.js'
import type { BlobStore } from './blob-store.js'
import type { CallMeter } from './call-meter.js'

/** Segments that wait for their removal. */
export interface BlobQueueStats {
  /** How many. */
  segments: number
  /** Bytes of their files, with what is reserved for those that take blobs. */
  bytes: number
}

/** What a cache has done and holds. */
export interface BlobCacheStats {
  /**
   * How the cache stands with its disk: 'OK'; 'MEMORY' while the disk takes nothing, so that blobs are put into memory
   * only; 'CLOSED'.
   */
  state: BlobCacheState
  /** The last failure of the disk, or null. */
  lastError: unknown
  /** What `getOrSet` has done. */
  getOrSet: {
    /** Loads that were begun. */
    loads: number
    /** Calls that got the result of a load that was under way. */
    shared: number
    /** Calls that were given a value that was stale. */
    staleServed: number
    /** Loads that failed. */
    loadErrors: number
  }
  /** Blobs that a `get` may find. What was purged or is expired counts until its segment goes, or it is asked for. */
  items: number
  /**
   * Where the last open, or the last way back to the disk, found its index: in the 'snapshot' that a clean close left,
   * or in the 'segments', which takes longer.
   */
  indexFrom: 'snapshot' | 'segments'
  /** Gets that gave a value. */
  hits: number
  /** Gets that gave none, by reason. */
  misses: {
    /** There was nothing under the key. */
    absent: number
    /** The time of the blob was over. */
    expired: number
    /** The blob was purged. */
    purged: number
    /** Another key with the same hash has its place. */
    collision: number
    /** The bytes on the disk were not those that were written. */
    corrupt: number
    /** The disk could not be read. */
    io: number
  }
  /** Blobs that were put. */
  puts: number
  /** Bytes of the values that were put. */
  bytesPut: number
  /** Puts that stored nothing, those of `getOrSet` too, by reason; a reason that never came is left out. */
  refused: {
    /** The blob is larger than the cache takes. */
    'too-large'?: number
    /** What is there has a version that is not smaller. */
    'too-old'?: number
    /** The time of the blob was over before it was put. */
    expired?: number
    /** Too much waits for a place already. */
    busy?: number
    /** Another put, delete or purge of the key came later and was done first. */
    superseded?: number
    /** The disk takes nothing. */
    degraded?: number
    /** The source gave more or fewer bytes than was said. */
    size?: number
    /** The bytes do not have the checksum that was given. */
    checksum?: number
    /** The signal was aborted, or the cache was closed while the source was read. */
    aborted?: number
    /** The source failed. */
    source?: number
  }
  /** Segments that there are. */
  segments: number
  /** Bytes of all files, with what is reserved for segments that take blobs. */
  usedBytes: number
  /** Segments that were dropped to make room. */
  evictedSegments: number
  /** Bytes of the segments that were dropped to make room. */
  evictedBytes: number
  /** Blobs that went with the segments that were dropped. */
  evictedItems: number
  /** Blobs that were moved on before their segment was dropped, since they had been read. */
  movedItems: number
  /** Bytes of the blobs that were moved on. */
  movedBytes: number
  /** Calls of `get`, found or not. */
  reads: LatencyStats
  /** Puts that stored a blob, until they were acknowledged; those of `getOrSet` too. */
  writes: LatencyStats
  /** How long each step of a blob's way took, as often as it was taken. */
  stages: {
    /** From a call of `put` until there was a place, of those that had to wait for one. */
    reserve: StageStats
    /** Copying a blob into the memory of its segment, with its checksums. */
    bind: StageStats
    /** Writing a piece of a segment: several blobs, or a part of a large one. */
    write: StageStats
    /** Syncing a segment that blobs are put into. */
    sync: StageStats
    /** Writing the footer of such a segment, with its last sync. */
    seal: StageStats
    /** Removing a segment, from the choice until its file is gone; with the move, if something was moved. */
    evict: StageStats
    /** Copying what was read out of a segment before it goes. */
    move: StageStats
  }
  /** Bytes that are used or reserved, by what for. */
  space: {
    /** Bytes that all may have together. */
    maxBytes: number
    /** Segments, with what is reserved for those that take blobs. */
    segmentBytes: number
    /** Blobs that are streams and not complete. */
    streamBytes: number
    /** The catalog. */
    catalogBytes: number
    /** Bytes that are kept free for the snapshot of the index that the close leaves. They are not used yet. */
    snapshotBytes: number
    /** Segments that were removed while somebody still reads them. */
    heldBytes: number
  }
  /** Bytes that were written to files since the open. */
  written: {
    /** Segments that blobs were put into. */
    putBytes: number
    /** Segments that blobs were moved to. */
    moveBytes: number
    /** Catalogs. */
    catalogBytes: number
  }
  /** The two queues in which segments wait for their removal. */
  queues: {
    /** Segments with new blobs. */
    young: BlobQueueStats
    /** Segments with blobs that were read, or came back. */
    main: BlobQueueStats
  }
  /** Records that are dead although they stand in segments: deleted, overwritten, damaged. */
  kills: {
    /** Kills in the catalog since the open, deletes of absent keys included. */
    durable: number
    /** Kills that are not written yet. */
    waiting: number
  }
  /** Blobs that were dropped a short while ago, and are known by their hash. */
  ghosts: {
    /** How many are remembered. */
    items: number
    /** Bytes of memory. */
    memoryBytes: number
    /** Blobs that were put again while they were remembered. */
    hits: number
  }
  /** Bytes of memory. */
  memory: {
    /** The index. */
    indexBytes: number
    /** Slabs: blobs on their way to the disk, and those that were written last. */
    slabBytes: number
    /** Puts that wait for a place. */
    waitingBytes: number
  }
}

/** What the store and its calls tell. */
export type StoreStats = Omit<BlobCacheStats, 'state' | 'lastError' | 'getOrSet'>

/** What a store has counted, and the stores before it, whose place it took on a way back. */
export interface StoreCounts extends Pick<StoreStats,
  'evictedSegments' | 'evictedBytes' | 'evictedItems' | 'movedItems' | 'movedBytes' | 'stages' | 'written'> {
  readonly durableKills: number
  readonly ghostHits: number
}

/** Puts the statistics together. */
export function cacheStats(store: BlobStore, calls: CallMeter, earlier: StoreCounts | null = null): StoreStats {
  const { counts: { hits, misses, puts, bytesPut }, index, segments, usedBytes, kills, disk: { queues } } = store
  const { durableKills, ghostHits, ...counts } = countsOf(store, earlier)
  return {
    items: index.count, indexFrom: store.indexFrom, hits, misses: { ...misses }, puts, bytesPut,
    refused: Object.fromEntries(calls.refused),
    segments: segments.count, usedBytes, ...counts,
    reads: calls.gets.stats(), writes: calls.puts.stats(), space: spaceOf(store),
    queues: { young: queues.summaryOf('young'), main: queues.summaryOf('main') },
    kills: { durable: durableKills, waiting: kills.length },
    ghosts: { items: queues.ghostCount, memoryBytes: queues.ghostBytes, hits: ghostHits },
    memory: {
      indexBytes: index.bytes, slabBytes: store.disk.streams.slabBytes, waitingBytes: store.puts.waiting.bytes,
    },
  }
}

/** Gives what a store has counted, on top of what those before it have. */
export function countsOf(store: BlobStore, earlier: StoreCounts | null): StoreCounts {
  const { remover, mover, kills, disk: { streams, catalog, queues } } = store
  const { evictedSegments, evictedBytes, evictedItems } = remover
  const { movedItems, movedBytes } = mover
  const now = {
    evictedSegments, evictedBytes, evictedItems, movedItems, movedBytes, durableKills: kills.start,
    ghostHits: queues.ghostHits, stages: stagesOf(store),
    written: {
      putBytes: streams.meter.writtenBytes, moveBytes: mover.writtenBytes, catalogBytes: catalog.writtenBytes,
    },
  }
  if (earlier === null) return now
  const { stages, written } = earlier
  return {
    ...sums(now, earlier, [
      'evictedSegments', 'evictedBytes', 'evictedItems', 'movedItems', 'movedBytes', 'durableKills', 'ghostHits',
    ]),
    stages: mapNames(now.stages, (name) => addStages(stages[name], now.stages[name])),
    written: sums(now.written, written, ['putBytes', 'moveBytes', 'catalogBytes']),
  }
}

function sums<K extends string>(a: Record<K, number>, b: Record<K, number>, names: readonly K[]): Record<K, number> {
  return Object.fromEntries(names.map((name) => [name, a[name] + b[name]])) as Record<K, number>
}

function mapNames<K extends string, T>(of: Record<K, unknown>, map: (name: K) => T): Record<K, T> {
  return Object.fromEntries((Object.keys(of) as K[]).map((name) => [name, map(name)])) as Record<K, T>
}

function addStages(earlier: StageStats, now: StageStats): StageStats {
  if (now.count === 0) return earlier
  const [count, totalMs] = [earlier.count + now.count, earlier.totalMs + now.totalMs]
  return { count, totalMs, lastMs: now.lastMs, maxMs: Math.max(earlier.maxMs, now.maxMs), avgMs: totalMs / count }
}

function stagesOf({ puts: { waiting }, writer, disk, remover }: BlobStore): BlobCacheStats['stages'] {
  const { meter } = disk.streams
  return {
    reserve: waiting.times.stats(), bind: writer.times.stats(), write: meter.write.stats(), sync: meter.sync.stats(),
    seal: meter.seal.stats(), evict: remover.times.stats(), move: remover.moveTimes.stats(),
  }
}

function spaceOf({ disk: { space } }: BlobStore): BlobCacheStats['space'] {
  return {
    maxBytes: space.maxBytes, segmentBytes: space.usedBy('segment'), streamBytes: space.usedBy('stream'),
    catalogBytes: space.usedBy('catalog'), snapshotBytes: space.snapshotBytes(), heldBytes: space.usedBy('held'),
  }
}
