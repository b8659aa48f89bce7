/** Beside a writer, and after any life, verify has nothing to say, and changes nothing. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { SeededRandom } from '../../src/base/index.js'
import { Varve } from '../../src/index.js'
import type { VerifyReport } from '../../src/index.js'
import { MemoryVfs, SimVfs } from '../../src/testing.js'
import { newDirectory } from '../support/databases/databases.js'
import { directoryState } from '../support/databases/directory-state.js'
import { entriesOf, makeFile } from '../support/databases/outside-files.js'
import { openSim } from '../support/databases/simulated.js'
import { Storm, stormOptions } from '../support/databases/storm.js'
import { takeImage } from '../support/databases/vfs-image.js'
import { drawnNumbers, shareOfRun } from '../support/harness/share.js'

const LEVELS = ['quick', 'full', 'deep'] as const

function checkGood(report: VerifyReport, where: string): void {
  const real = report.problems.filter(({ severity }) => severity !== 'waste')
  assert.deepEqual(real.map(({ severity, message }) => `${severity} ${message}`), [], where)
}

test('after each part of a random life, open or closed, all levels find nothing', async () => {
  for (const seed of drawnNumbers('verify lives', 120)) {
    const random = new SeededRandom(seed, 'verify life')
    const vfs = new MemoryVfs()
    const storm = new Storm(random)
    for (let life = 0; life < 3; life++) {
      const components = { vfs, random: new SeededRandom(seed * 3 + life) }
      const db = await Varve.open('/db', { ...stormOptions(random), workers: 0, components })
      for (let i = random.below(150); i >= 0; i--) await storm.step(db)
      const level = random.pick(LEVELS)
      checkGood(await Varve.verify('/db', { vfs, level }), `seed ${seed}, life ${life}, open, ${level}`)
      await db.close()
      const image = takeImage(vfs, '/db')
      checkGood(await Varve.verify('/db', { vfs, level: 'deep' }), `seed ${seed}, life ${life}, closed`)
      assert.deepEqual(takeImage(vfs, '/db'), image, 'nothing changed')
    }
  }
})

test('tables from outside, with range deletes under a number of their own, are good at every level', async () => {
  const sim = new SimVfs({ seed: 1 })
  const db = await openSim(sim)
  for (let i = 0; i < 20; i++) await db.put(`a${i}`, 'x')
  await db.ingest([await makeFile(sim, 'a.table', { entries: entriesOf('ab'), ranges: [{ prefix: 'a1' }] })])
  await db.put('a1', 'later')
  for (const state of ['open', 'closed']) {
    if (state === 'closed') await db.close()
    for (const level of LEVELS) checkGood(await Varve.verify('/db', { vfs: sim, level }), `${state}, ${level}`)
  }
})

test('beside a writer of this process that merges and deletes there is no false alarm (V3, VER-2)', async () => {
  const dir = newDirectory()
  const random = new SeededRandom(11, 'verify storm')
  const db = await Varve.open(dir, { ...stormOptions(random), compaction: { style: 'leveled' }, valueThreshold: 512 })
  let isEnded = false
  const storm = new Storm(random)
  const writing = (async () => {
    while (!isEnded) await storm.step(db)
  })()
  try {
    for (let i = Math.max(6, Math.floor(150 * shareOfRun)); i > 0; i--) {
      const level = LEVELS[i % 3]!
      checkGood(await Varve.verify(dir, { level }), `${level}, ${i} to go`)
    }
  } finally {
    isEnded = true
    await writing
    await db.close()
  }
  const state = directoryState(dir)
  checkGood(await Varve.verify(dir, { level: 'deep' }), 'at the end')
  assert.deepEqual(directoryState(dir), state, 'names, sizes, times and bytes are as they were (VER-1)')
})

test('beside a writer of another process there is no false alarm either', async () => {
  const dir = newDirectory()
  const script = fileURLToPath(new URL('./storm-child.js', import.meta.url))
  const child = spawn(process.execPath, [script, dir, '5'], { stdio: ['pipe', 'pipe', 'inherit'] })
  const closed = once(child, 'close')
  await once(child.stdout, 'data')
  child.stdout.resume()
  try {
    for (let i = Math.max(5, Math.floor(150 * shareOfRun)); i > 0; i--) {
      const level = LEVELS[i % 3]!
      checkGood(await Varve.verify(dir, { level }), `${level}, ${i} to go`)
    }
  } finally {
    child.stdin.end()
    assert.equal((await closed)[0], 0)
  }
  checkGood(await Varve.verify(dir, { level: 'deep' }), 'at the end')
})

test('a signal ends a verify, and so does what a listener throws', async () => {
  const vfs = new MemoryVfs()
  const db = await Varve.open('/db', { workers: 0, components: { vfs } })
  await db.put('a', 'b')
  await db.close()
  const reason = new Error('enough')
  await assert.rejects(Varve.verify('/db', { vfs, signal: AbortSignal.abort(reason) }), reason)
  const fail = (): never => {
    throw reason
  }
  await assert.rejects(Varve.verify('/db', { vfs, onProgress: fail }), reason)
  await assert.rejects(Varve.verify('/db', { vfs, onProgress: 5 as never }), { code: 'INVALID_ARGUMENT' })
})
