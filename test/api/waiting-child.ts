/**
 * What: programs that wait for the database in every way there is, or leave it behind; run by waiting.test.ts, which
 * looks how they end.
 */
import { setImmediate } from 'node:timers/promises'
import { Varve } from '../../src/index.js'
import type { VarveOptions } from '../../src/index.js'
import { FileSystemError, NodeVfs } from '../../src/vfs/index.js'
import { looseExecutor, looseVfs } from '../support/fakes/loose-platform.js'

const SMALL: VarveOptions = { writeBufferSize: 64 * 1024, blockSize: 1024, memoryBudget: 4 * 1024 * 1024 }
const value = new Uint8Array(10_000).fill(0x76)

/** What fails, and how often still. */
const fault = { call: '', pattern: /./, code: 'EIO', left: 0 }

function failNext(call: string, pattern: RegExp, left: number, code = 'EIO'): void {
  Object.assign(fault, { call, pattern, left, code })
}

const faults = {
  before(name: string, path: string): void {
    if (fault.left === 0 || name !== fault.call || !fault.pattern.test(path)) return
    fault.left--
    throw new FileSystemError(fault.code, name, path)
  },
}

/** `loose`: nothing but a waiting call keeps the process; `threads`: the real thing. */
function open(dir: string, platform: string, options: VarveOptions = {}): Promise<Varve> {
  const components = platform === 'loose'
    ? { vfs: looseVfs(new NodeVfs(), faults), executor: looseExecutor() }
    : { vfs: undefined }
  return Varve.open(dir, { ...SMALL, ...options, components: components as NonNullable<VarveOptions['components']> })
}

const keysOf = (name: string, count: number) => Array.from({ length: count }, (_, i) => `${name} ${i}`)

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

/** Each waits for something else. */
const waits: Record<string, (db: Varve, dir: string, platform: string) => Promise<unknown>> = {
  /** Waits for spare logs and flushes: two buffers may wait. */
  stopped: (db) => Promise.all(keysOf('stopped', 60).map((key) => db.put(key, value))),
  async oneByOne(db) {
    for (const key of keysOf('oneByOne', 60)) await db.put(key, value)
  },
  larger: (db) => db.batch([{ type: 'put', key: 'larger', value: new Uint8Array(1 << 20) }]),
  pool: (db) => Promise.all(keysOf('pool', 5).map((key) => db.put(key, new Uint8Array(300_000)))),
  synced: (db) => db.put('synced', 'v', { sync: true }),
  sync: (db) => db.put('sync', 'v').then(() => db.sync()),
  del: (db) => db.put('del', 'v').then(() => db.del('del', { sync: true })),
  flush: (db) => db.put('flush', 'v').then(() => db.flush()),
  compact: (db) => db.compact({}, { onProgress: () => undefined }),
  clear: (db) => db.put('clear', value).then(() => db.clear({ prefix: 'clear' })),
  async pins(db) {
    const { firstLog } = await db.pins.acquire('pin')
    await db.put('pins', 'v')
    await db.flush()
    await collect(db.pins.read('pin'))
    await db.pins.advance('pin', firstLog + 1)
    await db.pins.release('pin')
  },
  reads: (db) => Promise.all([db.get('sync'), db.getMany(['sync']), db.has('sync'), collect(db.entries())]),
  /** Each alone, so that none keeps the process for another. */
  async largeReads(db) {
    await db.put('largeReads', new Uint8Array(1_000_000))
    await db.flush()
    await db.get('largeReads')
    await db.getMany(['largeReads', 'pool 0', 'pool 1'])
    await collect(db.entries())
    await collect(await db.getStream('largeReads') as AsyncIterable<Uint8Array>)
    await db.del('largeReads')
  },
  collectGarbage: (db) => db.collectGarbage({ ratio: 0.1 }),
  async backOffOfFlush(db, _, platform) {
    if (platform === 'loose') failNext('open create', /table/, 2)
    await Promise.all(keysOf('backOffOfFlush', 40).map((key) => db.put(key, value)))
    await db.flush()
  },
  async backOffOfCompaction(db, _, platform) {
    for (const key of keysOf('backOffOfCompaction', 3)) {
      await db.put(key, 'v')
      await db.flush()
    }
    if (platform === 'loose') failNext('open create', /table/, 1)
    await db.compact()
  },
  async fullDisk(db, _, platform) {
    if (platform !== 'loose') return
    failNext('write', /\.wal/, 1, 'ENOSPC')
    await db.put('fullDisk', value).then(() => Promise.reject(new Error('it was written')), () => undefined)
    await db.resume()
    await db.put('fullDisk', value)
  },
  async fastMode(_, dir, platform) {
    const db = await open(`${dir}-fast`, platform, { manifestSync: false, syncIntervalMs: 50 })
    await Promise.all(keysOf('fast', 60).map((key) => db.put(key, value)))
    await db.flush()
    await db.close()
  },
  async replay(_, dir, platform) {
    const first = await open(`${dir}-replay`, platform, { flushOnClose: false })
    await first.put('replay', value)
    await first.close()
    const second = await open(`${dir}-replay`, platform)
    await (await open(`${dir}-replay`, platform, { readOnly: true })).close()
    await second.close()
    await Varve.destroy(`${dir}-replay`, platform === 'loose' ? { vfs: looseVfs(new NodeVfs(), faults) } : {})
  },
}

export async function waitForAll(dir: string, platform: string, valueThreshold: number): Promise<void> {
  const db = await open(dir, platform, { immutablesMax: 2, valueThreshold, compaction: { style: 'none' } })
  for (const [name, wait] of Object.entries(waits)) {
    process.stdout.write(`${name} `)
    await wait(db, dir, platform)
  }
  await db.close()
}

/** Programs that have nothing to wait for, and leave a database open. */
export const leavings: Record<string, (dir: string) => Promise<unknown>> = {
  idle: (dir) => Varve.open(dir),
  async unsynced(dir) {
    const db = await Varve.open(dir, { syncIntervalMs: 3_600_000 })
    await db.put('unsynced', value)
  },
  /** Flushes and compactions under way, in threads. */
  async busy(dir) {
    const db = await Varve.open(dir, SMALL)
    for (let i = 0; i < 500; i++) await db.put(`busy ${i % 100}`, value)
  },
  /** Does background work on this thread. */
  async sliced(dir) {
    const db = await Varve.open(dir, { ...SMALL, workers: 0 })
    for (let i = 0; i < 300; i++) await db.put(`sliced ${i % 100}`, value)
  },
  /** Work that would never end. */
  async stuck(dir) {
    const executor = looseExecutor(({ kind }) => kind === 'flushBuild')
    const db = await Varve.open(dir, { ...SMALL, components: { executor } })
    for (let i = 0; i < 10; i++) await db.put(`stuck ${i}`, value)
    await setImmediate()
  },
}
