/** Values on a disk that is slow: asynchronous reads leave the event loop alone, and block again when it is fast. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../src/base/index.js'
import type { Clock } from '../../src/base/index.js'
import { Varve } from '../../src/index.js'
import { MemoryVfs } from '../../src/testing.js'
import type { Vfs, VfsFile } from '../../src/vfs/index.js'
import { SMALL } from '../support/databases/databases.js'
import { makeDatabase, valueOf } from '../support/databases/value-databases.js'

const DIR = '/db'
const COUNT = 400

/** A disk whose reads of value logs take `readMs` of virtual time, also when they block. */
class SlowDisk {
  timeMs = 0
  readMs = 0
  blockedMs = 0
  blockedCount = 0
  poolCount = 0
  readonly clock: Clock = { ...systemClock, nowMs: () => this.timeMs }

  around(vfs: Vfs): Vfs {
    return new Proxy(vfs, {
      get: (target, property) => {
        const value: unknown = Reflect.get(target, property, target)
        if (typeof value !== 'function') return value
        if (property !== 'openSync') return value.bind(target) as unknown
        return (path: string, mode: 'read') => {
          const file = target.openSync(path, mode)
          return path.endsWith('.vlog') ? this.slowFile(file) : file
        }
      },
    })
  }

  private slowFile(file: VfsFile): VfsFile {
    return new Proxy(file, {
      get: (target, property) => {
        const value: unknown = Reflect.get(target, property, target)
        if (property === 'readSync') {
          return (...given: Parameters<VfsFile['readSync']>) => {
            this.timeMs += this.readMs
            this.blockedMs += this.readMs
            this.blockedCount++
            return target.readSync(...given)
          }
        }
        if (property === 'read') {
          return async (...given: Parameters<VfsFile['read']>) => {
            this.poolCount++
            await new Promise(setImmediate)
            this.timeMs += this.readMs
            return target.readSync(...given)
          }
        }
        return typeof value === 'function' ? (value.bind(target) as unknown) : value
      },
    })
  }

  take(): { blockedMs: number; blockedCount: number; poolCount: number } {
    const { blockedMs, blockedCount, poolCount } = this
    Object.assign(this, { blockedMs: 0, blockedCount: 0, poolCount: 0 })
    return { blockedMs, blockedCount, poolCount }
  }
}

const entries = Array.from({ length: COUNT }, (_, i) =>
  ({ key: `key ${String(i).padStart(4, '0')}`, value: valueOf(20_000 + i, i), log: 14 }))
const keys = entries.map(({ key }) => key)

const CALLS: Record<string, (db: Varve) => Promise<unknown[]>> = {
  get: async (db) => {
    const values: unknown[] = []
    for (const key of keys) values.push(await db.get(key))
    return values
  },
  // A few keys that lie far from each other, so that each value is a read of its own.
  getMany: async (db) => {
    const values = new Array<unknown>(COUNT)
    for (let first = 0; first < 40; first++) {
      const indexes = Array.from({ length: COUNT / 40 }, (_, i) => first + 40 * i)
      const found = await db.getMany(indexes.map((i) => keys[i]!))
      for (const [at, i] of indexes.entries()) values[i] = found[at]
    }
    return values
  },
  'a walk': async (db) => {
    const values: unknown[] = []
    for await (const value of db.values()) values.push(value)
    return values
  },
}

for (const [name, call] of Object.entries(CALLS)) {
  test(`${name}: slow reads go through the thread pool, and block again when they are fast`, async () => {
    const vfs = new MemoryVfs()
    vfs.mkdirSync(DIR)
    makeDatabase(vfs, DIR, { entries })
    const disk = new SlowDisk()
    const db = await Varve.open(DIR, { ...SMALL, components: { vfs: disk.around(vfs), clock: disk.clock } })
    const readAll = async () => {
      disk.take()
      const values = await call(db)
      for (const [i, { value }] of entries.entries()) assert.ok(Buffer.compare(values[i] as Uint8Array, value) === 0)
      return disk.take()
    }
    const isWalk = name === 'a walk' // most of its reads are large
    disk.readMs = 0.02
    const fast = await readAll()
    if (!isWalk) assert.deepEqual([fast.blockedCount >= COUNT, fast.poolCount], [true, 0])
    disk.readMs = 5
    const first = await readAll()
    const then = await readAll()
    assert.ok(first.blockedMs <= 4 * 5 + COUNT * 5 / 60, `${first.blockedMs} ms blocked`)
    const allMs = (then.poolCount + then.blockedCount) * 5
    assert.ok(then.blockedMs <= 5 + allMs / 60, `${then.blockedMs} of ${allMs} ms`)
    if (!isWalk) assert.ok(then.poolCount > COUNT * 0.9)
    disk.readMs = 0.02
    disk.timeMs += 500
    for (let i = 0; i < 3; i++) await readAll() // few of them block at first
    const again = await readAll()
    if (!isWalk) assert.equal(again.poolCount, 0)
    await db.close()
  })
}
