/** When writes pause, few tables and runs meet a read, however many flushes came before. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { Varve } from '../../src/index.js'
import { MemoryVfs } from '../../src/testing.js'
import { SMALL } from '../support/databases/databases.js'

/** The bursts together are a small part of it, so their stack does not go down when all is quiet. */
const BASE_COUNT = 4000
const BURST_COUNT = 60
const BURSTS = 6

const keyOf = (i: number): string => String(i * 7919 % BASE_COUNT).padStart(6, '0')

async function put(db: Varve, from: number, count: number, value: string): Promise<void> {
  const ops = Array.from({ length: count }, (_, i) => ({ type: 'put' as const, key: keyOf(from + i), value }))
  await db.batch(ops)
}

async function level0Becomes(db: Varve, tablesMax: number): Promise<void> {
  for (let tries = 0; db.stats().levels[0]!.tableCount > tablesMax; tries++) {
    assert.ok(tries < 1000, `${db.stats().levels[0]!.tableCount} tables are left`)
    await setTimeout(20)
  }
}

test('after a burst level 0 is merged to two tables at most, and all answers stay', async () => {
  const components = { vfs: new MemoryVfs() }
  const db = await Varve.open('/db', { ...SMALL, compaction: { style: 'leveled' }, components })
  await put(db, 0, BASE_COUNT, 'base '.repeat(40))
  await db.compact()
  const expected = new Map(Array.from({ length: BASE_COUNT }, (_, i) => [keyOf(i), 'base '.repeat(40)]))
  for (let burst = 0; burst < BURSTS; burst++) {
    const value = `burst ${burst}`
    await put(db, burst * 41, BURST_COUNT, value)
    for (let i = 0; i < BURST_COUNT; i++) expected.set(keyOf(burst * 41 + i), value)
    await db.flush()
  }
  await level0Becomes(db, 2)
  assert.ok(db.stats().levels[0]!.tableCount >= 1, 'the base was not rewritten for them')
  const found = [...db.entriesSync()].map(([key, value]) => [key, value].map((bytes) => Buffer.from(bytes).toString()))
  assert.deepEqual(found, [...expected].sort(([a], [b]) => (a < b ? -1 : 1)))
  await db.close()
})
