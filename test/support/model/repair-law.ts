/**
 * What: the law that a repair must keep, whatever is damaged: no (key, value) is served that was not the newest at the
 * sequence number that the report promises. And databases with a known history, whose files tests damage.
 */
import assert from 'node:assert/strict'
import { SeededRandom } from '../../../src/base/index.js'
import { Varve } from '../../../src/index.js'
import type { RepairOptions, RepairReport, VarveOptions } from '../../../src/index.js'
import { SimVfs } from '../../../src/testing.js'
import type { MemoryVfs } from '../../../src/testing.js'
import { takeImage, vfsOf } from '../databases/vfs-image.js'
import type { Image } from '../databases/vfs-image.js'

export const SOURCE = '/source'
export const TARGET = '/target'

/** The state after each sequence number: the value of each key. */
export type States = ReadonlyMap<string, string>[]

export interface Sample {
  name: string
  image: Image
  states: States
}

/** How a database of a sample lives. */
export interface LifePlan {
  name: string
  options?: VarveOptions
  steps: number
  keys: number
  /** Bytes of most values; most are large when that is not 0. */
  valueBytes: number
  largeBytes?: number
  /** Closed at the end; else the image is that of a process that was killed. */
  closes?: boolean
  seed: number
}

export async function makeSample(plan: LifePlan): Promise<Sample> {
  const { name, options = {}, steps, keys, valueBytes, largeBytes = 0, closes = true, seed } = plan
  const random = new SeededRandom(seed, `repair ${name}`)
  const vfs = new SimVfs({ seed })
  const states: States = [new Map()]
  const open = (): Promise<Varve> => Varve.open(SOURCE, {
    writeBufferSize: 64 * 1024, blockSize: 1024, workers: 0, ...options,
    components: { vfs, clock: vfs.clock, random: new SeededRandom(seed, 'engine') },
  })
  let db = await open()
  const note = (change: (state: Map<string, string>) => void): void => {
    const state = new Map(states.at(-1))
    change(state)
    states.push(state)
  }
  const keyOf = (i: number): string => `key${String(i).padStart(4, '0')}`
  for (let step = 0; step < steps; step++) {
    const roll = random.below(100)
    const key = keyOf(random.below(keys))
    if (roll < 68) {
      const bytes = largeBytes > 0 && random.chance(0.6) ? largeBytes : 1 + random.below(2 * valueBytes)
      const value = `${states.length}:${'abcdefgh'.repeat(Math.ceil(bytes / 8)).slice(0, bytes)}`
      const expiresAt = random.chance(0.1) ? 1e15 : null
      if (bytes === largeBytes && random.chance(0.2)) await db.putStream(key, [new TextEncoder().encode(value)])
      else await db.put(key, value, expiresAt === null ? {} : { expiresAt })
      note((state) => state.set(key, value))
    } else if (roll < 86) {
      await db.del(key)
      note((state) => state.delete(key))
    } else if (roll < 89) {
      const from = random.below(keys)
      const [gte, lt] = [keyOf(from), keyOf(from + 1 + random.below(Math.ceil(keys / 8)))]
      await db.delRange({ gte, lt })
      note((state) => {
        for (const one of [...state.keys()]) if (one >= gte && one < lt) state.delete(one)
      })
    } else if (roll < 91) await db.flush()
    else if (roll < 97) await vfs.clock.advance(random.below(4000))
    else if (roll < 98 && random.chance(0.3)) await db.compact()
    else if (roll < 99) continue
    else {
      await db.close()
      db = await open()
    }
  }
  const sample = { name, image: takeImage(vfs, SOURCE), states }
  await db.close()
  return closes ? { ...sample, image: takeImage(vfs, SOURCE) } : sample
}

export interface Repaired {
  report: RepairReport
  /** What the target serves. */
  served: Map<string, string>
  /** The part of the newest state that is served. */
  share: number
  target: Image
  vfs: MemoryVfs
}

/** Repairs these files, checks the law, and gives what came. */
export async function repairAndCheck(
  image: Image, { states }: Pick<Sample, 'states'>, options: RepairOptions = {},
): Promise<Repaired> {
  const vfs = vfsOf(image, SOURCE)
  const report = await Varve.repair(SOURCE, TARGET, { ...options, vfs })
  assertSame(takeImage(vfs, SOURCE), image)
  const verified = await Varve.verify(TARGET, { level: 'deep', vfs })
  assert.deepEqual(verified.problems, [], 'REP-8')
  const served = await readTarget(vfs)
  const state = states[report.seqNum]
  assert.ok(state !== undefined, `the report promises ${report.seqNum}`)
  for (const [key, value] of served) {
    if (state.get(key) === value) continue
    assert.fail(`${key} is served as ${value.slice(0, 12)}, at ${report.seqNum} it was ${state.get(key)?.slice(0, 12)}`)
  }
  const newest = states.at(-1)!
  let good = 0
  for (const [key, value] of newest) if (served.get(key) === value) good++
  return { report, served, share: newest.size === 0 ? 1 : good / newest.size, target: new Map(), vfs }
}

async function readTarget(vfs: MemoryVfs): Promise<Map<string, string>> {
  const db = await Varve.open(TARGET, {
    workers: 0, createIfMissing: false, compaction: { style: 'none' }, components: { vfs },
  })
  try {
    const { recovery } = db.stats()
    assert.ok(recovery !== null)
    assert.equal(recovery.replayedEntryCount, 0, 'REP-8: an open replays nothing')
    assert.deepEqual(recovery.keptFiles, [])
    const served = new Map<string, string>()
    for await (const [key, value] of db.entries()) {
      served.set(new TextDecoder().decode(key), new TextDecoder().decode(value))
    }
    return served
  } finally {
    await db.close()
  }
}

function assertSame(after: Image, before: Image): void {
  assert.deepEqual([...after.keys()], [...before.keys()], 'REP-6: the names of the source are as they were')
  for (const [name, bytes] of before) assert.ok(Buffer.compare(after.get(name)!, bytes) === 0, `${name} changed`)
}

/** The image without some files. */
export function without(image: Image, ...names: readonly string[]): Image {
  const left = new Map(image)
  for (const name of names) left.delete(name)
  return left
}

export function namesOf(image: Image, ending: string): string[] {
  return [...image.keys()].filter((name) => name.endsWith(ending))
}

/** The image with one byte of a file changed. */
export function flipped(image: Image, name: string, at: number, bits = 0x10): Image {
  const bytes = image.get(name)!.slice()
  bytes[at]! ^= bits
  return new Map(image).set(name, bytes)
}
