/**
 * REC-5: tables that no manifest lists. What history has is debris and goes; what it does not have stays, is told,
 * and is no part of the database; a manifest that has nothing to set against it is an error.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeFileHeader, runSync, SeededRandom, tableFileName } from '../../src/base/index.js'
import { Varve } from '../../src/index.js'
import type { EngineEvent, VarveOptions } from '../../src/index.js'
import { emptyVersion, newLineage } from '../../src/manifest/index.js'
import { MemoryVfs } from '../../src/testing.js'
import { writeManifest } from '../../src/versions/index.js'
import { SMALL, text } from '../support/databases/databases.js'
import { eio, watchedVfs } from '../support/fakes/watched-vfs.js'
import { takeImage, vfsOf, withFile } from '../support/databases/vfs-image.js'
import type { Image } from '../support/databases/vfs-image.js'

const DIR = '/db'

function open(vfs: MemoryVfs, options: VarveOptions = {}): Promise<Varve> {
  return Varve.open(DIR, { ...SMALL, ...options, components: { vfs, ...options.components } })
}

async function writeRound(db: Varve, name: string, count = 10): Promise<void> {
  for (let i = 0; i < count; i++) await db.put(`${name}${i}`, 'v', { sync: true })
}

const filesOf = (image: Image, ending: string) => [...image.keys()].filter((name) => name.endsWith(ending))
const withoutLocks = (image: Image) => new Map([...image].filter(([name]) => !name.includes('lock')))

/** Without the files of some kinds. */
function without(image: Image, ...parts: string[]): Image {
  return new Map([...image].filter(([name]) => !parts.some((part) => name.includes(part))))
}

/** A table that holds ten writes more than the disk has otherwise, as a power loss may leave it. */
async function withLostTail(): Promise<{ image: Image; orphan: string }> {
  const vfs = new MemoryVfs()
  const db = await open(vfs)
  await writeRound(db, 'a')
  const before = takeImage(vfs, DIR)
  await writeRound(db, 'b')
  await db.flush()
  const [orphan] = filesOf(takeImage(vfs, DIR), '.table')
  const bytes = takeImage(vfs, DIR).get(orphan!)!
  await db.close()
  return { image: withFile(before, orphan!, bytes), orphan: orphan! }
}

/** A cleanly closed database with nothing in it, then the same one with a table, from a flush or a compaction. */
async function emptyThenFilled(isCompacted = false): Promise<{ empty: Image; filled: Image }> {
  const vfs = new MemoryVfs()
  await (await open(vfs)).close()
  const empty = takeImage(vfs, DIR)
  const db = await open(vfs)
  await writeRound(db, 'a')
  if (isCompacted) {
    await db.flush()
    await writeRound(db, 'a')
    await db.compact()
  }
  await db.close()
  return { empty, filled: takeImage(vfs, DIR) }
}

async function anotherTable(): Promise<Uint8Array> {
  const { filled } = await emptyThenFilled()
  return filled.get(filesOf(filled, '.table')[0]!)!
}

async function keyCount(db: Varve): Promise<number> {
  const keys = [...db.keysSync()].map(text)
  for (const key of keys) assert.equal(text(await db.get(key!)), 'v')
  return keys.length
}

async function refuses(image: Image, message: RegExp): Promise<void> {
  for (const readOnly of [true, false]) {
    const vfs = vfsOf(image, DIR)
    await assert.rejects(open(vfs, { readOnly }), { name: 'VarveError', message })
    assert.deepEqual(withoutLocks(takeImage(vfs, DIR)), withoutLocks(image))
  }
}

test('a table with writes that nothing else knows stays, is told at each open, and is no part of it', async () => {
  const { image, orphan } = await withLostTail()
  const vfs = vfsOf(image, DIR)
  const kept = [{ file: orphan, reason: 'unknownWrites' }]
  const reader = await open(vfs, { readOnly: true })
  assert.deepEqual([await keyCount(reader), reader.stats().recovery!.keptFiles], [10, kept])
  await reader.close()
  for (let round = 1; round <= 4; round++) {
    const events: EngineEvent[] = []
    const db = await open(vfs, { components: { onEvent: (event) => events.push(event) } })
    assert.equal(await keyCount(db), 10 * round)
    assert.deepEqual(db.stats().recovery!.keptFiles, kept)
    assert.deepEqual(events.filter(({ type }) => type === 'fileKept'), [{ type: 'fileKept', ...kept[0] }])
    await writeRound(db, `${round}-`) // soon history gives out its sequence numbers again
    await db.flush()
    await db.close()
    assert.deepEqual(takeImage(vfs, DIR).get(orphan), image.get(orphan))
  }
})

test('the number of a kept table is not used again, also when the table is moved away', async () => {
  const { image, orphan } = await withLostTail()
  const vfs = vfsOf(image, DIR)
  await (await open(vfs)).close()
  vfs.unlinkSync(`${DIR}/${orphan}`)
  const db = await open(vfs)
  assert.deepEqual(db.stats().recovery!.keptFiles, [])
  for (let round = 0; round < 5; round++) {
    await writeRound(db, `r${round}-`, 1)
    await db.flush()
    assert.ok(!vfs.listSync(DIR).includes(orphan))
  }
  await db.close()
})

