/** Small databases as this version makes them, the same bytes each time: for dumps, and for test/fixtures. */
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Clock, Random } from '../../../src/base/index.js'
import { Varve } from '../../../src/index.js'
import type { VarveOptions } from '../../../src/index.js'
import { MemoryVfs } from '../../../src/testing.js'

export interface FixtureContent {
  position: string | null
  /** Lines `<key> <value>` in hex, in key order, with the time behind them at which a value expires. */
  entries: string[]
}

export type FixtureEnding = keyof typeof endings

/** Random numbers that are the same each time, so that fixtures can be compared. */
class CountingRandom implements Random {
  private next = 1

  u32(): number {
    return (this.next = Math.imul(this.next, 1_664_525) + 1_013_904_223) >>> 0
  }

  fill(bytes: Uint8Array): void {
    for (let i = 0; i < bytes.length; i++) bytes[i] = this.u32() >>> 24
  }
}

/** A clock on which time stands still until it is set: no timer, and the same statistics each time. */
class StillClock implements Clock {
  ms = 0
  nowMs = () => this.ms
  wallMs = () => this.ms
  after = () => ({ cancel: () => undefined })
  defer = (run: () => void) => void setImmediate(run)
  deferWork = (run: () => void) => void setImmediate(run)
  keepAlive = () => ({ cancel: () => undefined })
}

/** Two times: that of the fixture with values that expire, and one that no test sees. */
const [MADE_MS, FAR_MS] = [Date.UTC(2020, 0, 1), Date.UTC(2200, 0, 1)]

const endings = {
  /** Makes a log with synced and unsynced batches, one of several operations, one with a position. */
  async killed(db: Varve): Promise<void> {
    await db.put('log: synced', 'one', { sync: true })
    await db.del('table: 3')
    await db.batch([
      { type: 'put', key: 'log: batch', value: Buffer.alloc(2000, 'b') },
      { type: 'put', key: 'table: 4', value: 'newer' },
      { type: 'del', key: '' },
    ], { position: Buffer.from('position 7') })
    await db.put(Uint8Array.of(0xff, 0, 0xfe), Uint8Array.of(0, 0xff))
    for (let i = 0; i < 100; i++) await new Promise((resolve) => setImmediate(resolve)) // background work rests
  },
  /** A deep level, and tombstones over it in level 0. */
  async compacted(db: Varve): Promise<void> {
    for (let i = 0; i < 60; i += 2) await db.put(`table: ${i}`, `again ${i} `.repeat(i % 20))
    await db.compact()
    for (let i = 0; i < 10; i++) await db.del(`table: ${i}`)
    await db.flush()
    await db.close()
  },
  /** Logs that a pin keeps, beside one that replay needs. */
  async pinned(db: Varve): Promise<void> {
    await db.pins.acquire('follower')
    await db.put('pinned: 1', 'in a kept log', { sync: true })
    await db.flush()
    await db.put('pinned: 2', 'in the last log', { sync: true })
    for (let i = 0; i < 100; i++) await new Promise((resolve) => setImmediate(resolve))
  },
  /** Range deletes in tables of two levels and in a log, beside each other, over each other, to the last key. */
  async ranges(db: Varve): Promise<void> {
    for (let i = 0; i < 40; i++) await db.put(`kept: ${i}`, `value ${i}`)
    await db.compact()
    await db.delRange({ gte: 'table: 1', lt: 'table: 2' })
    await db.put('table: 15', 'put again')
    db.snapshot() // it is held to the end, so that the range tombstones stay
    await db.delRange({ gt: 'table: 14', lte: 'table: 25' })
    await db.compact()
    await db.flush()
    await db.delRange({ gte: 'table: 7' })
    await db.put('table: 8', 'behind the range')
    await db.flush()
    await db.batch([
      { type: 'put', key: 'table: 31', value: 'gone at once' }, { type: 'delRange', gte: 'table: 30', lt: 'table: 33' },
      { type: 'put', key: 'table: 32', value: 'in the log' },
    ], { sync: true })
    for (let i = 0; i < 100; i++) await new Promise((resolve) => setImmediate(resolve))
  },
  /** Values that expire, in tables and in a log: some have by now, over older values; some of them are dropped. */
  async expiring(db: Varve, clock: StillClock): Promise<void> {
    clock.ms = MADE_MS
    for (let i = 0; i < 20; i++) await db.put(`kept: ${i}`, `value ${i}`)
    await db.compact()
    for (let i = 0; i < 20; i++) {
      await db.put(`table: ${i}`, `expires ${i} `.repeat(i), i % 2 === 0 ? { ttl: 1000 } : {})
    }
    for (let i = 10; i < 15; i++) await db.put(`until 2200: ${i}`, 'value', { expiresAt: FAR_MS + i })
    await db.flush()
    clock.ms += 500
    await db.touch('table: 4', { expiresAt: FAR_MS })
    await db.touch('table: 6', { ttl: null })
    clock.ms += 1000
    await db.compact()
    await db.put('table: 20', 'gone', { ttl: 1000 })
    await db.put('table: 21', 'for long', { expiresAt: FAR_MS })
    await db.flush()
    await db.batch([
      { type: 'put', key: 'table: 22', value: 'gone', ttl: 1000 },
      { type: 'put', key: 'table: 23', value: 'for long', expiresAt: FAR_MS },
    ], { sync: true })
    for (let i = 0; i < 100; i++) await new Promise((resolve) => setImmediate(resolve))
  },
  async closed(db: Varve): Promise<void> {
    await db.put('closed', 'yes')
    await db.close()
  },
  /** Packed blocks, with and without front coding, and sequence numbers of several widths. */
  async packed(db: Varve): Promise<void> {
    for (let i = 0; i < 300; i++) await db.put(`path/to/${i % 10}/${i}`, `packed ${i} `.repeat(i % 20))
    await db.compact()
    for (let i = 0; i < 40; i++) await db.put(`${i}`, `flushed ${i} `.repeat(20))
    await db.flush()
    await db.close()
  },
}

