/**
 * What: short programs that together meet every state of a compaction, on request and by itself.
 */
import type { Scenario } from './crash-scenarios.js'
import type { Workload } from '../model/workload.js'

/** Makes a table with these keys and no others. */
export async function table(w: Workload, keys: string, length: number): Promise<void> {
  await w.batch([...keys].map((key) => ({ key, length: length + key.charCodeAt(0) })))
  await w.flush()
}

export async function deleted(w: Workload, keys: string): Promise<void> {
  await w.batch([...keys].map((key) => ({ key, length: null })))
  await w.flush()
}

export const compactionScenarios: Record<string, Scenario> = {
  'several tables are compacted': {
    async run(w) {
      await w.open()
      await table(w, 'abcd', 300)
      await table(w, 'bce', 200)
      await table(w, 'ae', 100)
      await w.compact()
      w.checkReads()
      await w.put('b', 77)
      await w.close()
      await w.reopen()
      w.checkReads()
    },
  },

  'deletes are compacted: nothing comes back': {
    async run(w) {
      await w.open()
      await table(w, 'abcd', 200)
      await w.compact()
      await deleted(w, 'bd')
      await w.compact()
      w.checkReads()
      await deleted(w, 'ac')
      await w.compact()
      w.checkReads()
      await w.put('d', 50, { sync: true })
      await w.killed()
      w.checkReads()
    },
  },

  'D22: ranges are deleted and compacted: nothing comes back': {
    async run(w) {
      await w.open()
      await table(w, 'abcdef', 200)
      await w.compact()
      await table(w, 'cd', 150)
      await w.delRange('b', 'e')
      await w.flush()
      await w.put('d', 90)
      await w.compact()
      w.checkReads()
      await w.delRange('', null, { sync: true })
      await w.lostPower('none')
      w.checkReads()
      await w.put('b', 60)
      await w.compact()
      w.checkReads()
    },
  },

  'D24: tables that a range deletes leave by an edit': {
    settings: { compaction: { style: 'leveled' } },
    async run(w) {
      await w.open()
      await table(w, 'abc', 300)
      await table(w, 'xyz', 300)
      await w.compact()
      await table(w, 'm', 100)
      w.delRangeSync('a', 'n')
      await w.flush()
      await w.vfs.clock.advance(1500)
      await w.vfs.settled()
      w.checkReads()
      await w.killed()
      w.checkReads()
    },
  },

  'expired values are compacted: nothing comes back': {
    settings: { ttlGraceMs: 0 },
    async run(w) {
      await w.open()
      await table(w, 'abcdef', 200)
      await w.compact()
      await w.batch([...'bcd'].map((key) => ({ key, length: 150, ttl: 900 })))
      await w.flush()
      const { snapshot, check } = w.snapshot()
      await w.vfs.clock.advance(1000)
      await w.compact()
      check()
      w.checkReads()
      snapshot.release()
      await w.touch('b', { ttl: null })
      await w.touch('e', { ttl: 900, sync: true })
      await w.compact()
      w.checkReads()
      await w.lostPower('none')
      w.checkReads()
      await w.vfs.clock.advance(1000)
      await w.put('c', 60)
      await w.compact()
      w.checkReads()
    },
  },

  'tables of which all has expired leave by an edit': {
    settings: { compaction: { style: 'leveled' }, ttl: 900, ttlGraceMs: 0 },
    async run(w) {
      await w.open()
      await table(w, 'abc', 300)
      await w.batch([...'mno'].map((key) => ({ key, length: 300, ttl: key === 'm' ? null : 3000 })))
      await w.flush()
      await table(w, 'xyz', 300)
      await w.vfs.clock.advance(2000)
      await w.vfs.settled()
      w.checkReads()
      await w.killed()
      w.checkReads()
      await w.vfs.clock.advance(2500)
      await w.vfs.settled()
      w.checkReads()
    },
  },

  'a snapshot is held over a compaction': {
    async run(w) {
      await w.open()
      await table(w, 'abc', 200)
      const { snapshot, check } = w.snapshot()
      await table(w, 'ab', 150)
      await deleted(w, 'ac')
      await w.compact()
      check()
      w.checkReads()
      snapshot.release()
      await w.compact()
      w.checkReads()
    },
  },

  'compacted, crashed, opened, compacted': {
    async run(w) {
      await w.open()
      await table(w, 'abc', 200)
      await deleted(w, 'b')
      await w.compact()
      await w.put('c', 90, { sync: true })
      await w.lostPower('none')
      await table(w, 'bd', 120)
      await w.compact()
      w.checkReads()
      await w.killed()
      w.checkReads()
    },
  },

  'one compaction after the other': {
    async run(w) {
      await w.open()
      await table(w, 'ab', 200)
      await table(w, 'b', 150)
      await w.compact()
      await table(w, 'bc', 120)
      await w.compact()
      await table(w, 'xy', 100)
      await w.compact() // moves only
      w.checkReads()
    },
  },

  'inputs wait for their deletion': {
    async run(w) {
      await w.open()
      await table(w, 'abc', 200)
      await table(w, 'ab', 100)
      const reading = w.db.keysSync()
      reading.next()
      await w.compact()
      await w.put('c', 60)
      await w.lostPower('reverse')
      await table(w, 'b', 100)
      const again = w.db.keysSync()
      again.next()
      await w.compact()
      w.checkReads()
      await w.close()
      await w.reopen()
      w.checkReads()
    },
  },

  'levels keep themselves in order while writers go on': {
    settings: { compaction: { style: 'leveled' } },
    async run(w) {
      await w.open()
      for (let i = 0; i < 7; i++) {
        void w.put(`during ${i % 3}`, 400)
        await table(w, i % 2 === 0 ? 'abc' : 'bd', 300)
        if (i % 3 === 2) await w.del('b')
      }
      await w.vfs.settled()
      w.checkReads()
      await w.killed()
      await w.vfs.clock.advance(1500)
      w.checkReads()
    },
  },

  'whole runs, and another style after a restart': {
    settings: { compaction: { style: 'tiered' } },
    async run(w) {
      await w.open()
      for (let i = 0; i < 9; i++) await table(w, i % 2 === 0 ? 'abc' : 'bd', 300 - i)
      await w.vfs.settled()
      w.checkReads()
      await deleted(w, 'a')
      w.settings = { ...w.settings, compaction: { style: 'leveled' } }
      await w.killed()
      await w.vfs.clock.advance(1500)
      await w.vfs.settled()
      w.checkReads()
      w.settings = { ...w.settings, compaction: { style: 'lazy' } }
      await w.lostPower('none')
      await w.compact()
      w.checkReads()
    },
  },
}
