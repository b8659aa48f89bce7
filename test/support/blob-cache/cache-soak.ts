/**
 * What: a cache on the real disk that is used by several callers at once for as long as wanted: put, read, deleted,
 * purged, closed and opened again, with a disk that is full now and then. All the time: a hit is a value of its key
 * that is not older than the last one that was acknowledged; `get` never rejects; the directory is within its bound;
 * the cache is healthy again when the disk has room again; and at the end the heap has not grown. BC-1, BC-3, BC-7,
 * BC-8.
 */
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import path from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { MiB, SeededRandom } from '../../../src/base/index.js'
import { BlobCache } from '../../../src/blob-cache.js'
import type { BlobCacheEvent } from '../../../src/blob-cache.js'
import { checkCache } from '../../../src/blob-cache/cache-check.js'
import { FaultyVfs } from '../../../src/testing.js'
import { NodeVfs } from '../../../src/vfs/index.js'

export interface SoakOptions {
  readonly dir: string
  readonly seconds: number
  readonly seed: number
  readonly maxBytes?: number
  /** Hears a line now and then. */
  readonly report?: (line: string) => void
}

const CALLERS = 6
const KEYS = 3000
const NAMESPACES = 5
const VALUE_BYTES_MIN = 100
/** The largest ones stand in large segments. */
const VALUE_BYTES_MAX = 700_000
/** A part of a soak: the disk is full in some; after each the cache is closed, checked and opened again. */
const PART_MS = 5000
const FULL_MS = 1500
const FULL_BYTES_MAX = 4 * MiB
const LOOK_MS = 20
/** The way back is tried at least each minute. */
const HEALTHY_MS_MAX = 150_000
/** A disk is full in at most so many parts: in one of them the room that is made does not suffice. */
const FULL_PARTS_MAX = 6
const HEAP_SLACK_BYTES = 48 * MiB

export class CacheSoak {
  readonly counts = {
    puts: 0, refused: 0, hits: 0, misses: 0, deletes: 0, purges: 0, parts: 0, fullParts: 0, comebacks: 0, looks: 0,
  }
  peakBytes = 0
  private readonly options: SoakOptions
  private readonly vfs = new FaultyVfs(new NodeVfs())
  private readonly random: SeededRandom
  private readonly maxBytes: number
  /** The version of each key below which nothing may be seen any more. */
  private readonly floors = new Map<string, number>()
  /** Keys that were changed while the disk was full: a reopen may find an older value. */
  private readonly doubtful = new Set<string>()
  private readonly heaps: number[] = []
  private version = 0
  /** The disk was full in this part. */
  private isFull = false

  constructor(options: SoakOptions) {
    this.options = options
    this.maxBytes = options.maxBytes ?? 32 * MiB
    this.random = new SeededRandom(options.seed, 'cache soak')
  }

  async run(): Promise<void> {
    const { dir, seconds, report = () => undefined } = this.options
    rmSync(dir, { recursive: true, force: true })
    mkdirSync(dir, { recursive: true })
    const endMs = Date.now() + seconds * 1000
    while (Date.now() < endMs || (this.counts.comebacks === 0 && this.counts.fullParts < FULL_PARTS_MAX)) {
      await this.part(this.counts.parts % 3 === 1)
      const { puts, refused, hits, misses, parts, fullParts } = this.counts
      report(`part ${parts} (${fullParts} full): ${puts} puts, ${refused} refused, ${hits} hits, ${misses} misses, ` +
        `at most ${(this.peakBytes / MiB).toFixed(1)} MiB, heap ${(this.heaps.at(-1)! / MiB).toFixed(0)} MiB`)
    }
    this.checkHeap()
    assert.ok(this.counts.comebacks > 0, 'the cache left a full disk for memory, and came back')
  }

  /** Opens the cache, uses it, closes it, and reads every byte of what it left. */
  private async part(isFull: boolean): Promise<void> {
    const { dir } = this.options
    const cache = await BlobCache.open(dir, {
      maxBytes: this.maxBytes, components: { vfs: this.vfs }, onEvent: (event) => this.onEvent(event),
    })
    for (const key of this.doubtful) this.floors.delete(key)
    this.doubtful.clear()
    this.isFull = false
    const endMs = Date.now() + PART_MS
    const callers = Array.from({ length: CALLERS }, () => this.call(cache, endMs))
    const watcher = this.watch(endMs)
    if (isFull) await this.fill()
    await Promise.all([...callers, watcher])
    await this.checkHealth(cache)
    const closed = await cache.close().then(() => null, (error: unknown) => error)
    if (!isFull) assert.equal(closed, null, 'a close on a good disk')
    this.look()
    const { problemCount, files } = await checkCache(dir)
    assert.equal(problemCount, 0, JSON.stringify(files.filter(({ problems }) => problems.length > 0)))
    ;(globalThis as { gc?: () => void }).gc?.()
    this.heaps.push(process.memoryUsage().heapUsed)
    this.counts.parts++
    if (isFull) this.counts.fullParts++
  }

  private onEvent(event: BlobCacheEvent): void {
    if (event.type === 'stateChanged' && event.from === 'MEMORY' && event.to === 'OK') this.counts.comebacks++
  }

  /** BC-7: on a disk that has room again the cache comes back by itself, and stores what must be synced. */
  private async checkHealth(cache: BlobCache): Promise<void> {
    const endMs = Date.now() + HEALTHY_MS_MAX
    for (;;) {
      const { state, lastError } = cache.stats()
      if (state === 'OK' && (await cache.put('health', 'x', { durability: 'synced' })).stored) return
      assert.ok(Date.now() < endMs, `BC-7: the cache is ${state} on a good disk: ${String(lastError)}`)
      await setTimeout(LOOK_MS)
    }
  }

