/** `db.checkpoint`: one moment of a database that goes on, as a directory of its own. */
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, renameSync, statSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { parseFileName } from '../../src/base/index.js'
import { Varve, VarveError } from '../../src/index.js'
import type {
  CheckpointOptions, EngineEvent, OpenMode, Progress, VarveOptions, VfsFile,
} from '../../src/index.js'
import { MemoryVfs } from '../../src/testing.js'
import { newDirectory, onEach, Place, SMALL, text } from '../support/databases/databases.js'
import { directoryState } from '../support/databases/directory-state.js'
import { entriesOf as entriesOfKeys, makeFile } from '../support/databases/outside-files.js'
import { openSim } from '../support/databases/simulated.js'
import { SimVfs } from '../../src/testing.js'

const LARGE = 'large'.repeat(2000)

/** Tables, a value log and a log with entries. */
async function fill(db: Varve): Promise<void> {
  for (let i = 0; i < 40; i++) await db.put(`key ${i}`, i % 4 === 0 ? `${i} ${LARGE}` : `${i}`)
  await db.flush()
  for (let i = 40; i < 45; i++) await db.put(`key ${i}`, `${i}`)
}

async function refused(made: Promise<unknown>): Promise<VarveError> {
  const error = await made.then(() => assert.fail('it was not refused'), (thrown: unknown) => thrown)
  assert.ok(VarveError.is(error), String(error))
  return error
}

function entriesOf(db: Varve): string[] {
  return [...db.entriesSync()].map(([key, value]) => `${text(key)}=${text(value)}`)
}

const byName = (dir: string): Map<string, { ino: number; nlink: number }> =>
  new Map(readdirSync(dir).map((name) => [name, statSync(path.join(dir, name))]))

test('a checkpoint is a database of its own, on each platform', async () => {
  await onEach(async (place) => {
    const db = await place.open({ valueThreshold: 1024 })
    await fill(db)
    const before = entriesOf(db)
    const target = `${place.location}-copy`
    const { seqNum, fileCount, linkedBytes, reusedBytes, durationMs } = await db.checkpoint(target)
    assert.deepEqual([seqNum, reusedBytes, fileCount > 2, linkedBytes > 0, durationMs >= 0], [45, 0, true, true, true])
    await db.clear()
    await db.compact()
    const copy = await Varve.open(target, { components: place.vfs === null ? {} : { vfs: place.vfs } })
    assert.deepEqual(entriesOf(copy), before)
    await copy.put('key 0', 'of the copy')
    await copy.close()
    assert.deepEqual(entriesOf(db), [])
  })
})

test('CP-2, C4: only what never changes again is a link: no open log, no manifest, no marker, no lock', async () => {
  const place = new Place('node')
  const db = await place.open({ valueThreshold: 1024 })
  await fill(db)
  const target = newDirectory()
  const current = db.stats().wal.logNum
  await db.checkpoint(target, { mode: 'link', logs: 'keep' })
  await db.put('behind', 'it')
  const source = byName(place.location)
  const kinds = new Set<string>()
  for (const [name, { ino }] of byName(target)) {
    const parsed = parseFileName(name)!
    const mayBeLink = parsed.kind === 'table' || parsed.kind === 'vlog' || parsed.kind === 'log'
    if (source.has(name)) assert.equal(source.get(name)!.ino === ino, mayBeLink, name) // or its flush is done by now
    assert.notEqual(parsed.kind, 'lock')
    if (parsed.kind === 'log') assert.ok(parsed.fileNum <= current && db.stats().wal.logNum > current, 'rotated away')
    kinds.add(parsed.kind)
  }
  assert.deepEqual([...kinds].sort(), ['log', 'manifest', 'marker', 'table'])
  await place.close()
})

test('CP-3, CP-7, C8: a clone that is written, flushed and opened again changes no byte of its source', async () => {
  const place = new Place('node')
  const db = await place.open({ valueThreshold: 1024 })
  await fill(db)
  const target = newDirectory()
  await db.checkpoint(target, { mode: 'link', logs: 'keep' })
  await db.close()
  const withoutLinks = (line: string): string => line.replace(/ \d+ (?=\w+$)/, ' ') // the count of links is in ctime
  const before = directoryState(place.location).map(withoutLinks)
  for (let i = 0; i < 4; i++) {
    const clone = await Varve.open(target, { ...SMALL, compaction: {}, valueThreshold: 512 })
    for (let k = 0; k < 60; k++) await clone.put(`key ${k}`, `${i} ${LARGE}`)
    await clone.compact()
    await clone.collectGarbage({ ratio: 0.05 })
    await clone.close()
  }
  assert.deepEqual(directoryState(place.location).map(withoutLinks), before)
})

