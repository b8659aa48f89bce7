/**
 * REC-4: logs that vanish, are emptied or cut while nobody has the database open: after a kill, after a close that
 * leaves a log, beside a pin. LevelDB deletes files that it takes for its own; a careless clean-up does.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FILE_HEADER_BYTES } from '../../src/base/index.js'
import { Varve } from '../../src/index.js'
import type { VarveOptions } from '../../src/index.js'
import { MemoryVfs } from '../../src/testing.js'
import { SMALL, text } from '../support/databases/databases.js'
import { takeImage, vfsOf, withFile } from '../support/databases/vfs-image.js'
import type { Image } from '../support/databases/vfs-image.js'

const DIR = '/db'

async function imageOf(write: (db: Varve) => Promise<void>, options: VarveOptions = {}): Promise<Image> {
  const vfs = new MemoryVfs()
  const db = await Varve.open(DIR, { ...SMALL, ...options, components: { vfs } })
  await write(db)
  const image = takeImage(vfs, DIR)
  await db.close()
  return image
}

/** 100 synced writes, then killed. */
const killed = () => imageOf(async (db) => {
  for (let i = 0; i < 100; i++) await db.put(`k${i}`, 'v', { sync: true })
})

/** Closed, with its log. */
const closedWithLog = () => imageOf(async (db) => {
  for (let i = 0; i < 100; i++) await db.put(`k${i}`, 'v')
  await db.close()
}, { flushOnClose: false })

const logsOf = (image: Image) => [...image.keys()].filter((name) => name.endsWith('.wal'))
/** The newest one with frames. */
const usedLog = (image: Image) => logsOf(image).findLast((name) => image.get(name)!.length > FILE_HEADER_BYTES)!

function without(image: Image, name: string): Image {
  const rest = new Map(image)
  rest.delete(name)
  return rest
}

async function refuses(image: Image, code: string, file: string): Promise<void> {
  for (const readOnly of [true, false]) {
    const vfs = vfsOf(image, DIR)
    await assert.rejects(Varve.open(DIR, { ...SMALL, readOnly, components: { vfs } }), { code, file })
    for (const [name, bytes] of image) {
      if (!name.includes('lock')) assert.deepEqual(takeImage(vfs, DIR).get(name), bytes, name)
    }
  }
}

async function keyCount(image: Image): Promise<number> {
  const db = await Varve.open(DIR, { ...SMALL, readOnly: true, components: { vfs: vfsOf(image, DIR) } })
  const count = [...db.keysSync()].length
  await db.close()
  return count
}

for (const [name, make] of Object.entries({ killed, closedWithLog })) {
  test(`the only log of a database is missing or has lost its header: ${name}`, async () => {
    const image = await make()
    const log = usedLog(image)
    assert.equal(await keyCount(image), 100)
    await refuses(without(image, log), 'MISSING_FILE', log)
    for (const bytes of [0, 1, FILE_HEADER_BYTES - 1]) {
      await refuses(withFile(image, log, image.get(log)!.slice(0, bytes)), 'CORRUPTION', log)
    }
  })
}

test('a close says where each log ends: one that is cut anywhere is an error', async () => {
  const image = await closedWithLog()
  const log = usedLog(image)
  const bytes = image.get(log)!
  for (let cut = 0; cut < bytes.length; cut += 61) {
    await refuses(withFile(image, log, bytes.slice(0, cut)), 'CORRUPTION', log)
  }
  const longer = new Uint8Array(bytes.length + 500).fill(0xaa)
  longer.set(bytes)
  assert.equal(await keyCount(withFile(image, log, longer)), 100, 'what stands behind the end does not count')
})

test('each edit says how much of the current log is synced', async () => {
  const image = await imageOf(async (db) => {
    await db.pins.acquire('p')
    for (let i = 0; i < 50; i++) await db.put(`k${i}`, 'v', { sync: true })
    await db.pins.release('p') // an edit
    await db.put('unsynced', 'v')
  })
  const log = usedLog(image)
  const bytes = image.get(log)!
  const usedBytes = bytes.findLastIndex((byte) => byte !== 0)
  await refuses(withFile(image, log, bytes.slice(0, usedBytes - 300)), 'CORRUPTION', log)
  assert.equal(await keyCount(withFile(image, log, bytes.slice(0, usedBytes - 10))), 50)
})

test('a log that took over while an edit was written must be there', async () => {
  const image = await imageOf(async (db) => {
    await db.put('first', 'v')
    await db.flush()
    await db.put('second', 'v', { sync: true })
  })
  const log = usedLog(image)
  assert.equal(await keyCount(image), 2)
  await refuses(without(image, log), 'MISSING_FILE', log)
})

test('the log of another database, or of another number, is not taken for the one that is missing', async () => {
  const [mine, other] = [await killed(), await killed()]
  const log = usedLog(mine)
  await refuses(withFile(mine, log, other.get(log)!), 'CORRUPTION', log)
  const spare = logsOf(mine).find((name) => name !== log)
  if (spare !== undefined) await refuses(withFile(mine, log, mine.get(spare)!), 'CORRUPTION', log)
})

test('a kept log that is gone is an error for its reader, and for nobody else', async () => {
  const image = await imageOf(async (db) => {
    await db.pins.acquire('p')
    for (let i = 0; i < 10; i++) await db.put(`k${i}`, 'v')
    await db.flush()
    await db.put('later', 'v')
    await db.close()
  })
  const kept = usedLog(image)
  const vfs = vfsOf(without(image, kept), DIR)
  const db = await Varve.open(DIR, { ...SMALL, components: { vfs } })
  assert.deepEqual([...db.keysSync()].map(text).length, 11)
  await assert.rejects(async () => {
    for await (const batch of db.pins.read('p')) assert.ok(batch.log > 0)
  }, { code: 'MISSING_FILE', file: kept })
  await db.close()
})
