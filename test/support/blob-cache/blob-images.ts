/**
 * What: disks of a cache as crashes leave them, and the check of each: what an open finds there may be seen, and stays;
 * some of it over a clean close; what is deleted then stays deleted, over another power loss.
 */
import assert from 'node:assert/strict'
import { SeededRandom } from '../../../src/base/index.js'
import type { StoreSettings } from '../../../src/blob-cache/store-settings.js'
import type { SimVfs, SurvivalPolicy } from '../../../src/testing.js'
import { hashDisk } from '../crash/crash-image.js'
import type { Draw } from '../harness/share.js'
import { openCache } from './blob-machine.js'
import type { TextStore } from './blob-machine.js'
import { checkSeen } from './blob-oracle.js'
import type { BlobExpectation, BlobOracle, Loss } from './blob-oracle.js'

const WAYS: readonly (SurvivalPolicy | 'kill')[] = [
  'kill', 'none', 'all', 'random50', 'reverse', 'namesOnly', 'dataOnly',
]

export interface ImageOptions {
  seed: number
  keys: readonly string[]
  settings?: Partial<StoreSettings>
  /** True when segments are evicted, so that any key may be gone. */
  mayEvict?: boolean
  draw: Draw
  /** An image may be drawn when its random seed is a multiple of this; default 1, which is always. */
  everyNth?: number
}

interface BlobImagesOptions extends ImageOptions {
  /** Decides what survives, and which images are taken. */
  random: SeededRandom
  oracle: BlobOracle
  counts: ImageCounts
}

export type ImageCounts = ReturnType<typeof newImageCounts>

export function newImageCounts() {
  return { images: 0, values: 0, misses: 0, largeValues: 0, fromSnapshot: 0 }
}

interface Image {
  vfs: SimVfs
  expected: BlobExpectation
  what: string
}

export class BlobImages {
  private readonly options: BlobImagesOptions
  /** Draws for the checks, so that what is checked does not change the life. */
  private readonly checkRandom: SeededRandom
  /** What tells images apart, of all that were taken. */
  private readonly taken = new Set<string>()
  /** Images that are not checked yet. */
  private images: Image[] = []

  constructor(options: BlobImagesOptions) {
    this.options = options
    this.checkRandom = new SeededRandom(options.seed, 'blob sweep checks')
  }

  /** Takes what crashes leave now, of which a part is drawn. */
  take(vfs: SimVfs, what: string): void {
    const { everyNth = 1, random, draw, oracle, mayEvict = false } = this.options
    for (const way of WAYS) {
      const seed = random.u32()
      if (seed % everyNth !== 0 || !draw.takes()) continue
      const loss: Loss = way === 'kill' ? 'kill' : 'power'
      const image = way === 'kill' ? vfs.cloneKilled(seed) : vfs.clone(way, seed)
      const expected = oracle.expect(loss, mayEvict)
      const key = `${loss} ${hashDisk(image)} ${describe(expected)}`
      if (this.taken.has(key)) continue
      this.taken.add(key)
      this.images.push({ vfs: image, expected, what: `${what}, then ${way} ${seed}` })
    }
  }

  /** Checks what was taken since the last check. */
  async check(): Promise<void> {
    const { images } = this
    this.images = []
    for (const image of images) await this.checkOne(image)
  }

  private async checkOne({ vfs, expected, what }: Image): Promise<void> {
    this.options.counts.images++
    try {
      const seen = await this.openAndCheck(vfs, expected)
      await this.checkAgain(vfs, seen)
    } catch (error) {
      throw new Error(`sweep ${this.options.seed}, ${what}: ${(error as Error).message}`, { cause: error })
    }
  }

  private async open(vfs: SimVfs, seed?: number): Promise<TextStore> {
    const cache = await openCache(vfs, this.options.settings, seed)
    if (cache.store.indexFrom === 'snapshot') this.options.counts.fromSnapshot++
    return cache
  }

  private async openAndCheck(vfs: SimVfs, expected: BlobExpectation): Promise<Map<string, string | undefined>> {
    const cache = await this.open(vfs)
    const seen = new Map<string, string | undefined>()
    for (const key of this.options.keys) {
      const value = await cache.get(key)
      checkSeen(key, value, expected.get(key) ?? { ids: new Set(), mayMiss: true })
      seen.set(key, value)
      if (value === undefined) this.options.counts.misses++
      else this.options.counts.values++
      if (value !== undefined && key.startsWith('L')) this.options.counts.largeValues++
    }
    assert.deepEqual(cache.store.counts.misses.corrupt, 0, 'no torn record is taken for one')
    return seen
  }

  /** Deletes one key and puts another, then loses power: nothing old comes back, and the rest stays. */
  private async checkAgain(vfs: SimVfs, seen: Map<string, string | undefined>): Promise<void> {
    const { keys, settings, mayEvict = false } = this.options
    const { checkRandom: random } = this
    const before = vfs.crash('none', random.u32())
    let cache = await this.open(before, random.u32())
    if (random.chance(0.25)) {
      await cache.store.close()
      cache = await this.open(before, random.u32())
    }
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

function describe(expected: BlobExpectation): string {
  return [...expected].map(([key, { ids, mayMiss }]) => `${key}:${[...ids]}${mayMiss ? '?' : ''}`).join(' ')
}
