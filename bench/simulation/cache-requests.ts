/**
 * What: the requests that the simulator of the blob cache can play: five generated shapes, and files.
 * Thread: any; the same seed gives the same requests.
 */
import { KiB, MiB, SeededRandom } from '../../src/base/index.js'

export const REQUEST_SHAPES = ['cdn', 'kv', 'mix', 'build', 'loop'] as const
export type RequestShape = (typeof REQUEST_SHAPES)[number]

/** What each shape is, for people. */
export const SHAPE_TEXTS: Readonly<Record<RequestShape, string>> = {
  cdn: 'Zipf 0.9, four of ten asked for once, popularity drifts',
  kv: 'Zipf 1.1, one of ten asked for once',
  mix: 'half Zipf 1.1, a quarter seldom, a quarter once',
  build: 'Zipf 0.7, and walks through a thousand blobs in order',
  loop: 'every blob in order, again and again, a third more than fit',
}

/** Requests in order. A blob is a number from 0, and has one size. */
export interface Requests {
  readonly name: string
  readonly blobs: Uint32Array
  readonly sizes: Float64Array
  /** Bytes of all blobs that are asked for more than by chance: the cache is a part of this. */
  readonly footprintBytes: number
}

interface ShapeSettings {
  readonly blobCount: number
  readonly exponent: number
  readonly onceShare: number
  readonly seldomShare?: number
  readonly drift?: number
  readonly walkShare?: number
}

const SETTINGS: Readonly<Record<Exclude<RequestShape, 'loop'>, ShapeSettings>> = {
  cdn: { blobCount: 20_000, exponent: 0.9, onceShare: 0.4, drift: 0.2 },
  kv: { blobCount: 20_000, exponent: 1.1, onceShare: 0.1 },
  mix: { blobCount: 20_000, exponent: 1.1, onceShare: 0.25, seldomShare: 0.25 },
  build: { blobCount: 8000, exponent: 0.7, onceShare: 0.05, drift: 0.05, walkShare: 0.3 },
}
const LOOP_BLOBS = 2600
const LOOP_CACHE_SHARE = 1 / 1.3
const SELDOM_BLOBS = 60_000
const WALK_BLOBS = 1000
const HEAD_BLOBS = 200

/** The part of the footprint that a cache has if nothing else is said. */
export function cacheShareOf(name: string): number {
  return name === 'loop' ? LOOP_CACHE_SHARE : 0.1
}

export function generatedRequests(shape: RequestShape, count: number, seed: number): Requests {
  if (shape === 'loop') {
    return requestsOf(shape, Array.from({ length: count }, (_, at) => at % LOOP_BLOBS), LOOP_BLOBS, seed)
  }
  const settings = SETTINGS[shape]
  const { blobCount, exponent, onceShare, seldomShare = 0, drift = 0, walkShare = 0 } = settings
  const random = new SeededRandom(seed, shape)
  const popular = zipf(blobCount, exponent)
  const wanted: number[] = []
  let [once, walkAt, walkLeft] = [blobCount + SELDOM_BLOBS, 0, 0]
  while (wanted.length < count) {
    if (walkLeft > 0) {
      wanted.push(walkAt++ % blobCount)
      walkLeft--
      continue
    }
    if (walkShare > 0 && random.chance(walkShare / WALK_BLOBS)) walkLeft = WALK_BLOBS
    const kind = random.u32() / 2 ** 32
    if (kind < onceShare) wanted.push(once++)
    else if (kind < onceShare + seldomShare) wanted.push(blobCount + random.below(SELDOM_BLOBS))
    else {
      const rank = popular(random.u32() / 2 ** 32)
      const moved = (wanted.length / count) * blobCount * drift * (rank < HEAD_BLOBS ? 1 : 0.5)
      wanted.push((rank + Math.floor(moved)) % blobCount)
    }
  }
  return requestsOf(shape, wanted, blobCount, seed)
}

/**
 * Reads requests from a text: a line is `key size` or `time key size`, with spaces, tabs or commas between them. Empty
 * lines and those that begin with # are passed over. A key that comes with another size keeps its first one.
 */
export function parsedRequests(name: string, text: string): Requests {
  const numbers = new Map<string, number>()
  const [blobs, sizes]: [number[], number[]] = [[], []]
  for (const [at, line] of text.split('\n').entries()) {
    if (/^\s*(#|$)/.test(line)) continue
    const fields = line.trim().split(/[\s,]+/)
    const [key, size] = fields.slice(-2)
    if (fields.length < 2 || fields.length > 3 || !/^\d+$/.test(size!)) {
      throw new Error(`${name}, line ${at + 1}: not 'key size' or 'time key size': ${line.slice(0, 80)}`)
    }
    let number = numbers.get(key!)
    if (number === undefined) {
      number = numbers.size
      numbers.set(key!, number)
      sizes.push(Math.max(1, Number(size)))
    }
    blobs.push(number)
  }
  const footprintBytes = sizes.reduce((sum, each) => sum + each, 0)
  return { name, blobs: Uint32Array.from(blobs), sizes: Float64Array.from(sizes), footprintBytes }
}

function requestsOf(name: string, wanted: readonly number[], footprint: number, seed: number): Requests {
  const blobs = Uint32Array.from(wanted)
  const blobCount = blobs.reduce((most, blob) => Math.max(most, blob), 0) + 1
  const random = new SeededRandom(seed, `${name} sizes`)
  // Between 100 KiB and 10 MiB, as many between 100 and 200 KiB as between 1 and 2 MiB.
  const [least, most] = [100 * KiB, 10 * MiB]
  const sizes = Float64Array.from({ length: blobCount }, () =>
    Math.round(least * (most / least) ** (random.u32() / 2 ** 32)))
  const footprintBytes = sizes.subarray(0, footprint).reduce((sum, each) => sum + each, 0)
  return { name, blobs, sizes, footprintBytes }
}

/** Gives a function from [0, 1) to ranks: rank r is as likely as (r + 1) ^ -exponent. */
function zipf(count: number, exponent: number): (chance: number) => number {
  const sums = new Float64Array(count)
  let sum = 0
  for (let rank = 0; rank < count; rank++) sums[rank] = sum += 1 / (rank + 1) ** exponent
  return (chance) => {
    let [low, high] = [0, count - 1]
    while (low < high) {
      const middle = (low + high) >> 1
      if (sums[middle]! < chance * sum) low = middle + 1
      else high = middle
    }
    return low
  }
}
