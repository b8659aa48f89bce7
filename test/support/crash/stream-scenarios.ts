/**
 * What: short programs that stream values, for crash sweeps.
 */
import assert from 'node:assert/strict'
import { VarveError } from '../../../src/index.js'
import { keyBytes } from './crash-values.js'
import type { Scenario } from './crash-scenarios.js'
import type { Workload } from '../model/workload.js'

/** More than a write buffer of 64 KiB, so that the value has a file; this one is written in two pieces. */
const LONG = 300_000
const SHORT = 90_000

async function* failing(bytes: number): AsyncGenerator<Uint8Array> {
  yield new Uint8Array(bytes)
  throw new Error('the source is gone')
}

/** A stream that fails: nothing of it is there, now or after any crash. */
async function failedStream(w: Workload, bytes: number): Promise<void> {
  const { vfs } = w
  const error: unknown = await w.db.putStream(keyBytes('failed'), failing(bytes)).catch((reason: unknown) => reason)
  if (vfs === w.vfs) assert.ok(VarveError.is(error) && error.code === 'SOURCE_FAILED', String(error))
}

export const streamScenarios: Record<string, Scenario> = {
  'stream: in the log, then listed by a flush': {
    async run(w) {
      await w.open()
      await w.put('a', 100)
      await w.putStream('s1', LONG)
      await w.putStream('s2', SHORT, { sync: true })
      w.checkReads()
      await w.put('b', 200, { sync: true })
      await w.flush()
      w.checkReads()
      await w.putStream('s1', SHORT)
      await w.put('end', 10, { sync: true })
      await w.vfs.settled()
      await w.close()
      await w.reopen()
      w.checkReads()
    },
  },

  'stream: overwritten before the flush and behind it': {
    settings: { compaction: { style: 'leveled' } },
    async run(w) {
      await w.open()
      await w.putStream('s1', SHORT)
      await w.put('s1', 50)
      await w.putStream('s2', SHORT, { sync: true })
      await w.flush()
      w.checkReads()
      await w.del('s2')
      await w.putStream('s3', SHORT)
      await w.flush()
      await w.compact()
      await w.vfs.settled()
      w.checkReads()
      await w.close()
      await w.reopen()
    },
  },

  'stream: kills and power losses': {
    async run(w) {
      await w.open()
      await w.putStream('s1', SHORT, { sync: true })
      await w.putStream('s2', SHORT)
      await w.killed()
      w.checkReads()
      await w.putStream('s1', SHORT + 1)
      await w.putStream('s3', SHORT, { sync: true })
      await w.lostPower('none')
      w.checkReads()
      await w.putStream('s4', SHORT)
      await w.lostPower('random50')
      await w.put('end', 20, { sync: true })
    },
  },

  'stream: sources that fail': {
    async run(w) {
      await w.open()
      await failedStream(w, 100)
      await failedStream(w, SHORT)
      await w.putStream('s1', SHORT)
      await failedStream(w, LONG)
      await w.put('end', 20, { sync: true })
      w.checkReads()
    },
  },
}
