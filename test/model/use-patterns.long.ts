/**
 * What: programs that once hung, or left a file for each thing they did, in the sizes in which they were met, on the
 * real disk: test/support/programs/use-patterns.ts.
 */
import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { Varve } from '../../src/index.js'
import type { VarveOptions } from '../../src/index.js'
import { newDirectory } from '../support/databases/databases.js'
import {
  deletedAfterAPause, flushesInALoop, killedSessions, shortSessions, usersThenImport,
} from '../support/programs/use-patterns.js'
import type { Site } from '../support/programs/use-patterns.js'

const DESCRIPTORS = '/proc/self/fd'

function site(settings: VarveOptions = {}): Site {
  const dir = newDirectory()
  return {
    open: (options = {}) => Varve.open(dir, { ...settings, ...options }),
    names: () => readdirSync(dir),
    pause: (ms) => setTimeout(ms),
  }
}

async function puts(db: Varve, count: number, valueBytes: number): Promise<void> {
  for (let i = 0; i < count; i++) await db.put(`k${i}`, new Uint8Array(valueBytes))
  await db.close()
}

test('many users, each with a flush of his own, then an import', () => usersThenImport(site(), 1000, 60_000))

for (const [name, settings, count, valueBytes] of [
  ['buffers of 64 KiB', { writeBufferSize: 65_536 }, 40_000, 200],
  ['buffers of 1 MiB', { writeBufferSize: 2 ** 20 }, 400_000, 200],
  ['a budget of 16 MiB', { memoryBudget: 2 ** 24 }, 200_000, 1000],
] as const) {
  test(`unpadded numbers as keys, ${name}`, async () => puts(await site(settings).open(), count, valueBytes))
}

test('1,100 flushes in a loop leave few tables, and few descriptors', async () => {
  await flushesInALoop(site(), 1100)
  if (existsSync(DESCRIPTORS)) assert.ok(readdirSync(DESCRIPTORS).length < 100)
})

for (const [name, keyOf] of [
  ['ascending', (i: number) => `k${String(i).padStart(6, '0')}`],
  ['anywhere', (i: number) => `k${String((i * 7919) % 1_000_003).padStart(7, '0')}`],
  ['the same', () => 'k'],
] as const) {
  test(`1,000 short sessions, keys ${name}, leave few files`, async () => {
    console.log(`${name}: ${await shortSessions(site(), 1000, keyOf)} files at most`)
  })
}

test('what is deleted after a pause goes by itself', () => deletedAfterAPause(site(), 20_000))

test('1,000 sessions that are killed leave few tables', async () => {
  console.log(`${await killedSessions(1000)} tables at most`)
})
