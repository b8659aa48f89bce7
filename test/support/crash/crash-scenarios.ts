/**
 * What: short programs that together meet every state of the write path, the flush pipeline and recovery.
 */
import type { SurvivalPolicy } from '../../../src/testing.js'
import type { Operation } from '../model/oracle.js'
import type { Settings, Workload } from '../model/workload.js'

export interface Scenario {
  run: (workload: Workload) => Promise<void>
  settings?: Settings
}

/** The length of a value, of which 6 fill a write buffer of 64 KiB. */
const BIG = 11_000

function ops(...lengths: [string, number | null][]): Operation[] {
  return lengths.map(([key, length]) => ({ key, length }))
}

export const scenarios: Record<string, Scenario> = {
  'first create': {
    async run(w) {
      await w.open()
      await w.put('a', 100)
      await w.close()
    },
  },

  'fill and flush': {
    async run(w) {
      await w.open()
      for (let i = 0; i < 6; i++) await w.put(`k${i}`, 300 + i)
      await w.flush()
      w.checkReads()
      await w.put('k3', 77)
      await w.flush()
      await w.put('after', 30)
      await w.close()
      await w.reopen()
    },
  },

  'batches with sync': {
    async run(w) {
      await w.open()
      await w.batch(ops(['a', 50], ['b', 700], ['c', 0]), { position: 'p1' })
      await w.batch(ops(['a', 60], ['d', 900]), { sync: true, position: 'p2' })
      await w.batch(ops(['b', null], ['e', 1500]), { position: 'p3' })
      w.batchSync(ops(['f', 1], ['a', null]), { sync: true })
      w.batchSync(ops(['g', 600], ['', 20]))
      await w.sync()
      await w.batch(ops(['h', 40]), { position: 'p4' })
      w.putSync('i', 50, { sync: true })
      w.checkReads()
      w.delSync('b')
    },
  },

  'D22: ranges are deleted': {
    async run(w) {
      await w.open()
      await w.batch(ops(['a', 50], ['b', 700], ['c', 20], ['d', 30]))
      await w.delRange('b', 'd')
      await w.put('c', 60)
      await w.batch([{ key: 'e', length: 900 }, { key: 'a', length: null, until: 'b' }, { key: 'a', length: 70 }],
        { sync: true, position: 'p1' })
      w.checkReads()
      await w.flush()
      w.delRangeSync('', null, { sync: true })
      w.checkReads()
      await w.flush()
      await w.put('b', 40)
      await w.delRange('', null)
      await w.close()
      await w.reopen()
      w.checkReads()
    },
  },

  'values expire': {
    settings: { ttlGraceMs: 0 },
    async run(w) {
      await w.open()
      await w.batch([
        { key: 'a', length: 50, ttl: 900 }, { key: 'b', length: 700 }, { key: 'c', length: 20, ttl: 5000 },
        { key: 'd', length: 3000, ttl: 900 },
      ], { sync: true })
      await w.flush()
      await w.put('b', 40, { ttl: 900 })
      await w.touch('d', { ttl: 5000 })
      await w.touch('none', { ttl: 5000, sync: true })
      const { snapshot, check } = w.snapshot()
      await w.vfs.clock.advance(1000)
      w.checkReads()
      check()
      await w.put('a', 60, { sync: true, ttl: 900 })
      await w.flush()
      snapshot.release()
      await w.vfs.clock.advance(1000)
      await w.killed()
      await w.touch('c', { ttl: null, sync: true })
      await w.flush()
      await w.vfs.clock.advance(5000)
      w.checkReads()
      await w.close()
      await w.reopen()
      w.checkReads()
    },
  },

  'each value expires, as the options say': {
    settings: { ttl: 800, ttlGraceMs: 0 },
    async run(w) {
      await w.open()
      w.putSync('a', 300, { sync: true })
      w.batchSync([{ key: 'b', length: 40, ttl: null }, { key: 'c', length: 900 }, { key: 'd', length: 60 }])
      await w.vfs.clock.advance(500)
      await w.put('c', 120)
      w.touchSync('d', {})
      await w.flush()
      await w.vfs.clock.advance(500)
      w.checkReads()
      w.touchSync('c', { ttl: null, sync: true })
      w.touchSync('a', { sync: true })
      await w.vfs.clock.advance(1000)
      await w.lostPower('none')
      w.checkReads()
      await w.put('a', 40)
    },
  },

  'a writer that syncs each write': {
    async run(w) {
      await w.open()
      for (let i = 0; i < 12; i++) await w.put(`k${i % 7}`, 100 + i, { sync: true })
      for (let i = 0; i < 7; i++) w.putSync(`s${i}`, BIG, { sync: i % 2 === 0 })
      w.checkReads()
      await w.put('rotates', BIG, { sync: true })
      await w.put('end', BIG)
    },
  },

  'rotation by size': {
    async run(w) {
      await w.open()
      for (let i = 0; i < 14; i++) await w.put(`k${i % 9}`, BIG, i === 7 ? { sync: true } : {})
      w.checkReads()
      await w.put('end', 20, { sync: true })
      await w.vfs.settled()
      w.checkReads()
    },
  },

  'a batch larger than a slab': {
    async run(w) {
      await w.open()
      await w.put('before', 200)
      await w.batch(ops(['x', 40_000], ['y', 50_000], ['z', 10]), { position: 'xl' })
      await w.put('between', 200)
      w.batchSync(ops(['x', 30_000], ['before', null], ['v', 60_000]))
      await w.put('after', 200, { sync: true })
      w.checkReads()
      await w.vfs.settled()
      await w.put('end', 10)
    },
  },

  'several writers in flight': {
    async run(w) {
      await w.open()
      const writer = async (name: string) => {
        for (let i = 0; i < 5; i++) {
          const kind = w.random.below(5)
          if (kind === 0) await w.put(`${name}${i}`, 2000 + i, { sync: true })
          else if (kind === 1) await w.batch(ops([`${name}${i}`, 9000], ['shared', 40 + i], [`${name}x`, null]))
          else if (kind === 2) w.putSync(`${name}${i}`, 3000)
          else if (kind === 3) await w.del(`${name}${i - 1}`)
          else await w.put(`${name}${i}`, 6000)
        }
      }
      await Promise.all(['a', 'b', 'c', 'd'].map(writer))
      w.checkReads()
      await w.sync()
    },
  },

  'writers that wait for room': {
    settings: { immutablesMax: 1 },
    async run(w) {
      await w.open()
      const writes: Promise<void>[] = []
      for (let i = 0; i < 20; i++) writes.push(w.put(`k${i % 7}`, BIG, i % 6 === 5 ? { sync: true } : {}))
      await Promise.all(writes)
      w.checkReads()
    },
  },

  'blocking writes through rotations': {
    settings: { immutablesMax: 2 },
    async run(w) {
      await w.open()
      for (let i = 0; i < 22; i++) w.putSync(`k${i % 8}`, BIG, i === 11 ? { sync: true } : {})
      w.checkReads()
      await w.vfs.settled()
      w.putSync('end', 10, { sync: true })
    },
  },

  'deletes and overwrites over tables': {
    async run(w) {
      await w.open()
      for (let i = 0; i < 4; i++) await w.put(`k${i}`, 200)
      await w.flush()
      await w.del('k1')
      await w.put('k2', 150)
      await w.flush()
      await w.put('k1', 120, { sync: true })
      await w.del('k0', { sync: true })
      await w.killed()
      await w.del('k1')
      w.checkReads()
      await w.close()
      await w.reopen()
      w.checkReads()
    },
  },

  'snapshots over flushes': {
    async run(w) {
      await w.open()
      await w.batch(ops(['a', 100], ['b', 200], ['c', 300]))
      const first = w.snapshot()
      await w.batch(ops(['a', 110], ['b', null]))
      const flushed = w.flush()
      const second = w.snapshot()
      await w.batch(ops(['b', 220], ['c', null], ['d', 50]))
      await flushed
      first.check()
      second.check()
      await w.flush()
      first.check()
      second.check()
      first.snapshot.release()
      await w.put('e', 10)
      await w.flush()
      second.check()
    },
  },

  'kill, reopen, power loss': {
    async run(w) {
      await w.open()
      await w.put('a', 500, { sync: true })
      for (let i = 0; i < 5; i++) await w.put(`u${i}`, 800)
      await w.killed()
      await w.put('b', 100)
      await w.put('c', 100, { sync: true })
      await w.lostPower('none')
      w.checkReads()
      await w.put('d', 60)
      await w.killed()
      await w.lostPower('random50')
      await w.put('e', 10, { sync: true })
    },
  },

  'kill while a flush runs': {
    async run(w) {
      await w.open()
      for (let i = 0; i < 5; i++) await w.put(`k${i}`, 900)
      void w.flush()
      void w.put('in flight', 400)
      for (let i = 0; i < 12; i++) await new Promise<void>((resolve) => w.vfs.clock.defer(resolve))
      await w.killed()
      void w.flush()
      for (let i = 0; i < 17; i++) await new Promise<void>((resolve) => w.vfs.clock.defer(resolve))
      await w.killed()
      await w.put('end', 30, { sync: true })
    },
  },

  'power losses one after the other': {
    async run(w) {
      await w.open()
      const policies: SurvivalPolicy[] = ['random50', 'prefix', 'allButOne', 'reverse', 'globalPrefix']
      for (const policy of policies) {
        for (let i = 0; i < 4; i++) void w.put(`${policy}${i}`, 700 * (1 + w.random.below(4)), { sync: i === 1 })
        await w.put('shared', 50)
        await w.lostPower(policy)
      }
      w.checkReads()
    },
  },

  'background sync': {
    async run(w) {
      await w.open()
      await w.put('a', 300)
      await w.vfs.clock.advance(700)
      await w.put('b', 300)
      const last = w.oracle.lastAcked
      await w.vfs.clock.advance(1100)
      w.oracle.noteDurable(last)
      await w.put('c', 300)
      w.checkReads()
    },
  },

  'closed without a flush': {
    settings: { flushOnClose: false },
    async run(w) {
      await w.open()
      await w.put('a', 300)
      await w.del('a')
      await w.batch(ops(['b', 100], ['c', 5000]), { position: 'here' })
      await w.close()
      await w.reopen()
      await w.put('d', 100)
      await w.close()
      await w.reopen()
      w.checkReads()
    },
  },

  'empty opens and closes': {
    async run(w) {
      await w.open()
      await w.close()
      await w.reopen()
      await w.killed()
      await w.flush()
      await w.put('only', 10, { sync: true })
      await w.lostPower('none')
      await w.close()
      await w.reopen()
    },
  },
}
