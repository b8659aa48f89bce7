/** All tables of a database have the seed of its manifest, whoever writes them, and keep it over opens. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hashSeedBytes } from '../../src/base/index.js'
import { Varve } from '../../src/index.js'
import { MemoryVfs } from '../../src/testing.js'
import { SMALL, text } from '../support/databases/databases.js'
import { takeImage, vfsOf } from '../support/databases/vfs-image.js'
import { versionIn } from '../support/samples/manifest-crafting.js'
import { partsOf } from '../support/samples/table-crafting.js'

const DIR = '/db'

/** The seed in the manifest, and those of the tables; each must be a seed of eight bytes. */
function seeds(vfs: MemoryVfs): { own: string; tables: string[]; salts: string[] } {
  const files = [...takeImage(vfs, DIR)]
  const [name, manifest] = files.filter(([each]) => each.endsWith('.manifest')).at(-1)!
  const tables = files.filter(([each]) => each.endsWith('.table')).map(([, bytes]) => partsOf(bytes))
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
  return {
    own: hex(hashSeedBytes(versionIn(manifest, Number.parseInt(name, 10)).hashSeed!)),
    tables: tables.map(({ properties }) => hex(properties.hashSeed)),
    salts: tables.map(({ header }) => hex(header.salt)),
  }
}

test('flushes, compactions and replays write tables with one seed', async () => {
  let vfs = new MemoryVfs()
  const known = new Set<string>()
  for (let life = 0; life < 4; life++) {
    const db = await Varve.open(DIR, { ...SMALL, components: { vfs } })
    for (let i = 0; i < 50; i++) await db.put(`key ${i}`, `${life} ${i}`)
    await db.flush()
    if (life === 1) await db.compact()
    await db.put(`replayed ${life}`, 'by the next open', { sync: true })
    for (let i = 0; i < 50; i++) assert.equal(text(db.getSync(`key ${i}`)), `${life} ${i}`)
    const killed = takeImage(vfs, DIR)
    await db.close()
    if (life > 1) vfs = vfsOf(killed, DIR)
    const { own, tables, salts } = seeds(vfs)
    known.add(own)
    assert.ok(tables.length > 0 && tables.every((each) => each === own), `${own}: ${tables.join()}`)
    assert.ok(!salts.includes(own))
  }
  assert.equal(known.size, 1)
  const other = new MemoryVfs()
  await (await Varve.open(DIR, { ...SMALL, components: { vfs: other } })).close()
  assert.ok(!known.has(seeds(other).own))
})
