/**
 * A small database with everything that its files can have: several levels, blocks of rows, of columns and packed ones,
 * value logs of both kinds, range tombstones, entries that expire, prefix filters, a pin, logs that are not flushed,
 * streamed values.
 */
import { SeededRandom } from '../../../src/base/index.js'
import { Varve } from '../../../src/index.js'
import type { VarveOptions } from '../../../src/index.js'
import { MemoryVfs } from '../../../src/testing.js'
import { SetClock } from '../fakes/set-clock.js'
import { takeImage } from './vfs-image.js'
import type { Image } from './vfs-image.js'

export const FULL_DIR = '/db'

function value(random: SeededRandom, length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  random.fill(bytes)
  return bytes
}

/** Makes it, and gives its files: those that a process left that ended without a close. */
export async function makeFullDatabase(seed: number): Promise<Image> {
  const vfs = new MemoryVfs()
  const random = new SeededRandom(seed, 'full database')
  const clock = new SetClock()
  const options: VarveOptions = {
    workers: 0, writeBufferSize: 64 * 1024, blockSize: 1024, valueThreshold: 512, prefixFilter: { until: ':' },
    compaction: { style: 'none' }, flushOnClose: false, components: { vfs, clock, random },
  }
  let db = await Varve.open(FULL_DIR, { ...options, compression: 'lz4' })
  const key = (i: number): string => `${['a', 'b', 'c'][i % 3]}:${String(i).padStart(4, '0')}`
  for (let i = 0; i < 60; i++) await db.put(key(i), `value ${'of many '.repeat(i % 9)}${i}`)
  await db.flush()
  for (let i = 0; i < 60; i += 7) await db.put(key(i), value(random, 600 + i), { ttl: 1e9 + i })
  for (let i = 0; i < 40; i++) await db.put(`s:${i}`, value(random, 100))
  await db.flush()
  await db.compact()
  await db.close()
  db = await Varve.open(FULL_DIR, options)
  for (let i = 0; i < 40; i += 2) await db.put(key(i), value(random, 90), i % 4 === 0 ? { ttl: 2e9 } : {})
  await db.delRange({ gte: 'b:', lt: 'b:0020' })
  await db.del(key(6))
  await db.flush()
  await db.pins.acquire('follower')
  for (let i = 0; i < 9; i++) await db.put(`v:${i}`, value(random, 2500))
  await db.flush()
  await db.putStream('flushed', [value(random, 66_000)])
  for (let i = 0; i < 4; i++) await db.put(`y:${i}`, value(random, 2000))
  for (let i = 0; i < 60; i++) await db.put(`z:${i}`, value(random, 100))
  await db.flush()
  for (let i = 0; i < 5; i++) await db.put(`w:${i}`, value(random, 40 + 5 * i))
  await db.putStream('streamed', [value(random, 60_000), value(random, 6000)])
  await db.delRange({ gte: 'a:0030', lt: 'a:0035' })
  await db.put('x', value(random, 5000))
  await db.sync()
  await db.close()
  return takeImage(vfs, FULL_DIR)
}
