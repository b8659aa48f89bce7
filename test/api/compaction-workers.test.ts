/** A thread that dies inside a compaction: it is replaced, its compaction tried again under new numbers. */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { SeededRandom } from '../../src/base/index.js'
import { WorkerThread } from '../../src/exec/worker-thread.js'
import type { ThreadRequest } from '../../src/exec/worker-thread.js'
import type { EngineEvent } from '../../src/index.js'
import type { CompactionRunInput } from '../../src/run/index.js'
import { Place, text } from '../support/databases/databases.js'

/** Ends the thread of the first run when it has read something; gives what each run was asked for. */
async function killFirstRun(body: () => Promise<void>): Promise<CompactionRunInput[]> {
  const { send } = WorkerThread.prototype
  const runs: CompactionRunInput[] = []
  WorkerThread.prototype.send = function (this: WorkerThread<ThreadRequest>, request) {
    send.call(this, request)
    if (request.kind !== 'compactionRun') return
    const input = request.input as CompactionRunInput
    if (runs.push(input) === 1) void endWhenReading(this, new Int32Array(input.control))
  }
  try {
    await body()
  } finally {
    WorkerThread.prototype.send = send
  }
  return runs
}

async function endWhenReading(thread: WorkerThread<ThreadRequest>, control: Int32Array): Promise<void> {
  while (Atomics.load(control, 1) === 0) await setImmediate()
  await thread.terminate()
}

for (const manifestSync of [true, false]) {
  test(`a thread dies inside a compaction, ${manifestSync ? 'strict' : 'fast'} mode`, async () => {
    const place = new Place('node')
    const events: EngineEvent[] = []
    const options = {
      workers: 2, manifestSync, writeBufferSize: 4 * 1024 * 1024,
      components: { onEvent: (event: EngineEvent) => void events.push(event) },
    }
    try {
      const db = await place.open(options)
      const random = new SeededRandom(4, 'worker death')
      const expected = new Map<string, number>()
      for (let i = 0; i < 40_000; i++) {
        const key = `key ${random.below(30_000)}`
        expected.set(key, 100 + (i % 300))
        await db.put(key, new Uint8Array(100 + (i % 300)))
      }
      const runs = await killFirstRun(() => db.compact())
      const { jobs, compaction, levels, database } = db.stats()
      assert.deepEqual([jobs.workerLostCount, compaction.failed, compaction.blockedTables], [1, 1, []])
      assert.deepEqual([levels[0]!.tableCount, database.state], [0, 'OPEN'])
      const failed = events.find((event) => event.type === 'compactionFailed')!
      assert.deepEqual([failed.willRetry, (failed.error as { hint: string }).hint], [true, 'worker lost'])
      const lost = events.find((event) => event.type === 'workerLost')!
      assert.equal(lost.jobKind, 'compactionRun')
      const names = runs.flatMap(({ fileNames }) => fileNames.map((name) => name.slice(0, name.indexOf('.'))))
      assert.ok(runs.length > 1)
      assert.equal(new Set(names).size, names.length, 'no number is used twice')
      await db.put('after', 'x')
      await db.flush()
      await db.close()
      const left = readdirSync(place.location).filter((name) => /\.table/.test(name))
      const again = await place.open(options)
      assert.equal(left.length, again.stats().levels.reduce((sum, { tableCount }) => sum + tableCount, 0))
      const found = [...again.entriesSync()].map(([key, value]) => [text(key), value.length] as const)
      assert.deepEqual(new Map(found), new Map([...expected.set('after', 1)].sort(([a], [b]) => (a < b ? -1 : 1))))
    } finally {
      await place.close()
    }
  })
}
