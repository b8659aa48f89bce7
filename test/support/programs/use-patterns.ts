/**
 * What: programs of users that once stopped writers for ever, left a table for each flush or session, or left deleted
 * data where it was. Each takes its size as an argument.
 */
import assert from 'node:assert/strict'
import { Varve } from '../../../src/index.js'
import type { VarveOptions } from '../../../src/index.js'
import { SimVfs } from '../../../src/testing.js'
import { openOn } from '../model/workload.js'

/** The place where the databases of one program live; `open` opens it again. */
export interface Site {
  open(options?: VarveOptions): Promise<Varve>
  /** Gives the names in its directory. */
  names(): string[]
  /** Resolves after this many milliseconds of the database's clock. */
  pause(ms: number): Promise<void>
}

/** Seconds until what happens by itself has happened, on a machine that does much else. */
const SECONDS_MAX = 120

const userKey = (user: number, i: number): string =>
  `user${String(user).padStart(3, '0')}/${String(i).padStart(6, '0')}`

const level0Of = (db: Varve): number => db.stats().levels[0]!.tableCount
const tablesOf = (db: Varve): number => db.stats().levels.reduce((sum, { tableCount }) => sum + tableCount, 0)

/** Lets many users share one table; then each writes a little and flushes; then a large import comes. */
export async function usersThenImport(site: Site, rows: number, imported: number): Promise<void> {
  const db = await site.open({ writeBufferSize: 256 * 1024 })
  const users = Array.from({ length: 60 }, (_, user) => user)
  for (let i = 0; i < rows; i++) {
    await db.batch(users.map((user) => ({ type: 'put', key: userKey(user, i), value: Buffer.alloc(2000) })))
  }
  await db.compact()
  for (const user of users) {
    for (let i = 0; i < 10; i++) await db.put(userKey(user, i) + '+', 'x')
    await db.flush()
    assert.ok(level0Of(db) < 36, `${level0Of(db)} tables in level 0`)
  }
  for (let i = 0; i < imported; i++) await db.put(`import/${i}`, Buffer.alloc(2000))
  assert.equal(db.getSync(`import/${imported - 1}`)?.length, 2000)
  await db.close()
}

/** Writes one ascending key and flushes, again and again. */
export async function flushesInALoop(site: Site, count: number): Promise<void> {
  const db = await site.open()
  let most = 0
  for (let i = 0; i < count; i++) {
    await db.put(`k${String(i).padStart(6, '0')}`, 'v')
    await db.flush()
    most = Math.max(most, tablesOf(db))
  }
  assert.ok(most <= 36 + 33, `${most} tables at a time`)
  for (let second = 0; second < SECONDS_MAX && tablesOf(db) > 7; second++) await site.pause(1000)
  assert.ok(tablesOf(db) <= 7, `${tablesOf(db)} tables at rest`)
  assert.equal([...db.keysSync()].length, count)
  await db.close()
}

/** Opens, makes one put and closes, again and again; `keyOf` gives the key. */
export async function shortSessions(site: Site, count: number, keyOf: (i: number) => string): Promise<number> {
  const keys = new Set<string>()
  let most = 0
  for (let i = 0; i < count; i++) {
    const db = await site.open()
    await db.put(keyOf(i), `v${i}`)
    keys.add(keyOf(i))
    await db.close()
    most = Math.max(most, site.names().length)
  }
  assert.ok(most <= 20, `${most} files: ${site.names().join(' ')}`)
  const db = await site.open()
  assert.equal([...db.keysSync()].length, keys.size)
  assert.equal(Buffer.from(db.getSync(keyOf(count - 1))!).toString(), `v${count - 1}`)
  await db.close()
  return most
}

/** Deletes everything after the database had nothing to do for a while; nothing else is written. */
export async function deletedAfterAPause(site: Site, count: number): Promise<void> {
  const db = await site.open()
  for (let i = 0; i < count; i++) await db.put(`k${i}`, Buffer.alloc(200))
  await db.flush()
  await db.compact()
  await site.pause(4000)
  for (let i = 0; i < count; i++) await db.del(`k${i}`)
  for (let second = 0; second < SECONDS_MAX && tablesOf(db) > 0; second++) await site.pause(1000)
  assert.equal(tablesOf(db), 0, 'its space comes back by itself')
  await db.close()
}

/** Kills each process right after its only write. */
export async function killedSessions(count: number): Promise<number> {
  let vfs = new SimVfs({ seed: 3 })
  let most = 0
  for (let i = 0; i < count; i++) {
    const db = await openOn(vfs, { seed: i, settings: { compaction: { style: 'leveled' } } })
    most = Math.max(most, tablesOf(db))
    await db.put(`k${String(i).padStart(6, '0')}`, 'v')
    vfs = vfs.cloneKilled(i)
  }
  const db = await openOn(vfs, { seed: count, settings: { compaction: { style: 'leveled' } } })
  assert.equal([...db.keysSync()].length, count)
  await db.close()
  assert.ok(most <= 45, `${most} tables`)
  return most
}
