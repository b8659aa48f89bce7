/**
 * What: a process that dies at any moment loses nothing that it acknowledged, and leaves no half batch:
 * a few real processes, and the same history up to two hundred times on the simulated machine.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from '../../src/base/index.js'
import { Varve } from '../../src/index.js'
import { SimVfs } from '../../src/testing.js'
import { newDirectory } from '../support/databases/databases.js'
import { checkHistory, writeHistory } from '../support/programs/kill-history.js'
import { killAgainAndAgain } from '../support/programs/real-kill.js'
import { drawn } from '../support/harness/share.js'

const REAL_ROUNDS = 4
const LIVES = 20
const DIR = '/db'

for (const mode of ['strict', 'fast'] as const) {
  test(`${REAL_ROUNDS} processes in a row are killed while they write, ${mode} mode`, async () => {
    const random = new SeededRandom(1, mode)
    const { problems, acknowledged } = await killAgainAndAgain(newDirectory(), { rounds: REAL_ROUNDS, mode, random })
    assert.deepEqual(problems, [])
    assert.ok(acknowledged > 0)
  })
}

test('twenty simulated lives in a row, each killed after a random change of the disk', async (t) => {
  let acknowledgedCount = 0
  const chains = drawn('chains of simulated lives', Array(10).keys())
  for (const chain of chains) {
    let machine = new SimVfs({ seed: chain })
    const acknowledged: string[] = []
    for (let life = 0; life < LIVES; life++) {
      machine = await liveOnce(machine, { round: life, chain, acknowledged })
      const db = await open(machine, life)
      assert.deepEqual(checkHistory(db, acknowledged), [], `chain ${chain}, life ${life}`)
      await db.close()
    }
    acknowledgedCount += acknowledged.length
  }
  t.diagnostic(`${acknowledgedCount} acknowledged batches`)
  assert.ok(acknowledgedCount > chains.length * LIVES)
})

function open(machine: SimVfs, life: number): Promise<Varve> {
  return Varve.open(DIR, {
    writeBufferSize: 64 * 1024, workers: 0, manifestSync: life % 2 === 0,
    components: { vfs: machine, clock: machine.clock },
  })
}

/** Writes until the machine dies, at a random one of the next effects; returns the machine after it. */
async function liveOnce(
  machine: SimVfs, { round, chain, acknowledged }: { round: number; chain: number; acknowledged: string[] },
): Promise<SimVfs> {
  const random = new SeededRandom(chain * 1000 + round, 'kill')
  const db = await open(machine, round)
  let left = 1 + random.below(120)
  let next: SimVfs | null = null
  let told = 0
  const mine: string[] = []
  machine.onEffect = () => {
    if (--left !== 0) return
    told = mine.length
    next = machine.cloneKilled(round)
  }
  await writeHistory(db, round, (name) => mine.push(name), (i) => next === null && i < 60)
  await db.close()
  machine.onEffect = null
  if (next === null) told = mine.length
  acknowledged.push(...mine.slice(0, told))
  return next ?? machine.kill(round)
}
