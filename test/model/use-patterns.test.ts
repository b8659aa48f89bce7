/** What: programs that once hung, or left a file for each thing they did: test/support/programs/use-patterns.ts. */
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { Varve } from '../../src/index.js'
import { MemoryVfs, simExecutor } from '../../src/testing.js'
import { hastyClock } from '../support/fakes/hasty-clock.js'
import {
  deletedAfterAPause, flushesInALoop, killedSessions, shortSessions, usersThenImport,
} from '../support/programs/use-patterns.js'
import type { Site } from '../support/programs/use-patterns.js'
import { leaveOutRunnerHooks } from '../support/harness/runner-hooks.js'
import { heavyTest } from '../support/harness/share.js'

leaveOutRunnerHooks()

const TIMES = 20

function site(seed: number): Site {
  const vfs = new MemoryVfs()
  const clock = hastyClock(TIMES)
  return {
    open: (options = {}) => Varve.open('/db', {
      ...options, components: { vfs, clock, executor: simExecutor({ seed }) },
    }),
    names: () => vfs.listSync('/db'),
    pause: (ms) => setTimeout(ms / TIMES),
  }
}

test('many users, each with a flush of his own, then an import: writers go on', () =>
  usersThenImport(site(1), 30, 1000))

test('flushes in a loop leave few tables', () => flushesInALoop(site(2), 90))

test('short sessions leave few files, whatever the order of their keys', async (t) => {
  for (const [name, keyOf] of [
    ['ascending', (i: number) => `k${String(i).padStart(6, '0')}`],
    ['anywhere', (i: number) => `k${String((i * 7919) % 1_000_003).padStart(7, '0')}`],
    ['the same', () => 'k'],
  ] as const) {
    t.diagnostic(`${name}: ${await shortSessions(site(3), 40, keyOf)} files at most`)
  }
})

test('what is deleted after a pause goes by itself', () => deletedAfterAPause(site(4), 5000))

heavyTest('sessions that are killed leave few tables', async (t) => {
  t.diagnostic(`${await killedSessions(50)} tables at most`)
})