export const fixtureEndings = Object.keys(endings) as FixtureEnding[]

export function contentOf(db: Varve): FixtureContent {
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
  return {
    position: db.position === null ? null : Buffer.from(db.position).toString(),
    entries: [...db.entriesSync()].map(([key, value]) => {
      const { expiresAt } = db.entrySync(key)!
      return `${hex(key)} ${hex(value)}${expiresAt === null ? '' : ` ${expiresAt}`}`
    }),
  }
}

/** Writes the files of such a database into `dir`, without those of its lock. */
export async function writeFixture(ending: FixtureEnding, dir: string): Promise<FixtureContent> {
  const vfs = new MemoryVfs()
  const clock = new StillClock()
  const components = { vfs, random: new CountingRandom(), clock }
  const compression: VarveOptions['compression'] = ending === 'packed' ? 'lz4' : 'none'
  const options = { writeBufferSize: 65_536, blockSize: 1024, compression, ttlGraceMs: 0, components }
  const db = await Varve.open('/db', options)
  await db.put('', 'the empty key')
  for (let i = 0; i < 40; i++) await db.put(`table: ${i}`, `value ${i} `.repeat(i % 8))
  await db.flush()
  await db.put('second table', 'x')
  await db.flush()
  await endings[ending](db, clock)
  saveFiles(vfs, dir)
  clock.ms = Date.now()
  const reader = await Varve.open('/db', { ...options, readOnly: true })
  const content = contentOf(reader)
  await reader.close()
  await db.close()
  return content
}

function saveFiles(vfs: MemoryVfs, dir: string): void {
  mkdirSync(dir, { recursive: true })
  for (const name of vfs.listSync('/db')) {
    if (name.includes('lock')) continue
    const file = vfs.openSync(`/db/${name}`, 'read')
    const bytes = new Uint8Array(file.sizeSync())
    file.readSync(bytes, 0, bytes.length, 0)
    file.closeSync()
    writeFileSync(path.join(dir, name), bytes)
  }
}
