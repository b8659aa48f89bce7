/** What: the life of a cache on a machine that is crashed after every change of its disk. */
import assert from 'node:assert/strict'
import { SeededRandom } from '../../../src/base/index.js'
import type { Durability } from '../../../src/blob-cache/durability.js'
import type { BlobValue } from '../../../src/blob-cache/put-options.js'
import { SimVfs } from '../../../src/testing.js'
import { BlobImages, newImageCounts } from './blob-images.js'
import type { ImageOptions } from './blob-images.js'
import { CACHE_DIR, openCache } from './blob-machine.js'
import type { TextStore } from './blob-machine.js'
import { BlobOracle } from './blob-oracle.js'

export interface BlobSweepOptions extends ImageOptions {
  steps: number
  /** Durabilities that operations choose from. */
  durabilities: readonly Durability[]
  /** Wraps the file system of the life that is crashed. */
  wrap?: (vfs: SimVfs) => SimVfs
}

export class BlobSweep {
  readonly counts = {
    effects: 0, ...newImageCounts(), evicted: 0, moved: 0, movedLarge: 0, abortedAt: 0,
  }
  private readonly options: BlobSweepOptions
  private readonly random: SeededRandom
  private readonly oracle = new BlobOracle()
  private readonly images: BlobImages

  constructor(options: BlobSweepOptions) {
    this.options = options
    this.random = new SeededRandom(options.seed, 'blob sweep')
    const { random, oracle, counts } = this
    this.images = new BlobImages({ ...options, random, oracle, counts })
  }

  async run(): Promise<void> {
    await this.live()
    await this.images.check()
  }

  /** One life of a cache: calls that are awaited, calls that are not, closes and reopens. */
  private async live(): Promise<void> {
    const { seed, steps, settings = {}, wrap = (vfs) => vfs } = this.options
    const vfs = new SimVfs({ seed })
    vfs.mkdirSync(CACHE_DIR)
    vfs.syncDirSync('/')
    vfs.onEffect = (index, description) => this.onEffect(vfs, `effect ${index}: ${description}`, settings.maxBytes)
    let cache = await openCache(wrap(vfs), settings, seed)
    let calls: Promise<void>[] = []
    for (let step = 0; step < steps; step++) {
      calls.push(this.act(cache))
      if (this.random.chance(0.4)) {
        await Promise.all(calls)
        calls = []
        await this.images.check()
      }
      if (this.random.chance(0.03)) await cache.store.sync()
      if (this.random.chance(0.02)) {
        await Promise.all(calls)
        await this.end(cache)
        cache = await this.open(wrap(vfs), seed + step)
      }
    }
    await Promise.all(calls)
    await this.end(cache)
    vfs.onEffect = null
    assert.deepEqual([...vfs.violations], [])
  }

  private async open(vfs: SimVfs, seed?: number): Promise<TextStore> {
    const cache = await openCache(vfs, this.options.settings, seed)
    if (cache.store.indexFrom === 'snapshot') this.counts.fromSnapshot++
    return cache
  }

  private async end(cache: TextStore): Promise<void> {
    await cache.store.close()
    this.counts.evicted += cache.store.remover.evictedSegments
    this.counts.moved += cache.store.mover.movedItems
    this.counts.movedLarge += cache.store.mover.movedLargeItems
  }

  private async act(cache: TextStore): Promise<void> {
    const { random, oracle } = this
    const { keys, durabilities, mayEvict = false } = this.options
    const [key, durability] = [random.pick(keys), random.pick(durabilities)]
    // Every second key is read more often than put, so that segments go while it is alive in them.
    if (mayEvict && random.chance(keys.indexOf(key) % 2 === 1 ? 0.8 : 0.3)) {
      const check = oracle.watch(key, mayEvict)
      return check(await cache.get(key))
    }
    if (random.chance(mayEvict ? 0.004 : 0.02)) return this.purge(cache, key, durability)
    const isDelete = random.chance(0.25)
    const operation = oracle.begin(key, isDelete, durability)
    if (isDelete) await cache.delete(key, durability)
    else {
      const facts = { namespace: namespaceOf(cache, key), version: random.chance(0.2) ? operation.id : 0 }
      const result = await cache.put(key, this.sourceOf(key, operation.id), durability, facts)
      if (!result.stored) return oracle.takeBack(key, operation)
    }
    oracle.acknowledge(operation)
  }
  /** A small value as it is; a large one as it is, or in pieces, sometimes broken off after one of them. */
  private sourceOf(key: string, id: number): BlobValue {
    const value = BlobOracle.valueOf(key, id)
    if (!key.startsWith('L') || this.random.chance(0.3)) return value
    const bytes = new TextEncoder().encode(value)
    const isBroken = this.random.chance(0.3)
    const end = isBroken ? this.random.below(bytes.length) : bytes.length
    if (isBroken) this.counts.abortedAt++
    return (async function* () {
      for (let at = 0; at < end; at += 400) yield bytes.subarray(at, at + 400)
      if (isBroken) throw new Error('broken off')
    })()
  }

  /** Purges the namespace of a key, or all, also where the key has none. */
  private async purge(cache: TextStore, key: string, durability: Durability): Promise<void> {
    const namespace = this.random.chance(0.3) ? 0 : namespaceOf(cache, key)
    const operations = this.options.keys
      .filter((each) => namespace === 0 || namespaceOf(cache, each) === namespace)
      .map((each) => this.oracle.begin(each, true, durability))
    await cache.store.purge(namespace, durability)
    for (const operation of operations) this.oracle.acknowledge(operation)
  }

  private onEffect(vfs: SimVfs, what: string, maxBytes = Infinity): void {
    this.counts.effects++
    assert.ok(vfs.usedBytes <= maxBytes, `BC-3: ${vfs.usedBytes} bytes after ${what}`)
    this.images.take(vfs, what)
  }
}

/** Keys are in three namespaces, and none. */
export function namespaceOf(cache: TextStore, key: string): number {
  const number = key.charCodeAt(key.length - 1) % 4
  return number === 0 ? 0 : cache.store.namespaceOf(`namespace ${number}`)
}