  /** Lets the disk be full for a while; it has some room left, which differs. */
  private async fill(): Promise<void> {
    await setTimeout(FULL_MS)
    this.isFull = true
    this.vfs.writeBudgetBytes = this.random.below(FULL_BYTES_MAX)
    await setTimeout(FULL_MS)
    this.vfs.writeBudgetBytes = Infinity
  }

  private async watch(endMs: number): Promise<void> {
    while (Date.now() < endMs) {
      this.look()
      await setTimeout(LOOK_MS)
    }
  }

  /** Checks the bound of the directory. */
  private look(): void {
    const { dir } = this.options
    let bytes = 0
    for (const name of readdirSync(dir)) bytes += statSync(path.join(dir, name), { throwIfNoEntry: false })?.size ?? 0
    this.peakBytes = Math.max(this.peakBytes, bytes)
    this.counts.looks++
    assert.ok(bytes <= this.maxBytes, `BC-3: ${bytes} bytes of ${this.maxBytes}`)
  }

  private async call(cache: BlobCache, endMs: number): Promise<void> {
    while (Date.now() < endMs) {
      // A few keys are used most.
      const key = `key ${this.random.below(this.random.chance(0.5) ? KEYS / 20 : KEYS)}`
      const turn = this.random.below(1000)
      if (turn < 350) await this.put(cache, key)
      else if (turn < 970) await this.get(cache, key)
      else if (turn < 998) await this.delete(cache, key)
      else await this.purge(cache)
    }
  }

  private async put(cache: BlobCache, key: string): Promise<void> {
    const version = ++this.version
    const durability = this.random.chance(0.02) ? 'synced' : 'written'
    this.doubt(key)
    const result = await cache.put(key, valueOf(key, version), { durability, namespace: namespaceOf(key) })
    if (result.stored) {
      this.raise(key, version)
    }
    this.counts[result.stored ? 'puts' : 'refused']++
    if (!result.stored && !this.isFull) assert.match(result.reason, /^(superseded|busy)$/)
  }

  private async get(cache: BlobCache, key: string): Promise<void> {
    const floor = this.floors.get(key) ?? 0
    const found = await (this.random.chance(0.2) ? streamed(cache, key) : cache.get(key))
    this.counts[found === undefined ? 'misses' : 'hits']++
    if (found === undefined) return
    const version = Number(new TextDecoder().decode(found.subarray(0, 40)).split('/')[1])
    assert.ok(Buffer.compare(found, valueOf(key, version)) === 0, `BC-1: what is under ${key} is none of its values`)
    assert.ok(version >= floor, `BC-1: ${key} has version ${version}, and ${floor} was acknowledged`)
  }

  private async delete(cache: BlobCache, key: string): Promise<void> {
    const version = ++this.version
    this.doubt(key)
    const isDone = await cache.delete(key).then(() => true, () => false)
    assert.ok(isDone || this.isFull, 'a delete on a good disk')
    if (isDone) this.raise(key, version)
    this.counts.deletes++
  }

  private async purge(cache: BlobCache): Promise<void> {
    const version = ++this.version
    const namespace = `n${this.random.below(NAMESPACES)}`
    const keys = Array.from({ length: KEYS }, (_, i) => `key ${i}`).filter((key) => namespaceOf(key) === namespace)
    for (const key of keys) this.doubt(key)
    const isDone = await cache.purge({ namespace }).then(() => true, () => false)
    assert.ok(isDone || this.isFull, 'a purge on a good disk')
    if (isDone) for (const key of keys) this.raise(key, version)
    this.counts.purges++
  }

  private raise(key: string, version: number): void {
    this.floors.set(key, Math.max(version, this.floors.get(key) ?? 0))
  }

  private doubt(key: string): void {
    if (this.counts.parts % 3 === 1) this.doubtful.add(key)
  }

  /** What is left after a part does not grow: the later ones have no more than the earlier ones. */
  private checkHeap(): void {
    const { heaps } = this
    const half = heaps.length >> 1
    if (half === 0) return
    const [early, late] = [Math.max(...heaps.slice(0, half)), Math.min(...heaps.slice(half))]
    assert.ok(late <= early + HEAP_SLACK_BYTES, `BC-8: the heap grew from ${early} to ${late} bytes`)
  }
}

/** Reads a blob as a stream. One that breaks off is none: its blob is gone, or the disk is. */
async function streamed(cache: BlobCache, key: string): Promise<Uint8Array | undefined> {
  const stream = await cache.getStream(key)
  if (stream === undefined) return undefined
  const parts: Uint8Array[] = []
  try {
    for await (const part of stream) parts.push(part)
  } catch {
    return undefined
  }
  return Buffer.concat(parts)
}

function namespaceOf(key: string): string {
  return `n${Number(key.slice(4)) % NAMESPACES}`
}

/** A value that says of which put it is; the size follows from the version. */
function valueOf(key: string, version: number): Buffer {
  const share = ((version * 2_654_435_761) % 2 ** 32) / 2 ** 32
  const bytes = Math.floor(VALUE_BYTES_MIN * (VALUE_BYTES_MAX / VALUE_BYTES_MIN) ** share)
  return Buffer.alloc(bytes, `${key}/${version}/`)
}
