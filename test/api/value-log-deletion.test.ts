/**
 * The files of value logs go as soon as nothing points to them and nobody can read or needs them: at once, or at the
 * next open, whatever happened before.
 */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { newFileHeader, runSync, SeededRandom, tableFileName, vlogFileName } from '../../src/base/index.js'
import { Varve } from '../../src/index.js'
import type { EngineEvent, VarveOptions } from '../../src/index.js'
import { applyEdits } from '../../src/manifest/index.js'
import type { VersionEdit } from '../../src/manifest/index.js'
import { writeManifest } from '../../src/versions/index.js'
import { MemoryVfs } from '../../src/vfs/index.js'
import { ValueLogWriter } from '../../src/vlog/index.js'
import { SMALL } from '../support/databases/databases.js'
import { DATABASE_ID, makeDatabase, sampleEntries, valueOf } from '../support/databases/value-databases.js'
import type { DatabasePlan } from '../support/databases/value-databases.js'

const DIR = '/db'
const opened: Varve[] = []
after(async () => {
  for (const db of opened) await db.close().catch(() => undefined)
})

const entries = sampleEntries()
const apart = entries.filter(({ log }) => log !== undefined)

/** The edit of a compaction of which nothing is left. */
const nothingLeft: VersionEdit = { deleteTables: [{ level: 1, fileNum: 20 }] }

/** A database with the value logs 12, a promoted log, and 14; `edits` change what its manifest says. */
function newVfs(edits: VersionEdit[] = [], plan: Partial<DatabasePlan> = {}): MemoryVfs {
  const vfs = new MemoryVfs()
  vfs.mkdirSync(DIR)
  const { version } = makeDatabase(vfs, DIR, { entries, ...plan })
  if (edits.length === 0) return vfs
  if (edits.includes(nothingLeft)) vfs.unlinkSync(`${DIR}/${tableFileName(20)}`)
  const origin = { databaseId: DATABASE_ID, generation: 1, lineage: 77, random: new SeededRandom(3) }
  runSync(runSync(writeManifest({ ...origin, vfs, dir: DIR }, 22, applyEdits(version, edits))).close())
  return vfs
}

async function open(vfs: MemoryVfs, options: VarveOptions = {}): Promise<Varve> {
  const db = await Varve.open(DIR, { ...SMALL, ...options, components: { vfs, ...options.components } })
  opened.push(db)
  return db
}

/** Gives the names of value logs that are there, promoted ones too. */
const valueLogsIn = (vfs: MemoryVfs): string[] =>
  vfs.listSync(DIR).filter((name) => name.endsWith('.vlog') || name === '000012.wal').sort()
