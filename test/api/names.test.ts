/** Names that look like ours and are not, and numbers that leave no room: nothing of them is obeyed or touched. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NAME_NUMBER_MAX } from '../../src/base/index.js'
import { Varve } from '../../src/index.js'
import { MemoryVfs } from '../../src/testing.js'
import { SMALL, text } from '../support/databases/databases.js'
import { takeImage, vfsOf, withFile } from '../support/databases/vfs-image.js'
import type { Image } from '../support/databases/vfs-image.js'

const DIR = '/db'
const BYTES = Uint8Array.of(1, 2, 3)

/** A table, and a log with more. */
async function sample(): Promise<Image> {
  const vfs = new MemoryVfs()
  const db = await Varve.open(DIR, { ...SMALL, components: { vfs } })
  await db.put('a', 'in a table')
  await db.flush()
  await db.put('b', 'in a log', { sync: true })
  const image = takeImage(vfs, DIR)
  await db.close()
  return image
}

/** Files of the image, without those of the lock: they say who was there. */
const withoutLocks = (image: Image): Image => new Map([...image].filter(([name]) => !name.includes('lock')))

async function checkHolds(vfs: MemoryVfs, readOnly: boolean): Promise<number> {
  const db = await Varve.open(DIR, { ...SMALL, readOnly, components: { vfs } })
  assert.deepEqual([...db.keysSync()].map(text), ['a', 'b'])
  const { foreignFileCount } = db.stats().recovery!
  await db.close()
  return foreignFileCount
}

const FOREIGN = [
  '000002.log', '000003.log', '999999.log', 'marker.9007199254740991.000001', 'marker.281474976710656.000001',
  'marker.000009.281474976710656', '9007199254740991.table', '9007199254740991.wal', '281474976710656.manifest',
  '9007199254740992.vlog', 'CURRENT', 'MANIFEST-000004', '000004.ldb', '000004.log.tmp.1.2',
]

test('files of LevelDB, and numbers above all of ours, stay untouched and are counted', async () => {
  let image = await sample()
  for (const name of FOREIGN) image = withFile(image, name, name.startsWith('marker') ? new Uint8Array(0) : BYTES)
  const vfs = vfsOf(image, DIR)
  await checkHolds(vfs, true)
  assert.deepEqual(takeImage(vfs, DIR), image)
  for (let opens = 0; opens < 3; opens++) assert.equal(await checkHolds(vfs, false), FOREIGN.length)
  const after = takeImage(vfs, DIR)
  for (const name of FOREIGN) assert.deepEqual(after.get(name), image.get(name), name)
})

test('a number that leaves no room is refused before anything is changed', async () => {
  const image = await sample()
  const manifest = [...image.keys()].find((name) => name.endsWith('.manifest'))!
  const marker = `marker.${NAME_NUMBER_MAX}.${manifest.split('.')[0]}`
  for (const name of [`${NAME_NUMBER_MAX}.table`, `${NAME_NUMBER_MAX}.wal`, `${NAME_NUMBER_MAX}.manifest`, marker]) {
    const vfs = vfsOf(withFile(image, name, new Uint8Array(0)), DIR)
    const before = withoutLocks(takeImage(vfs, DIR))
    const opening = Varve.open(DIR, { ...SMALL, components: { vfs } })
    await assert.rejects(opening, { code: 'CORRUPTION', file: name, message: /no room/ })
    assert.deepEqual(withoutLocks(takeImage(vfs, DIR)), before)
  }
  const vfs = vfsOf(new Map([[`${NAME_NUMBER_MAX}.manifest`, BYTES]]), DIR)
  await assert.rejects(Varve.open(DIR, { components: { vfs } }), { code: 'CORRUPTION', message: /no room/ })
})

test('temporary files of every kind go at the next open', async () => {
  let image = await sample()
  const temps = ['000900.wal.tmp.1.2', '000900.table.tmp.1.2', '000900.vlog.tmp.1.2', 'probe.tmp.1.2']
  for (const name of temps) image = withFile(image, name, BYTES)
  const vfs = vfsOf(image, DIR)
  await checkHolds(vfs, false)
  assert.deepEqual(vfs.listSync(DIR).filter((name) => name.includes('.tmp.')), [])
})