test('C1, C2, C13, HOLD-1: what compactions replace stays until the checkpoint has it, and goes then', async () => {
  const vfs = new MemoryVfs()
  let letGo = (): void => undefined
  const gate = new Promise<void>((resolve) => (letGo = resolve))
  const open = async (file: string, mode: OpenMode): Promise<VfsFile> => {
    if (file.startsWith('/copy')) await gate
    return vfs.open(file, mode)
  }
  const gated = Object.create(vfs, { open: { value: open } }) as MemoryVfs
  const options: VarveOptions = {
    ...SMALL, workers: 0, compaction: {}, valueThreshold: 1024, components: { vfs: gated },
  }
  const db = await Varve.open('/db', options)
  await fill(db)
  const before = entriesOf(db)
  const made = db.checkpoint('/copy', { mode: 'copy', logs: 'keep' })
  while (db.stats().files.holds.length === 0) await new Promise(setImmediate)
  const [hold] = db.stats().files.holds
  assert.equal(hold!.owner, 'checkpoint')
  assert.deepEqual(db.stats().operations.map(({ kind }) => kind), ['checkpoint'])
  await db.clear()
  await db.compact()
  await db.collectGarbage({ ratio: 0.05 })
  assert.ok(db.stats().files.deleteWaitingCount > 0, 'they are held')
  letGo()
  await made
  assert.deepEqual(db.stats().files.holds, [], 'HOLD-2')
  while (db.stats().files.deleteWaitingCount > 0) await new Promise(setImmediate)
  assert.equal(vfs.listSync('/db').filter((name) => name.endsWith('.table')).length, 0)
  await db.close()
  const copy = await Varve.open('/copy', options)
  assert.deepEqual(entriesOf(copy), before)
  await copy.close()
})

test('C3, C9, C15: a batch is in a checkpoint whole or not at all', async () => {
  const vfs = new MemoryVfs()
  const options = { ...SMALL, workers: 0, components: { vfs } }
  const db = await Varve.open('/db', options)
  let isOver = false
  const writer = (async () => {
    for (let i = 0; !isOver; i++) {
      await db.batch([{ type: 'put', key: 'a', value: `${i}` }, { type: 'put', key: 'b', value: `${i}`.padEnd(900) }])
    }
  })()
  for (let i = 0; i < 12; i++) {
    await db.checkpoint(`/copy${i}`)
    const copy = await Varve.open(`/copy${i}`, options)
    assert.equal(text(copy.getSync('b'))?.trim(), text(copy.getSync('a')))
    await copy.close()
  }
  isOver = true
  await writer
  await db.close()
})

test('C7: without logs, everything acknowledged before the call is in, whatever other flushes do', async () => {
  const vfs = new MemoryVfs()
  const options = { ...SMALL, workers: 0, components: { vfs } }
  const db = await Varve.open('/db', options)
  for (let i = 0; i < 20; i++) {
    await db.put(`key ${i}`, 'x'.repeat(5000))
    const flushing = db.flush()
    await db.put('last', `${i}`)
    const made = db.checkpoint(`/copy${i}`, { logs: 'flush' })
    void db.put('later', `${i}`)
    void db.flush()
    const { seqNum } = await made
    await flushing
    assert.ok(!vfs.listSync(`/copy${i}`).some((name) => name.endsWith('.wal')))
    const copy = await Varve.open(`/copy${i}`, options)
    assert.equal(copy.stats().database.visibleSeq, seqNum)
    assert.equal(text(copy.getSync('last')), `${i}`)
    await copy.close()
  }
  await db.close()
})

test('C10: no path is in a database: a checkpoint opens wherever it is moved', async () => {
  const place = new Place('node')
  const db = await place.open()
  await fill(db)
  const target = newDirectory()
  await db.checkpoint(target)
  renameSync(target, `${target}-moved`)
  const copy = await Varve.open(`${target}-moved`)
  assert.deepEqual(entriesOf(copy), entriesOf(db))
  await copy.close()
  await place.close()
})

test('C14: a log that a checkpoint took along is missed', async () => {
  const place = new Place('node')
  const db = await place.open()
  await fill(db)
  const target = newDirectory()
  await db.checkpoint(target, { logs: 'keep' })
  const log = readdirSync(target).find((name) => name.endsWith('.wal'))!
  unlinkSync(path.join(target, log))
  assert.equal((await refused(Varve.open(target))).code, 'MISSING_FILE')
  await place.close()
})