/** Waits for what happens in the background; fails after ten seconds. */
async function eventually(isTrue: () => boolean): Promise<void> {
  for (let i = 0; !isTrue(); i++) {
    assert.ok(i < 1000, 'it has not come true')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

const gone = (vfs: MemoryVfs): Promise<void> => eventually(() => valueLogsIn(vfs).length === 0)

async function deleteAll(db: Varve): Promise<void> {
  await db.batch(entries.map(({ key }) => ({ type: 'del', key })))
  await db.compact()
}

for (const manifestSync of [true, false]) {
  const mode = manifestSync ? 'strict' : 'fast'
  test(`S7, S14: ${mode}: when everything is deleted, everything comes back without a call`, async () => {
    const vfs = newVfs()
    const events: EngineEvent[] = []
    const db = await open(vfs, { manifestSync, syncIntervalMs: 10, components: { onEvent: (it) => events.push(it) } })
    const before = db.stats().valueLog
    assert.deepEqual([before.fileCount, before.files.map(({ heldBy }) => heldBy)], [2, ['table', 'table']])
    assert.equal(before.liveBytes, apart.reduce((sum, { value }) => sum + value.length, 0))
    await deleteAll(db)
    await gone(vfs)
    const { fileCount, heldBytes, removedCount } = db.stats().valueLog
    assert.deepEqual([fileCount, heldBytes, removedCount], [0, 0, 2])
    const removed = events.flatMap((it) => (it.type === 'valueLogRemoved' ? [it.valueLog] : []))
    assert.deepEqual(removed.sort(), [12, 14])
    await db.close()
    assert.deepEqual(await [...(await open(vfs)).keysSync()], [])
  })

  test(`VLG-8, S6: ${mode}: a file stays while an iterator may read it, and goes when that is closed`, async () => {
    const vfs = newVfs()
    const db = await open(vfs, { manifestSync, syncIntervalMs: 10 })
    const kept = entries.filter(({ log }) => log !== 14)
    await db.batch(entries.filter(({ log }) => log === 14).map(({ key }) => ({ type: 'del', key })))
    await db.flush()
    const iterator = db.entriesSync()[Symbol.iterator]()
    const seen = [iterator.next().value!]
    await db.compact()
    await eventually(() => db.stats().valueLog.fileCount === 1)
    const { heldCount, heldBytes, files } = db.stats().valueLog
    assert.deepEqual([heldCount, files.map(({ heldBy }) => heldBy)], [1, ['table', 'reader']])
    assert.equal(heldBytes, files[1]!.fileBytes)
    assert.deepEqual(valueLogsIn(vfs), ['000012.wal', '000014.vlog'])
    for (let next = iterator.next(); next.done !== true; next = iterator.next()) seen.push(next.value)
    assert.equal(seen.length, kept.length)
    seen.forEach(([, value], i) => assert.deepEqual(Buffer.from(value), Buffer.from(kept[i]!.value)))
    await eventually(() => valueLogsIn(vfs).length === 1)
    assert.equal(db.stats().valueLog.heldCount, 0)
  })
}

test('what a snapshot sees keeps its files', async () => {
  const vfs = newVfs()
  const db = await open(vfs)
  const snapshot = db.snapshot()
  await deleteAll(db)
  assert.equal(valueLogsIn(vfs).length, 2)
  for (const { key, value } of entries) {
    assert.deepEqual(Buffer.from(db.getSync(key, { snapshot })!), Buffer.from(value))
  }
  snapshot.release()
  await db.compact()
  await gone(vfs)
})

test('VLG-5: overwriting some values leaves the others where they are, and what is live is counted', async () => {
  const vfs = newVfs()
  // Otherwise they would be moved.
  const db = await open(vfs, { garbageRatio: 0.95 })
  const [overwritten, kept] = [apart.slice(0, 10), apart.slice(10)]
  await db.batch(overwritten.map(({ key }) => ({ type: 'put', key, value: 'small' })))
  await db.compact()
  for (const { key, value } of kept) assert.deepEqual(Buffer.from(db.getSync(key)!), Buffer.from(value))
  const { valueLog } = db.stats()
  const bytesIn = (log: number, list: typeof apart): number =>
    list.reduce((sum, entry) => sum + (entry.log === log ? entry.value.length : 0), 0)
  for (const { fileNum, isLog, fileBytes, putBytes, liveBytes, garbageBytes } of valueLog.files) {
    assert.equal(putBytes, bytesIn(fileNum, apart))
    assert.equal(liveBytes, bytesIn(fileNum, kept))
    assert.equal(garbageBytes, (isLog ? fileBytes : putBytes) - liveBytes)
  }
  await db.close()
  const again = await open(vfs)
  assert.deepEqual(again.stats().valueLog, { ...valueLog, removedCount: 0, readCount: 0, readBytes: 0 })
})

test('S12: a crash before the sweep leaves files without live values: the next open removes them', async () => {
  const vfs = newVfs([nothingLeft])
  assert.equal(valueLogsIn(vfs).length, 2)
  const reader = await open(vfs, { readOnly: true })
  assert.deepEqual(reader.stats().valueLog.files.map(({ heldBy }) => heldBy), [null, null])
  await reader.close()
  const db = await open(vfs)
  assert.equal(db.stats().valueLog.fileCount, 0)
  await gone(vfs)
})

test('VLG-9, A15: a promoted log that a pin keeps stays over restarts, and counts when its values died', async () => {
  const pinned: VersionEdit = { addPins: [{ name: 'follower', firstLog: 12 }] }
  const vfs = newVfs([pinned])
  let db = await open(vfs)
  const promoted = db.stats().valueLog.files.find(({ isLog }) => isLog)
  assert.ok(db.stats().wal.logBytes < promoted!.fileBytes, 'what tables need is not there for the pin')
  await deleteAll(db)
  await eventually(() => db.stats().valueLog.fileCount === 1)
  for (let round = 0; round < 2; round++) {
    const { files, heldCount } = db.stats().valueLog
    assert.deepEqual([files.map(({ fileNum, heldBy }) => [fileNum, heldBy]), heldCount], [[[12, 'pin']], 1])
    assert.ok(db.stats().wal.logBytes >= files[0]!.fileBytes)
    await eventually(() => valueLogsIn(vfs).join(' ') === '000012.wal')
    await db.close()
    db = await open(vfs)
  }
  await db.pins.release('follower')
  await gone(vfs)
})

test('A15: a pin that keeps too much is dropped when the values of its logs die, and an event names it', async () => {
  const vfs = newVfs([{ addPins: [{ name: 'follower', firstLog: 12 }] }])
  const events: EngineEvent[] = []
  const db = await open(vfs, { pinBytesMax: 200_000, components: { onEvent: (it) => events.push(it) } })
  assert.deepEqual(db.pins.list().map(({ name }) => name), ['follower'])
  await deleteAll(db)
  await gone(vfs)
  assert.deepEqual(events.flatMap((it) => (it.type === 'pinDropped' ? [it.name] : [])), ['follower'])
})

test('A15: a streamed file stays while a pin keeps the log that names it', async () => {
  const facts: DatabasePlan['facts'] = (it) => (it.fileNum === 14 ? { ...it, namedInLog: 13 } : it)
  const vfs = newVfs([{ addPins: [{ name: 'follower', firstLog: 13 }] }, nothingLeft], { facts })
  const db = await open(vfs)
  assert.deepEqual(db.stats().valueLog.files.map(({ fileNum, heldBy }) => [fileNum, heldBy]), [[14, 'pin']])
  await db.pins.release('follower')
  await gone(vfs)
})

/** Writes a value log that no manifest lists, with values of these sequence numbers. */
function writeOrphan(vfs: MemoryVfs, fileNum: number, seqNums: number[], databaseId = DATABASE_ID): string {
  const name = vlogFileName(fileNum)
  const origin = { databaseId, generation: 1, lineage: 77, random: new SeededRandom(1) }
  const header = newFileHeader('varvevlg', origin, fileNum)
  const file = vfs.openSync(`${DIR}/${name}`, 'create')
  const writer = new ValueLogWriter(file, name, header)
  const key = new TextEncoder().encode('key')
  for (const seqNum of seqNums) {
    const value = valueOf(5000 * (1 + seqNum % 20), seqNum)
    writer.stage(key, 0, key.length, seqNum, 1)
    writer.add(value, 0, value.length, 0, 0)
  }
  writer.finish()
  file.closeSync()
  return name
}

test('REC-5: value logs that no manifest lists go if history has what they hold, and stay if it has not', async () => {
  const vfs = newVfs()
  const many = Array.from({ length: 60 }, (_, i) => i + 1)
  const debris = [writeOrphan(vfs, 30, many), writeOrphan(vfs, 31, [0]), writeOrphan(vfs, 32, [9, 999])]
  const cut = vfs.openSync(`${DIR}/${debris[2]}`, 'write')
  cut.truncateSync(cut.sizeSync() - 40)
  cut.closeSync()
  vfs.openSync(`${DIR}/000033.vlog.tmp.7.8`, 'create').closeSync()
  const kept = [
    { file: writeOrphan(vfs, 34, [...many, 61, 3]), reason: 'unknownWrites' },
    { file: writeOrphan(vfs, 35, [1], new Uint8Array(16)), reason: 'otherDatabase' },
  ]
  for (let round = 0; round < 3; round++) {
    const db = await open(vfs)
    const { keptFiles, orphanValueLogCount, tempFileCount } = db.stats().recovery!
    assert.deepEqual(keptFiles, kept)
    assert.deepEqual([orphanValueLogCount, tempFileCount], round === 0 ? [3, 1] : [0, 0])
    for (const { key, value } of entries) assert.deepEqual(Buffer.from(db.getSync(key)!), Buffer.from(value))
    for (let i = 0; i < 30; i++) await db.put(`more ${round} ${i}`, 'v') // soon history has such numbers
    await db.close()
  }
  const left = vfs.listSync(DIR).filter((name) => name.includes('vlog')).sort()
  assert.deepEqual(left, ['000014.vlog', ...kept.map(({ file }) => file)])
})
