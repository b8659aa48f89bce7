// @ts-check
// Writes test/fixtures/<format>/database-*: small databases as this version makes them, for the test that
// later versions still open them. What is there already is never written again: a released format does
// not change. Run after a build: node scripts/make-fixtures.mjs
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { FORMAT_VERSION } from '../dist/src/base/index.js'
import { Varve } from '../dist/src/index.js'
import { MemoryVfs } from '../dist/src/testing.js'

const target = path.join(path.dirname(fileURLToPath(import.meta.url)), `../test/fixtures/format-${FORMAT_VERSION}`)

/** The same numbers each time: fixtures can be compared. */
function countingRandom() {
  let next = 1
  return {
    u32: () => (next = Math.imul(next, 1_664_525) + 1_013_904_223) >>> 0,
    /** @param {Uint8Array} bytes */
    fill(bytes) {
      for (let i = 0; i < bytes.length; i++) bytes[i] = this.u32() >>> 24
    },
  }
}

/** @type {Record<string, (db: Varve) => Promise<void>>} */
const endings = {
  /** Killed: a log with synced and unsynced batches, one of several operations, one with a position. */
  async killed(db) {
    await db.put('log: synced', 'one', { sync: true })
    await db.del('table: 3')
    await db.batch([
      { type: 'put', key: 'log: batch', value: Buffer.alloc(2000, 'b') },
      { type: 'put', key: 'table: 4', value: 'newer' },
      { type: 'del', key: '' },
    ], { position: Buffer.from('position 7') })
    await db.put(Uint8Array.of(0xff, 0, 0xfe), Uint8Array.of(0, 0xff))
  },
  async closed(db) {
    await db.put('closed', 'yes')
    await db.close()
  },
}

/** @param {MemoryVfs} vfs @param {string} dir */
function save(vfs, dir) {
  mkdirSync(dir, { recursive: true })
  for (const name of vfs.listSync('/db')) {
    if (name.startsWith('lock')) continue
    const file = vfs.openSync(`/db/${name}`, 'read')
    const bytes = new Uint8Array(file.sizeSync())
    file.readSync(bytes, 0, bytes.length, 0)
    writeFileSync(path.join(dir, name), bytes)
  }
}

/** @param {Varve} db */
function contentOf(db) {
  const hex = (/** @type {Uint8Array} */ bytes) => Buffer.from(bytes).toString('hex')
  return [...db.entriesSync()].map(([key, value]) => `${hex(key)} ${hex(value)}`)
}

for (const [name, ending] of Object.entries(endings)) {
  const dir = path.join(target, `database-${name}`)
  if (existsSync(dir)) {
    console.log(`${dir} is there already`)
    continue
  }
  const vfs = new MemoryVfs()
  const options = { writeBufferSize: 65_536, blockSize: 1024, components: { vfs, random: countingRandom() } }
  const db = await Varve.open('/db', options)
  await db.put('', 'the empty key')
  for (let i = 0; i < 40; i++) await db.put(`table: ${i}`, `value ${i} `.repeat(i % 8))
  await db.flush()
  await db.put('second table', 'x')
  await db.flush()
  await ending(db)
  save(vfs, dir)
  const reader = await Varve.open('/db', { ...options, readOnly: true })
  const { position } = reader
  const expected = { position: position === null ? null : Buffer.from(position).toString(), entries: contentOf(reader) }
  writeFileSync(path.join(target, `database-${name}.json`), `${JSON.stringify(expected, null, 1)}\n`)
  await reader.close()
  await db.close()
  console.log(`${dir} written`)
}