test('CP-8: the log of a sibling is never replayed', async () => {
  const vfs = new MemoryVfs()
  const options: VarveOptions = { ...SMALL, workers: 0, components: { vfs }, flushOnClose: false }
  const db = await Varve.open('/db', options)
  await db.put('a', '1')
  for (const target of ['/one', '/two']) await db.checkpoint(target)
  await db.close()
  for (const target of ['/one', '/two']) {
    const clone = await Varve.open(target, options)
    await clone.put('of', target)
    await clone.close()
  }
  const log = vfs.listSync('/one').find((name) => name.endsWith('.wal'))!
  vfs.linkSync(`/one/${log}`, '/two/999999.wal')
  const other = vfs.listSync('/two').find((name) => name.endsWith('.wal') && name !== '999999.wal')!
  vfs.unlinkSync(`/two/${other}`)
  vfs.renameSync('/two/999999.wal', `/two/${other}`)
  assert.equal((await refused(Varve.open('/two', options))).code, 'CORRUPTION')
})

test('CP-6: writers wait for one rotation, and reads and writes go on while bytes are copied', async () => {
  const vfs = new MemoryVfs()
  const events: EngineEvent[] = []
  const onEvent = (event: EngineEvent): void => void events.push(event)
  const options = { ...SMALL, workers: 0, components: { vfs, onEvent } }
  const db = await Varve.open('/db', options)
  await fill(db)
  events.length = 0
  const told: Progress[] = []
  let isMade = false
  const made = db.checkpoint('/copy', {
    mode: 'copy', logs: 'keep', bytesPerSecond: 600_000, onProgress: (progress) => told.push(progress),
  }).finally(() => (isMade = true))
  while (db.stats().files.holds.length === 0) await new Promise(setImmediate)
  assert.equal(events.filter(({ type }) => type === 'rotated').length, 1)
  let writes = 0
  while (!isMade) {
    await db.put('while', `${++writes}`)
    assert.equal(text(db.getSync('while')), `${writes}`)
    await new Promise(setImmediate)
  }
  const { copiedBytes, fileCount } = await made
  assert.ok(writes > 0, 'a write was answered while bytes were copied')
  assert.deepEqual(told.at(-1), {
    doneBytes: copiedBytes, totalBytes: copiedBytes, doneCount: fileCount, totalCount: fileCount,
  })
  await db.close()
})

test('CP-9: a database of which writes are refused can be copied; one that failed for good cannot', async () => {
  const sim = new SimVfs({ seed: 1 })
  const db = await openSim(sim)
  for (let i = 0; i < 30; i++) await db.put(`key ${i}`, 'x'.repeat(4000))
  const full = { do: 'error', code: 'ENOSPC' } as const
  sim.addFault({ fault: full, kind: ['create', 'write'], times: Infinity, fileClass: ['log', 'temp'] })
  for (let i = 0; i < 60; i++) await db.put(`more ${i}`, 'y'.repeat(4000)).catch(() => undefined)
  assert.equal(db.stats().database.state, 'READ_ONLY')
  sim.clearFaults()
  const before = entriesOf(db)
  await db.checkpoint('/copy')
  const copy = await Varve.open('/copy', { workers: 0, components: { vfs: sim, clock: sim.clock } })
  assert.deepEqual(entriesOf(copy), before)
  await copy.close()
  const flush = await refused(db.checkpoint('/flushed', { logs: 'flush' }))
  assert.equal(flush.code, 'NO_SPACE')

  sim.addFault({ fault: { do: 'failSync', mode: 'lostClean' }, kind: 'sync', times: Infinity, fileClass: 'log' })
  await db.resume().then(() => db.put('z', 'z', { sync: true })).catch(() => undefined)
  assert.equal(db.stats().database.state, 'FAILED')
  sim.clearFaults()
  assert.equal((await refused(db.checkpoint('/never'))).code, 'BACKGROUND_ERROR')
  assert.deepEqual(sim.listSync('/').sort(), ['copy', 'db'])
  await db.close().catch(() => undefined)
})

