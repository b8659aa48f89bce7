/**
 * What: the life of a cache whose disk fails again and again, so that it goes on in memory and comes back, on a machine
 * that is crashed after every change of its disk. What was synced before the disk failed is there, and nothing that was
 * overwritten or deleted before a way back that ended well is seen again.
 */
import assert from 'node:assert/strict'
import { SeededRandom } from '../../../src/base/index.js'
import type { Durability } from '../../../src/blob-cache/durability.js'
import { SimVfs } from '../../../src/testing.js'
import { BlobImages, newImageCounts } from './blob-images.js'
import type { ImageOptions } from './blob-images.js'
import { CACHE_DIR, openLiving } from './blob-machine.js'
import type { LivingCache } from './blob-machine.js'
import { BlobOracle } from './blob-oracle.js'
import { namespaceOf } from './blob-sweep.js'

const MINUTE_MS = 60_000
const NO_WRITES = ['write', 'create', 'sync', 'link', 'syncDir'] as const
const DURABILITIES: readonly Durability[] = ['memory', 'written', 'synced', 'synced']

export interface ComebackSweepOptions extends ImageOptions {
  /** What the disk says while it takes nothing. */
  code: 'EIO' | 'ENOSPC'
  /** Times that the disk fails. */
  troubles: number
  /** Calls before, during and after each. */
  steps: number
  /** Attempts to come back on a disk that still fails. */
  attempts: number
  /** True: a single call fails on the way back, too. */
  isBumpy?: boolean
}

export class ComebackSweep {
  readonly counts = { effects: 0, ...newImageCounts(), comebacks: 0, failedComebacks: 0 }
  private readonly options: ComebackSweepOptions
  private readonly random: SeededRandom
  private readonly oracle = new BlobOracle()
  private readonly images: BlobImages
  private readonly vfs: SimVfs
  private calls: Promise<void>[] = []
  /** The cache while it is on its way back: it is called in the turn of each change of the disk. */
  private comingBack: LivingCache | null = null

  constructor(options: ComebackSweepOptions) {
    this.options = options
    this.random = new SeededRandom(options.seed, 'comeback sweep')
    this.vfs = new SimVfs({ seed: options.seed })
    const { random, oracle, counts } = this
    this.images = new BlobImages({ ...options, random, oracle, counts })
  }

  async run(): Promise<void> {
    const { vfs, options: { settings, troubles, steps, code } } = this
    vfs.mkdirSync(CACHE_DIR)
    vfs.syncDirSync('/')
    vfs.onEffect = (index, description) => {
      this.counts.effects++
      this.images.take(vfs, `effect ${index}: ${description}`)
      const { comingBack } = this
      if (comingBack?.state === 'MEMORY') queueMicrotask(() => this.calls.push(this.act(comingBack)))
    }
    let cache = await openLiving(vfs, settings)
    for (let trouble = 0; trouble < troubles; trouble++) {
      await this.use(cache, steps)
      this.oracle.beginTrouble()
      vfs.addFault({ fault: { do: 'error', code }, kind: [...NO_WRITES], times: Infinity })
      for (let i = 0; cache.state === 'OK'; i++) {
        assert.ok(i < 300, 'it stays on its disk')
        await this.use(cache, 2)
      }
      await this.use(cache, steps)
      for (let i = 0; i < this.options.attempts; i++) await this.wait(cache)
      vfs.clearFaults()
      await this.comeBack(cache)
      if (trouble % 2 === 1) {
        await this.settle()
        await cache.close().catch(() => undefined)
        assert.equal(vfs.openFileCount, 0)
        cache = await openLiving(vfs, settings)
      }
    }
    await this.use(cache, steps)
    await cache.close().catch(() => undefined)
    vfs.onEffect = null
    assert.deepEqual([...vfs.violations], [])
    await this.images.check()
  }

  /** Lets time go on until the cache is back on its disk, while it is used. */
  private async comeBack(cache: LivingCache): Promise<void> {
    const { vfs, oracle, random, counts } = this
    if (this.options.isBumpy) {
      vfs.addFault({ fault: { do: 'error', code: this.options.code }, op: vfs.opCount + 1 + random.below(40) })
    }
    for (let i = 0; cache.state !== 'OK'; i++) {
      assert.ok(i < 100, 'it stays in memory')
      const last = oracle.lastAcknowledged()
      this.comingBack = cache
      await this.wait(cache)
      this.comingBack = null
      if (cache.state === 'OK') oracle.endTrouble(last)
    }
    vfs.clearFaults()
    counts.comebacks++
    counts.failedComebacks += cache.events.splice(0).filter(({ type }) => type === 'comebackFailed').length
    for (const key of this.options.keys) await this.read(cache, key)
    await this.settle()
  }

  /** Reads a key: the present cache shows nothing old either. */
  private async read(cache: LivingCache, key: string): Promise<void> {
    const check = this.oracle.watch(key, true)
    check(await cache.get(key))
  }

  private async wait(cache: LivingCache): Promise<void> {
    await this.vfs.clock.advance(MINUTE_MS)
    await cache.settled()
  }

  private async settle(): Promise<void> {
    await Promise.all(this.calls)
    this.calls = []
    await this.images.check()
  }

  private async use(cache: LivingCache, steps: number): Promise<void> {
    for (let step = 0; step < steps; step++) {
      this.calls.push(this.act(cache))
      if (this.random.chance(0.5)) await this.settle()
    }
    await this.settle()
  }

  private async act(cache: LivingCache): Promise<void> {
    const { random, oracle, options: { keys } } = this
    const [key, durability] = [random.pick(keys), random.pick(DURABILITIES)]
    if (random.chance(0.2)) return this.read(cache, key)
    if (random.chance(this.comingBack === null ? 0.03 : 0.2)) return this.purge(cache, key, durability)
    const isDelete = random.chance(0.25)
    const operation = oracle.begin(key, isDelete, durability)
    // What is refused or rejected while the disk fails may have happened or not.
    const facts = { namespace: namespaceOf(cache, key) }
    const isDone = isDelete ? await cache.delete(key, durability).then(() => true, () => false)
      : (await cache.put(key, BlobOracle.valueOf(key, operation.id), durability, facts)).stored
    if (isDone) oracle.acknowledge(operation)
  }

  private async purge(cache: LivingCache, key: string, durability: Durability): Promise<void> {
    const { oracle, options: { keys } } = this
    const namespace = this.random.chance(0.3) ? 0 : namespaceOf(cache, key)
    const operations = keys
      .filter((each) => namespace === 0 || namespaceOf(cache, each) === namespace)
      .map((each) => oracle.begin(each, true, durability))
    const isDone = await cache.store.purge(namespace, durability).then(() => true, () => false)
    if (isDone) for (const operation of operations) oracle.acknowledge(operation)
  }
}
