/**
 * What: short programs whose flushes promote logs, copy values and keep them, for crash sweeps.
 */
import type { Scenario } from './crash-scenarios.js'

/** Large as seen from a write buffer of 64 KiB: four of them, and it is full. */
const LARGE = 15_000
/** Most of a log of 64 KiB is large values, so it is promoted. */
const PROMOTES = { valueThreshold: 4096 }
/** Large enough for 1 MiB of large values beside more small ones than a promoted log may have. */
const COPIES = { valueThreshold: 4096, writeBufferSize: 2 * 1024 * 1024 }

export const valueScenarios: Record<string, Scenario> = {
  'promote: the log of each flush becomes a value log': {
    settings: PROMOTES,
    async run(w) {
      await w.open()
      for (let i = 0; i < 4; i++) await w.put(`k${i}`, LARGE + i, i === 1 ? { sync: true } : {})
      await w.put('small', 40)
      await w.flush()
      w.checkReads()
      for (let i = 2; i < 5; i++) await w.put(`k${i}`, LARGE - i)
      await w.del('k0')
      await w.flush()
      await w.put('after', 30, { sync: true })
      await w.vfs.settled()
      w.checkReads()
      await w.close()
      await w.reopen()
      w.checkReads()
    },
  },

  'promote: rotation by size, nothing awaited': {
    settings: PROMOTES,
    async run(w) {
      await w.open()
      for (let i = 0; i < 11; i++) await w.put(`k${i % 6}`, LARGE, i === 6 ? { sync: true } : {})
      await w.vfs.settled()
      w.checkReads()
      await w.put('end', 20, { sync: true })
    },
  },

  'promote: values larger than a slab': {
    settings: PROMOTES,
    async run(w) {
      await w.open()
      await w.put('a', 50)
      await w.put('xl', 150_000)
      await w.put('b', 60, { sync: true })
      await w.put('xl', 140_000, { sync: true })
      await w.flush()
      w.checkReads()
    },
  },

  'copy: large values beside many small ones': {
    settings: COPIES,
    async run(w) {
      await w.open()
      for (let i = 0; i < 4; i++) {
        await w.put(`large${i}`, 280_000)
        await w.batch(Array.from({ length: 30 }, (_, n) => ({ key: `small${i}.${n}`, length: 3900 })))
      }
      await w.flush()
      w.checkReads()
      await w.put('after', 30, { sync: true })
    },
  },

  'recovery: logs that were synced are promoted, and others are copied': {
    settings: PROMOTES,
    async run(w) {
      await w.open()
      for (let i = 0; i < 3; i++) await w.put(`k${i}`, LARGE)
      await w.sync()
      await w.put('synced', 20, { sync: true })
      await w.killed()
      w.checkReads()
      for (let i = 0; i < 3; i++) await w.put(`k${i}`, LARGE + 9)
      await w.killed()
      w.checkReads()
      await w.lostPower('none')
      w.checkReads()
      await w.put('end', 10, { sync: true })
    },
  },

  'all values of a value log are deleted, and it goes': {
    settings: { ...PROMOTES, compaction: { style: 'leveled' } },
    async run(w) {
      await w.open()
      for (let i = 0; i < 4; i++) await w.put(`k${i}`, LARGE)
      await w.flush()
      for (let i = 0; i < 4; i++) await w.del(`k${i}`)
      await w.put('x', 20, { sync: true })
      await w.flush()
      await w.compact()
      await w.vfs.settled()
      w.checkReads()
      await w.close()
      await w.reopen()
    },
  },
}