test('CP-9: a log that has nothing but a note of tables is taken along, since the next one follows it', async () => {
  const sim = new SimVfs({ seed: 1 })
  const db = await openSim(sim)
  await db.put('before', '1')
  await db.ingest([await makeFile(sim, 'a.table', { entries: entriesOfKeys('abc') })])
  const full = { do: 'error', code: 'ENOSPC' } as const
  sim.addFault({ fault: full, kind: ['create', 'write'], times: Infinity, fileClass: 'temp' })
  await db.put('large', new Uint8Array(300_000)) // no room behind the note, so it goes to the next log
  sim.addFault({ fault: full, kind: ['create', 'write'], times: Infinity, fileClass: 'log' })
  await db.put('refused', '1').catch(() => undefined)
  assert.equal(db.stats().database.state, 'READ_ONLY')
  sim.clearFaults()
  const before = entriesOf(db)
  await db.checkpoint('/copy')
  const copy = await Varve.open('/copy', { workers: 0, components: { vfs: sim, clock: sim.clock } })
  assert.deepEqual(entriesOf(copy), before)
  await copy.close()
  await db.close().catch(() => undefined)
})

test('D6: zeros that were written ahead of a log are no part of it', async () => {
  for (const mode of ['link', 'copy'] as const) {
    const place = new Place('node')
    const db = await place.open({ writeBufferSize: 4 * 2 ** 20 })
    for (let i = 0; i < 30; i++) await db.put(`key ${i}`, `${i}`, { sync: true })
    const target = newDirectory()
    await db.checkpoint(target, { mode, logs: 'keep' })
    const log = readdirSync(target).find((name) => name.endsWith('.wal'))!
    assert.equal(statSync(path.join(target, log)).size > 500_000, mode === 'link', 'zeros come with a link alone')
    const copy = await Varve.open(target)
    assert.equal(entriesOf(copy).length, 30)
    await copy.close()
    await place.close()
  }
})

test('D7: a write that fails while the checkpoint waits for it fails the checkpoint', async () => {
  const sim = new SimVfs({ seed: 1 })
  const db = await openSim(sim, { writeBufferSize: 32 * 2 ** 20 })
  await db.put('a', 'b')
  const log = sim.listSync('/db').find((name) => name.endsWith('.wal'))!
  const path = `/db/${log}`
  const hang = sim.addFault({ fault: { do: 'hang' }, kind: 'write', path })
  const writing = Array.from({ length: 4 }, (_, i) => db.put(`large ${i}`, new Uint8Array(3 * 2 ** 20)).catch(String))
  while (hang.hitCount === 0) await new Promise(setImmediate)
  const made = refused(db.checkpoint('/copy'))
  while (db.stats().files.holds.length === 0) await new Promise(setImmediate)
  sim.addFault({ fault: { do: 'error', code: 'EIO' }, kind: 'write', path, times: Infinity })
  sim.releaseHung()
  assert.equal((await made).code, 'IO_ERROR')
  await Promise.all(writing)
  assert.deepEqual([sim.listSync('/'), db.stats().files.holds], [['db'], []])
  await db.close().catch(() => undefined)
})

test('a sync of a log that fails while the checkpoint waits is a failure of the database', async () => {
  const sim = new SimVfs({ seed: 1 })
  const db = await openSim(sim)
  await db.put('a', 'b', { sync: false })
  sim.addFault({ fault: { do: 'failSync', mode: 'lostClean' }, kind: 'dataSync', fileClass: 'log', times: 1 })
  await refused(db.checkpoint('/copy'))
  assert.equal(db.stats().database.state, 'FAILED')
  assert.deepEqual(sim.listSync('/'), ['db'])
  await db.close().catch(() => undefined)
})

test('pins and statistics of a run stay behind; position and settings come along', async () => {
  const vfs = new MemoryVfs()
  const options = { ...SMALL, workers: 0, components: { vfs } }
  const db = await Varve.open('/db', options)
  await db.pins.acquire('follower')
  await db.batch([{ type: 'put', key: 'a', value: '1' }], { position: Buffer.from('here') })
  const made = await db.checkpoint('/copy')
  assert.equal(text(made.position!), 'here')
  const copy = await Varve.open('/copy', options)
  assert.deepEqual([copy.pins.list(), text(copy.position!)], [[], 'here'])
  await copy.close()
  await db.close()
})

