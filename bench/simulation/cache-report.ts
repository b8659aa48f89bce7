/** What: plays requests through caches, and shows the numbers as a text for people. */
import { MiB } from '../../src/base/index.js'
import type { Requests } from './cache-requests.js'
import { itemCache, ITEM_POLICIES } from './item-caches.js'
import type { SimulatedCache } from './item-caches.js'
import { SegmentCache } from './segment-cache.js'

export interface CacheReport {
  readonly name: string
  readonly missRatio: number
  readonly byteMissRatio: number
  /** Bytes written for each byte put. */
  readonly written: number
  /** What `written` was when the first blob was evicted. */
  readonly writtenBeforeFull: number
  /** The most bytes that were reserved at one time, for each byte that the cache may have. */
  readonly mostUsed: number
}

export interface CacheSettings {
  readonly maxBytes: number
  readonly youngShare: number
  readonly segmentCount: number
  readonly lagSegments: number
}

/** The part of the requests that fills the cache. */
const WARM_SHARE = 1 / 3
/** Larger blobs than this part of the cache are not put. */
const BLOB_SHARE_MAX = 1 / 40

export function playAll(requests: Requests, settings: CacheSettings): CacheReport[] {
  const { maxBytes } = settings
  return [
    ...ITEM_POLICIES.map((policy) => play(`${policy}, blob by blob`, requests, maxBytes, itemCache(policy, maxBytes))),
    play('segments, without ghosts', requests, maxBytes, new SegmentCache({ ...settings, hasGhosts: false })),
    play('segments', requests, maxBytes, new SegmentCache({ ...settings, hasGhosts: true })),
  ]
}

function play(name: string, { blobs, sizes }: Requests, maxBytes: number, cache: SimulatedCache): CacheReport {
  const warm = Math.floor(blobs.length * WARM_SHARE)
  let [asked, missed, askedBytes, missedBytes, putBytes] = [0, 0, 0, 0, 0]
  let [putBytesWarm, writtenWarm, writtenBeforeFull] = [0, 0, 1]
  for (const [at, blob] of blobs.entries()) {
    if (at === warm) [putBytesWarm, writtenWarm] = [putBytes, cache.writtenBytes]
    const bytes = sizes[blob]!
    const isTaken = bytes <= maxBytes * BLOB_SHARE_MAX
    const isHit = isTaken && cache.ask(blob, bytes)
    if (isTaken && !isHit) putBytes += bytes
    if (cache.evictedCount === 0 && putBytes > 0) writtenBeforeFull = cache.writtenBytes / putBytes
    if (at < warm) continue
    asked++
    askedBytes += bytes
    if (isHit) continue
    missed++
    missedBytes += bytes
  }
  return {
    name, missRatio: missed / asked, byteMissRatio: missedBytes / askedBytes, writtenBeforeFull,
    written: (cache.writtenBytes - writtenWarm) / (putBytes - putBytesWarm), mostUsed: cache.usedBytesMost / maxBytes,
  }
}

export function cacheText({ name, blobs, footprintBytes }: Requests, maxBytes: number, reports: CacheReport[]): string {
  const rows = [
    ['', 'miss', 'byte miss', 'written', 'before full', 'most used'],
    ...reports.map(({ name, missRatio, byteMissRatio, written, writtenBeforeFull, mostUsed }) => [
      name, ...[missRatio, byteMissRatio, written, writtenBeforeFull, mostUsed].map((each) => each.toFixed(3)),
    ]),
  ]
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  const lines = rows.map((row) => row.map((cell, column) =>
    column === 0 ? `  ${cell.padEnd(widths[0]!)}` : cell.padStart(widths[column]! + 2)).join(''))
  const mib = (bytes: number): string => `${(bytes / MiB).toFixed(0)} MiB`
  const title = `${name}: ${blobs.length} requests, blobs of ${mib(footprintBytes)}, cache of ${mib(maxBytes)}`
  return `\n${title}\n${lines.join('\n')}`
}
