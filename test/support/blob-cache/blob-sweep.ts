/**
 * What: crashes a machine after every change of its disk while a cache works on it, and checks what the next open
 * finds; then that what was found stays, and what is deleted then stays deleted, over another power loss.
 */
import assert from 'node:assert/strict'
import { SeededRandom } from '../../../src/base/index.js'
import type { StoreSettings } from '../../../src/blob-cache/store-settings.js'
import type { Durability } from '../../../src/blob-cache/durability.js'
import type { SurvivalPolicy } from '../../../src/testing.js'
import type { BlobValue } from '../../../src/blob-cache/put-options.js'
import { SimVfs } from '../../../src/testing.js'
import { hashDisk } from '../crash/crash-image.js'
import type { Draw } from '../harness/share.js'
import { CACHE_DIR, openCache } from './blob-machine.js'
import type { TextStore } from './blob-machine.js'
import { BlobOracle, checkSeen } from './blob-oracle.js'
import type { BlobExpectation, Loss } from './blob-oracle.js'

const WAYS: readonly (SurvivalPolicy | 'kill')[] = [
  'kill', 'none', 'all', 'random50', 'reverse', 'namesOnly', 'dataOnly',
]

export interface BlobSweepOptions {
  seed: number
  steps: number
  keys: readonly string[]
  /** Durabilities that operations choose from. */
  durabilities: readonly Durability[]
  settings?: Partial<StoreSettings>
  /** True when segments are evicted, so that any key may be gone. */
  mayEvict?: boolean
  draw: Draw
  /** An image may be drawn when its random seed is a multiple of this; default 1, which is always. */
  everyNth?: number
  /** Wraps the file system of the life that is crashed. */
  wrap?: (vfs: SimVfs) => SimVfs
}

interface Image {
  vfs: SimVfs
  expected: BlobExpectation
  what: string
}

export class BlobSweep {
  readonly counts = {
    effects: 0, images: 0, values: 0, misses: 0, evicted: 0, moved: 0, largeValues: 0, movedLarge: 0, abortedAt: 0,
  }
  private readonly options: BlobSweepOptions
  private readonly random: SeededRandom
  private readonly oracle = new BlobOracle()
  /** Draws for the checks, so that what is checked does not change the life. */
  private readonly checkRandom: SeededRandom
  /** What tells images apart, of all that were taken. */
  private readonly taken = new Set<string>()
  /** Images that are not checked yet. */
  private images: Image[] = []

  constructor(options: BlobSweepOptions) {
    this.options = options
    this.random = new SeededRandom(options.seed, 'blob sweep')
    this.checkRandom = new SeededRandom(options.seed, 'blob sweep checks')
  }

  async run(): Promise<void> {
    await this.live()
    await this.checkImages()
  }

  private async checkImages(): Promise<void> {
    const { images } = this
    this.images = []
    for (const image of images) await this.check(image)
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
        await this.checkImages()
      }
      if (this.random.chance(0.03)) await cache.store.sync()
      if (this.random.chance(0.02)) {
        await Promise.all(calls)
        await this.end(cache)
        cache = await openCache(wrap(vfs), settings, seed + step)
      }
    }
    await Promise.all(calls)
    await this.end(cache)
    vfs.onEffect = null
    assert.deepEqual([...vfs.violations], [])
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
    const { everyNth = 1 } = this.options
    this.counts.effects++
    assert.ok(vfs.usedBytes <= maxBytes, `BC-3: ${vfs.usedBytes} bytes after ${what}`)
    for (const way of WAYS) {
      const seed = this.random.u32()
      if (seed % everyNth !== 0 || !this.options.draw.takes()) continue
      const loss: Loss = way === 'kill' ? 'kill' : 'power'
      const image = way === 'kill' ? vfs.cloneKilled(seed) : vfs.clone(way, seed)
      const expected = this.oracle.expect(loss, this.options.mayEvict ?? false)
      const key = `${loss} ${hashDisk(image)} ${describe(expected)}`
      if (this.taken.has(key)) continue
      this.taken.add(key)
      this.images.push({ vfs: image, expected, what: `${what}, then ${way} ${seed}` })
    }
  }

  private async check({ vfs, expected, what }: Image): Promise<void> {
    this.counts.images++
    try {
      const seen = await this.openAndCheck(vfs, expected)
      await this.checkAgain(vfs, seen)
    } catch (error) {
      throw new Error(`sweep ${this.options.seed}, ${what}: ${(error as Error).message}`, { cause: error })
    }
  }

  private async openAndCheck(vfs: SimVfs, expected: BlobExpectation): Promise<Map<string, string | undefined>> {
    const cache = await openCache(vfs, this.options.settings)
    const seen = new Map<string, string | undefined>()
    for (const key of this.options.keys) {
      const value = await cache.get(key)
      checkSeen(key, value, expected.get(key) ?? { ids: new Set(), mayMiss: true })
      seen.set(key, value)
      if (value === undefined) this.counts.misses++
      else this.counts.values++
      if (value !== undefined && key.startsWith('L')) this.counts.largeValues++
    }
    assert.deepEqual(cache.store.counts.misses.corrupt, 0, 'no torn record is taken for one')
    return seen
  }

  /** Deletes one key and puts another, then loses power: nothing old comes back, and the rest stays. */
  private async checkAgain(vfs: SimVfs, seen: Map<string, string | undefined>): Promise<void> {
    const { keys, settings, mayEvict = false } = this.options
    const { checkRandom: random } = this
    const before = vfs.crash('none', random.u32())
    const cache = await openCache(before, settings, random.u32())
    const [deleted, put] = [random.pick(keys), random.pick(keys)]
    for (const key of keys) assert.equal(await cache.get(key), seen.get(key), `${key} after a second power loss`)
    await cache.delete(deleted, 'synced')
    assert.deepEqual(await cache.put(put, 'new', 'synced'), { stored: true })
    const again = await openCache(before.crash(random.pick(['none', 'random50']), random.u32()), settings)
    for (const key of keys) {
      const value = await again.get(key)
      if (key === put) assert.equal(value, 'new')
      else if (key === deleted) assert.equal(value, undefined, `${key} was deleted`)
      else if (value !== undefined || !mayEvict) assert.equal(value, seen.get(key), `${key} at last`)
    }
    await again.store.close()
  }
}

/** Keys are in three namespaces, and none. */
function namespaceOf(cache: TextStore, key: string): number {
  const number = key.charCodeAt(key.length - 1) % 4
  return number === 0 ? 0 : cache.store.namespaceOf(`namespace ${number}`)
}

function describe(expected: BlobExpectation): string {
  return [...expected].map(([key, { ids, mayMiss }]) => `${key}:${[...ids]}${mayMiss ? '?' : ''}`).join(' ')
}