test('a target that is taken, has no parent, or is inside of the database is refused at once', async () => {
  const place = new Place('node')
  const db = await place.open()
  await db.put('a', '1')
  const root = path.dirname(place.location)
  const [full, file, link, empty] = ['full', 'file', 'link', 'empty'].map((name) => path.join(root, name))
  mkdirSync(full!)
  writeFileSync(path.join(full!, 'something'), '')
  writeFileSync(file!, '')
  symlinkSync(place.location, link!)
  const before = readdirSync(root)
  for (const [target, code] of [
    [full, 'ALREADY_EXISTS'], [file, 'ALREADY_EXISTS'], [link, 'INVALID_ARGUMENT'], [root, 'INVALID_ARGUMENT'],
    [path.join(root, 'no', 'parent'), 'NOT_FOUND'], [path.join(place.location, 'inside'), 'INVALID_ARGUMENT'],
    [path.join(link!, 'inside'), 'INVALID_ARGUMENT'], [place.location, 'INVALID_ARGUMENT'], ['', 'INVALID_ARGUMENT'],
  ] as const) {
    assert.equal((await refused(db.checkpoint(target!))).code, code, target)
  }
  assert.deepEqual(readdirSync(root), before)
  mkdirSync(empty!)
  await db.checkpoint(`${empty}/`)
  const copy = await Varve.open(empty!)
  assert.equal(text(copy.getSync('a')), '1')
  await copy.close()
  await place.close()
})

test('CP-4: of several that make one target at once, one does, and the others hear that it is there', async () => {
  const place = new Place('node')
  const db = await place.open()
  await db.put('a', '1')
  const target = newDirectory()
  const made = [1, 2, 3].map(() => db.checkpoint(target).then(() => 'made', (error: VarveError) => error.code))
  assert.deepEqual((await Promise.all(made)).sort(), ['ALREADY_EXISTS', 'ALREADY_EXISTS', 'made'])
  assert.ok((await Varve.verify(target)).ok)
  await place.close()
})

test('options that are wrong are refused', async () => {
  const place = new Place('memory')
  const db = await place.open()
  for (const options of [
    { mode: 'move' }, { logs: true }, { verify: 1 }, { base: '' }, { bytesPerSecond: 0 }, { onProgress: 1 },
    { signal: 1 }, { modes: 'link' }, null,
  ]) {
    assert.equal((await refused(db.checkpoint('/copy', options as CheckpointOptions))).code, 'INVALID_ARGUMENT')
  }
  assert.deepEqual([place.vfs!.listSync('/'), db.stats().operations], [['db'], []])
  await db.close()
  assert.equal((await refused(db.checkpoint('/copy'))).code, 'CLOSED')
})

test('of a base only files of equal identity are used, and none that has rotted', async () => {
  const vfs = new MemoryVfs()
  const options = { ...SMALL, workers: 0, components: { vfs } }
  const db = await Varve.open('/db', options)
  await fill(db)
  await db.checkpoint('/one', { mode: 'copy', logs: 'flush' })
  await db.put('new', 'x')
  const two = await db.checkpoint('/two', { mode: 'copy', logs: 'flush', base: '/one', verify: true })
  assert.ok(two.reusedBytes > 50_000 && two.copiedBytes < 20_000 && two.linkedBytes === 0)

  const table = vfs.listSync('/two').find((name) => name.endsWith('.table'))!
  const file = vfs.openSync(`/two/${table}`, 'write')
  file.writeSync(new Uint8Array([99]), 0, 1, 700)
  file.closeSync()
  const three = await db.checkpoint('/three', { mode: 'copy', logs: 'flush', base: '/two', verify: true })
  assert.ok(three.copiedBytes > 0)
  const copy = await Varve.open('/three', options)
  assert.deepEqual(entriesOf(copy), entriesOf(db))
  await copy.close()

  const other = await Varve.open('/other', options)
  assert.equal((await refused(other.checkpoint('/four', { base: '/one' }))).code, 'INVALID_ARGUMENT')
  assert.equal((await refused(db.checkpoint('/four', { base: '/nothing' }))).code, 'NOT_FOUND')
  await other.close()
  await db.close()
})

test('a database that was never written, and one whose writes were all deleted, can be copied', async () => {
  const vfs = new MemoryVfs()
  const options = { ...SMALL, workers: 0, compaction: {}, components: { vfs } }
  const db = await Varve.open('/db', options)
  for (const target of ['/empty', '/deleted']) {
    const { seqNum } = await db.checkpoint(target)
    const copy = await Varve.open(target, options)
    assert.deepEqual([entriesOf(copy), copy.stats().database.visibleSeq], [[], seqNum])
    await copy.put('a', 'b')
    await copy.close()
    await db.put('a', 'x')
    await db.clear()
    await db.compact()
  }
  await db.close()
})
