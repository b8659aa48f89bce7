/**
 * What: the writes that the simulator can play.
 * Thread: any; the same seed gives the same writes.
 */
import { SeededRandom } from '../../src/base/index.js'
import { shuffledBy } from '../key-space.js'

export const WORKLOADS = [
  'fill', 'sequential', 'overwrite', 'hot', 'queue', 'delete', 'snapshot', 'walk', 'counter', 'passes',
  'warm',
] as const
export type Workload = (typeof WORKLOADS)[number]

export interface Write {
  readonly key: number
  readonly isTombstone: boolean
}

/** A reader takes a snapshot, or releases it. */
export interface SnapshotChange {
  readonly isHeld: boolean
}

/** What each kind of writes is, for people. */
export const WORKLOAD_TEXTS: Readonly<Record<Workload, string>> = {
  fill: 'every key once, in random order',
  sequential: 'every key once, in order',
  overwrite: 'a fill, then three times as many writes to random keys',
  hot: 'a fill, then three times as many writes, nine of ten to a hundredth of the keys',
  passes: 'a fill, then three times every key, in another random order each time',
  warm: 'a fill, then three times as many writes, nine of ten to a tenth of the keys',
  queue: 'keys pushed in order and popped again, a hundredth of all in the queue, at the end none',
  delete: 'a fill, then nine tenths of the keys deleted in random order',
  walk: 'every key in order, and again, and again',
  counter: 'numbers in order, whose keys are their decimal digits, so that new ones lie between old ones',
  snapshot: 'a fill, then as many writes to random keys while a snapshot is held, which is let go in the end',
}

const OVERWRITES_SHARE = 3
const HOT_SHARE = 0.01
const WARM_SHARE = 0.1
const HOT_WRITES_SHARE = 0.9
const QUEUED_SHARE = 0.01
const DELETED_SHARE = 0.9
const WALKS = 3

export function* workloadWrites(workload: Workload, keyCount: number, seed: number): Generator<Write | SnapshotChange> {
  const random = new SeededRandom(seed, workload)
  switch (workload) {
    case 'sequential': return yield* puts(inOrder(keyCount))
    case 'walk':
      for (let i = 0; i < WALKS; i++) yield* puts(inOrder(keyCount))
      return
    case 'counter': return yield* puts(ranksOfDecimals(keyCount))
    case 'queue': return yield* queue(keyCount)
    default: // all others begin with every key, in any order
  }
  const order = shuffledBy(keyCount, random)
  yield* puts(order)
  switch (workload) {
    case 'overwrite':
      for (let i = 0; i < OVERWRITES_SHARE * keyCount; i++) yield put(random.below(keyCount))
      return
    case 'passes':
      for (let i = 0; i < OVERWRITES_SHARE; i++) yield* puts(shuffledBy(keyCount, random))
      return
    case 'hot': return yield* overwrites(order, HOT_SHARE, random)
    case 'warm': return yield* overwrites(order, WARM_SHARE, random)
    case 'snapshot':
      yield { isHeld: true }
      for (let i = 0; i < keyCount; i++) yield put(random.below(keyCount))
      return yield { isHeld: false }
    case 'delete':
      for (const key of shuffledBy(keyCount, random).subarray(0, keyCount * DELETED_SHARE)) {
        yield { key, isTombstone: true }
      }
      return
    case 'fill':
  }
}

/** Nine of ten go to a share of the keys. */
function* overwrites(order: Uint32Array, share: number, random: SeededRandom): Generator<Write> {
  const keyCount = order.length
  const hotCount = Math.ceil(keyCount * share)
  for (let i = 0; i < OVERWRITES_SHARE * keyCount; i++) {
    yield put(random.chance(HOT_WRITES_SHARE) ? order[random.below(hotCount)]! : random.below(keyCount))
  }
}

function* queue(keyCount: number): Generator<Write> {
  const lengthMax = Math.ceil(keyCount * QUEUED_SHARE)
  for (let key = 0; key < keyCount + lengthMax; key++) {
    if (key < keyCount) yield put(key)
    if (key >= lengthMax) yield { key: key - lengthMax, isTombstone: true }
  }
}

function* puts(keys: Iterable<number>): Generator<Write> {
  for (const key of keys) yield put(key)
}

function put(key: number): Write {
  return { key, isTombstone: false }
}

function inOrder(count: number): number[] {
  return Array.from({ length: count }, (_, key) => key)
}

/** Gives for each number its rank when all are sorted as texts. */
function ranksOfDecimals(count: number): number[] {
  const places: number[] = []
  for (const [place, text] of inOrder(count).map(String).sort().entries()) places[Number(text)] = place
  return places
}