test('a table whose writes history has goes, as ever', async () => {
  const { image, orphan } = await withLostTail()
  const vfs = vfsOf(image, DIR)
  const db = await open(vfs)
  await db.close()
  const tables = filesOf(takeImage(vfs, DIR), '.table').filter((name) => name !== orphan)
  const copy = withFile(takeImage(vfs, DIR), tableFileName(900), takeImage(vfs, DIR).get(tables[0]!)!)
  const again = await open(vfsOf(copy, DIR)) // not the number that its header has, but its writes are known
  assert.equal(again.stats().recovery!.orphanTableCount, 1)
  await again.close()
})

test('a table of another database stays, whole or not', async () => {
  const bytes = await anotherTable()
  const { image } = await withLostTail()
  const fresh = new MemoryVfs()
  const killed = await open(fresh)
  await writeRound(killed, 'a', 1)
  for (const base of [without(image, '.table'), takeImage(fresh, DIR)]) {
    for (const end of [bytes.length, bytes.length - 1, 200]) {
      const name = tableFileName(800)
      const vfs = vfsOf(withFile(base, name, bytes.slice(0, end)), DIR)
      for (let opens = 0; opens < 2; opens++) {
        const db = await open(vfs)
        assert.deepEqual(db.stats().recovery!.keptFiles, [{ file: name, reason: 'otherDatabase' }])
        await db.close()
      }
    }
  }
  await killed.close()
})

test('a manifest that lists nothing beside tables that it does not know is an error', async () => {
  for (const isCompacted of [false, true]) {
    const { empty, filled } = await emptyThenFilled(isCompacted)
    const tables = new Map([...filled].filter(([name]) => name.endsWith('.table')))
    const another = (await emptyThenFilled()).empty
    const message = isCompacted ? /holds writes of it|is missing/ : /flushed from log .*, which is gone/
    await refuses(new Map([...without(empty, '.wal'), ...tables]), message)
    await refuses(new Map([...another, ...tables]), /belongs to another database/)
  }
})

test('a manifest that lists no table and no log beside tables of its own is an error', async () => {
  const { filled } = await emptyThenFilled()
  const vfs = vfsOf(without(filled, '.wal', '.manifest', 'marker', 'lock'), DIR)
  const old = filled.get(filesOf(filled, '.manifest')[0]!)!
  const { databaseId } = decodeFileHeader(old, 'varveman', 'manifest')
  const random = new SeededRandom(1)
  const version = { ...emptyVersion, lineage: newLineage(random), lastSeqNum: 1000, logPointer: 50, nextFileNum: 60 }
  const origin = { databaseId, generation: 1, lineage: version.lineage.own, random }
  runSync(runSync(writeManifest({ ...origin, vfs, dir: DIR }, 55, version)).close())
  await refuses(takeImage(vfs, DIR), /speaks of an empty database, but \S+ is there and holds writes of it/)
})

test('an older manifest is an error when what it lists, or what it should list, is gone', async () => {
  const vfs = new MemoryVfs()
  const db = await open(vfs)
  await writeRound(db, 'a')
  const older = takeImage(vfs, DIR)
  await db.flush()
  await writeRound(db, 'b')
  await db.compact()
  await db.close()
  const manifest = filesOf(older, '.manifest')[0]!
  const image = withFile(takeImage(vfs, DIR), manifest, older.get(manifest)!)
  for (const readOnly of [true, false]) {
    const copy = vfsOf(image, DIR)
    await assert.rejects(open(copy, { readOnly }), { name: 'VarveError', message: /is missing|which is gone/ })
    assert.deepEqual(withoutLocks(takeImage(copy, DIR)), withoutLocks(image))
  }
})

test('logs and manifests of another database stay, where they hold something', async () => {
  const vfs = new MemoryVfs()
  for (let opens = 0; opens < 4; opens++) {
    const db = await open(vfs)
    await writeRound(db, `${opens}-`, 1)
    await db.close()
  }
  const mine = takeImage(vfs, DIR)
  const other = (await withLostTail()).image
  const { filled } = await emptyThenFilled()
  const [log, manifest] = [filesOf(other, '.wal')[0]!, filesOf(filled, '.manifest')[0]!]
  const isFree = (name: string) => ![...mine.keys()].some((each) => each.startsWith(name.slice(0, 6)))
  assert.ok(isFree(log) && isFree(manifest))
  const full = withFile(withFile(mine, log, other.get(log)!), manifest, filled.get(manifest)!)
  const disk = vfsOf(withFile(full, '000000.wal', other.get(log)!.slice(0, 128)), DIR)
  const db = await open(disk)
  const kept = db.stats().recovery!.keptFiles.map(({ file, reason }) => `${file} ${reason}`)
  assert.deepEqual(kept.sort(), [`${log} otherDatabase`, `${manifest} otherDatabase`])
  await db.close()
  assert.ok(!disk.listSync(DIR).includes('000000.wal'), 'it had nothing')
})

test('a table that cannot be read stays: nobody knows what it holds', async () => {
  const { image, orphan } = await withLostTail()
  const memory = vfsOf(image, DIR)
  const vfs = watchedVfs(memory, {
    before: ({ name, file }) => {
      if (name === 'read' && file === orphan) throw eio({ name, file })
    },
  })
  const db = await Varve.open(DIR, { ...SMALL, components: { vfs } })
  assert.deepEqual(db.stats().recovery!.keptFiles, [{ file: orphan, reason: 'unreadable' }])
  await db.close()
  assert.ok(memory.listSync(DIR).includes(orphan))
})
