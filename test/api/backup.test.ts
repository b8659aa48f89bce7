/** Sets of backups, restores, and copies from outside. */
import assert from 'node:assert/strict'
import { readdirSync, statSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { Varve, VarveError } from '../../src/index.js'
import type { BackupOptions, RestoreOptions, VarveOptions } from '../../src/index.js'
import { MemoryVfs } from '../../src/testing.js'
import { newDirectory, SMALL, text } from '../support/databases/databases.js'
import { directoryState } from '../support/databases/directory-state.js'
import { drawnNumbers } from '../support/harness/share.js'

const LARGE = 'large'.repeat(2000)

interface Scene {
  vfs: MemoryVfs
  options: VarveOptions
  db: Varve
}

async function newScene(): Promise<Scene> {
  const vfs = new MemoryVfs()
  const options: VarveOptions = { ...SMALL, workers: 0, valueThreshold: 1024, components: { vfs } }
  const db = await Varve.open('/db', options)
  for (let i = 0; i < 40; i++) await db.put(`key ${i}`, i % 4 === 0 ? `${i} ${LARGE}` : `${i}`)
  await db.flush()
  return { vfs, options, db }
}

async function refused(made: Promise<unknown>): Promise<VarveError> {
  const error = await made.then(() => assert.fail('it was not refused'), (thrown: unknown) => thrown)
  assert.ok(VarveError.is(error), String(error))
  return error
}

async function entriesIn(dir: string, options: VarveOptions): Promise<Map<string, string>> {
  const db = await Varve.open(dir, { ...options, readOnly: true })
  const found = new Map([...db.entriesSync()].map(([key, value]) => [text(key)!, text(value)!]))
  await db.close()
  return found
}

function damage(vfs: MemoryVfs, file: string, offset = 700): void {
  const handle = vfs.openSync(file, 'write')
  const byte = new Uint8Array(1)
  handle.readSync(byte, 0, 1, offset)
  handle.writeSync(new Uint8Array([byte[0]! ^ 1]), 0, 1, offset)
  handle.closeSync()
}

test('BAK-1, BAK-2: a chain of backups: each is whole, takes only what is new, and the oldest go', async () => {
  const { vfs, options, db } = await newScene()
  const count = 50
  const seen: number[] = []
  for (let i = 1; i <= count; i++) {
    await db.put(`of backup ${i}`, `${i}`)
    await db.flush()
    const made = await Varve.backup(db, '/set', { keep: 4, fullEvery: 10 })
    assert.deepEqual([made.number, made.problem, made.linkedBytes], [i, null, 0])
    assert.equal(made.reusedBytes > 0, i % 10 !== 1, `backup ${i} is full, or not`)
    if (i % 10 !== 1) assert.ok(made.copiedBytes < 5000, `${made.copiedBytes} bytes are new`)
    seen.push(made.seqNum)
  }
  const left = await Varve.backups('/set', { vfs })
  assert.deepEqual(left.map(({ number }) => number), [47, 48, 49, 50])
  assert.deepEqual(left.map(({ seqNum }) => seqNum), seen.slice(-4))
  assert.deepEqual(vfs.listSync('/set').sort(), ['000047', '000048', '000049', '000050'])
  for (const { location, number } of left) {
    const found = await entriesIn(location, options)
    assert.deepEqual([found.size, found.get(`of backup ${number}`)], [40 + number, `${number}`])
  }
  await db.close()
})

test('C11: siblings with equal file numbers go into one set, and neither has a file of the other', async () => {
  const { vfs, options, db } = await newScene()
  await db.checkpoint('/sibling')
  const sibling = await Varve.open('/sibling', options)
  for (let i = 0; i < 6; i++) {
    for (const [name, one] of [['source', db], ['sibling', sibling]] as const) {
      await one.put('who', `${name} ${i}`)
      await one.put(`key ${i}`, `${name} ${LARGE}`)
      await one.compact()
      const made = await Varve.backup(one, '/set', { keep: 20 })
      const target = `/back${made.number}`
      await Varve.restore(made.location, target, { vfs })
      const found = await entriesIn(target, options)
      const expected = await entriesIn(one === db ? '/db' : '/sibling', options)
      assert.deepEqual(found, expected)
      assert.equal(found.get('who'), `${name} ${i}`)
    }
  }
  const infos = await Varve.backups('/set', { vfs })
  assert.equal(new Set(infos.map(({ database }) => database)).size, 1)
  assert.equal(new Set(infos.map(({ parent }) => parent)).size, 2)
  await sibling.close()
  await db.close()
})

test('a set takes one database, is no database, and one backup at a time', async () => {
  const { vfs, options, db } = await newScene()
  const other = await Varve.open('/other', options)
  await Varve.backup(db, '/set')
  assert.equal((await refused(Varve.backup(other, '/set'))).code, 'INVALID_ARGUMENT')
  assert.equal((await refused(Varve.backup(db, '/other'))).code, 'INVALID_ARGUMENT')
  assert.equal((await refused(Varve.backup(db, '/db/set'))).code, 'INVALID_ARGUMENT')
  assert.equal((await refused(Varve.backup(db, '/no/set'))).code, 'NOT_FOUND')
  assert.equal((await refused(Varve.backups('/nothing', { vfs }))).code, 'NOT_FOUND')
  assert.ok(!vfs.listSync('/db').includes('set'))
  const both = await Promise.allSettled([Varve.backup(db, '/set'), Varve.backup(db, '/set')])
  assert.deepEqual(both.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
  for (const options of [{ keep: 0 }, { fullEvery: 1.5 }, { logs: 'no' }, { keeps: 1 }]) {
    assert.equal((await refused(Varve.backup(db, '/set', options as BackupOptions))).code, 'INVALID_ARGUMENT')
  }
  assert.equal((await refused(Varve.backup({} as Varve, '/set'))).code, 'INVALID_ARGUMENT')
  await other.close()
  await db.close()
})

test('what an earlier backup left half made or half removed is cleared, and never taken for one', async () => {
  const { vfs, options, db } = await newScene()
  await Varve.backup(db, '/set')
  vfs.mkdirSync('/set/000002.tmp.1.1')
  vfs.openSync('/set/000002.tmp.1.1/000001.table', 'create').closeSync()
  assert.equal((await Varve.backups('/set', { vfs })).length, 1)
  assert.equal((await refused(Varve.open('/set/000002.tmp.1.1', options))).code, 'MISSING_MARKER')
  await Varve.backup(db, '/set')
  assert.deepEqual(vfs.listSync('/set').sort(), ['000001', '000002'])
  await db.close()
})

test('a backup that cannot be used is told, is no base, and does not count among those that stay', async () => {
  const { vfs, db } = await newScene()
  for (let i = 0; i < 3; i++) {
    await Varve.backup(db, '/set', { keep: 2 })
    await db.put('more', `${i}`)
  }
  const manifest = vfs.listSync('/set/000003').find((name) => name.endsWith('.manifest'))!
  damage(vfs, `/set/000003/${manifest}`, 150)
  const infos = await Varve.backups('/set', { vfs })
  assert.deepEqual(infos.map(({ problem }) => problem === null), [true, false])
  const made = await Varve.backup(db, '/set', { keep: 2 })
  assert.ok(made.reusedBytes > 0, 'the base is the last good one')
  assert.deepEqual(vfs.listSync('/set').sort(), ['000002', '000003', '000004'])
  await db.close()
})

test('a file of the base that has rotted is copied anew', async () => {
  const { vfs, options, db } = await newScene()
  await Varve.backup(db, '/set')
  const table = vfs.listSync('/set/000001').find((name) => name.endsWith('.table'))!
  damage(vfs, `/set/000001/${table}`)
  const made = await Varve.backup(db, '/set')
  assert.ok(made.copiedBytes > 0)
  await Varve.restore(made.location, '/back', { vfs })
  assert.equal((await entriesIn('/back', options)).size, 40)
  await db.close()
})

test('C12: a restore checks every byte before anything is written, and begins a history of its own', async () => {
  const { vfs, options, db } = await newScene()
  await db.put('in a log', 'only')
  const { location, seqNum, lineage } = await Varve.backup(db, '/set', { logs: 'keep' })
  const report = await Varve.restore(location, '/back', { vfs })
  assert.deepEqual([report.tool, report.ok, report.problems, report.seqNum], ['restore', true, [], seqNum])
  assert.equal(report.parent, lineage)
  assert.notEqual(report.lineage, lineage)
  const link = await Varve.restore(location, '/linked', { vfs, mode: 'link' })
  assert.ok(link.linkedBytes > 0)
  const expected = await entriesIn('/db', options)
  for (const target of ['/back', '/linked']) assert.deepEqual(await entriesIn(target, options), expected)
  assert.equal((await refused(Varve.restore(location, '/back', { vfs }))).code, 'ALREADY_EXISTS', 'never in place')
  assert.equal((await refused(Varve.restore('/nothing', '/x', { vfs }))).code, 'NOT_FOUND')
  assert.equal((await refused(Varve.restore(location, '/x', { vfs, mode: 'auto' } as unknown as RestoreOptions))).code,
    'INVALID_ARGUMENT')

  const names = vfs.listSync(location).filter((name) => /\.(table|vlog|wal)$/.test(name))
  for (const name of names) {
    const size = vfs.statSync(`${location}/${name}`)!.size
    for (const offset of [10, 200, Math.floor(size / 2), size - 20].filter((at) => at < size)) {
      damage(vfs, `${location}/${name}`, offset)
      const error = await refused(Varve.restore(location, '/x', { vfs }))
      const isTold = ['CORRUPTION', 'MISSING_FILE', 'UNSUPPORTED_FORMAT'].includes(error.code)
      assert.ok(isTold, `${name} ${offset}: ${error.message}`)
      damage(vfs, `${location}/${name}`, offset)
    }
  }
  assert.ok(!vfs.listSync('/').some((name) => name.startsWith('x')))
  await db.close()
})

test('a restore keeps its pace while it checks the backup, too, and ends in the middle of a rest', async () => {
  const { vfs, db } = await newScene()
  const { location } = await Varve.backup(db, '/set', { logs: 'flush' })
  const abort = new AbortController()
  const slow = Varve.restore(location, '/slow', { vfs, bytesPerSecond: 1, signal: abort.signal })
  const ended = assert.rejects(slow, /enough/)
  for (let turn = 0; turn < 2000; turn++) await new Promise((resolve) => setImmediate(resolve))
  const isMade = vfs.listSync('/').some((name) => name.startsWith('slow'))
  assert.ok(!isMade, 'nothing is written while it reads the first file')
  abort.abort(new Error('enough'))
  await ended
  await db.close()
})

test('CP-9: a read-only view makes checkpoints and backups, without its writer', async () => {
  const { vfs, options, db } = await newScene()
  const view = await Varve.open('/db', { ...options, readOnly: true })
  await db.put('later', 'x')
  const { seqNum } = await view.checkpoint('/copy')
  assert.equal(seqNum, 41, 'it is what the directory has when it is called')
  const made = await Varve.backup(view, '/set')
  assert.equal(made.number, 1)
  assert.deepEqual(await entriesIn('/copy', options), await entriesIn('/db', options))
  const slow = view.checkpoint('/slow', { mode: 'copy', bytesPerSecond: 100_000 }).catch((error: unknown) => error)
  while (view.stats().operations.length === 0) await new Promise(setImmediate)
  await view.close()
  assert.equal((await slow as VarveError).code, 'CLOSED')
  assert.deepEqual(vfs.listSync('/').sort(), ['copy', 'db', 'set'])
  await db.close()
})

test('more files than may be open: an error that names the limit, before anything is written', async () => {
  const { vfs, options, db } = await newScene()
  for (let i = 0; i < 60; i++) {
    await db.put(`table ${i}`, 'x')
    await db.flush()
  }
  await db.close()
  const view = await Varve.open('/db', { ...options, readOnly: true, maxOpenFiles: 20 })
  const error = await refused(view.checkpoint('/copy'))
  assert.deepEqual([error.code, /maxOpenFiles is 20/.test(error.message)], ['IO_ERROR', true])
  await view.close()
  const few = Object.create(vfs, { openFilesMax: { value: 40 } }) as MemoryVfs
  assert.match((await refused(Varve.checkpoint('/db', '/copy', { vfs: few }))).message, /this process may have 40 open/)
  let opened = 0
  const short = Object.create(vfs, {
    open: {
      value: (path: string, mode: 'read') => path.endsWith('.table') && ++opened > 30
        ? Promise.reject(Object.assign(new Error('EMFILE'), { code: 'EMFILE' })) : vfs.open(path, mode),
    },
  }) as MemoryVfs
  const late = await refused(Varve.checkpoint('/db', '/copy', { vfs: short }))
  assert.ok(late.code === 'IO_ERROR' && /ulimit/.test(late.hint!))
  assert.deepEqual(vfs.listSync('/'), ['db'])
})

test('D2, D3: from outside, beside flushes, numbers are above all that was read, and logs are whole', async () => {
  for (const seed of drawnNumbers('outside', 40)) {
    const vfs = new MemoryVfs()
    const options: VarveOptions = {
      ...SMALL, workers: 0, valueThreshold: 1024, components: { vfs }, manifestSync: seed % 2 === 0,
      compaction: seed % 3 === 0 ? { style: 'none' } : {},
    }
    const db = await Varve.open('/db', options)
    let written = 0
    let isOver = false
    const writer = (async () => {
      while (!isOver) {
        const bytes = written % 7 === 0 ? 3000 : 200
        await db.put(`key ${String(written++).padStart(6, '0')}`, `${written} `.padEnd(bytes))
      }
    })()
    for (let i = 0; i < 4; i++) {
      const atLeast = db.stats().database.visibleSeq
      const { seqNum } = await Varve.checkpoint('/db', `/copy${i}`, { vfs, mode: i % 2 === 0 ? 'auto' : 'copy' })
      assert.ok(seqNum >= atLeast)
      const copy = await Varve.open(`/copy${i}`, options)
      assert.deepEqual([...copy.keysSync()].length, seqNum)
      await copy.close()
    }
    isOver = true
    await writer
    await db.close()
  }
})

test('D5: a checkpoint of a checkpoint of a checkpoint, whose logs nobody has flushed', async () => {
  const { vfs, options, db } = await newScene()
  for (let i = 0; i < 30; i++) await db.put(`in a log ${i}`, 'x'.repeat(4000))
  const expected = await entriesIn('/db', options)
  await db.checkpoint('/copy0', { logs: 'keep' })
  for (let i = 0; i < 3; i++) await Varve.checkpoint(`/copy${i}`, `/copy${i + 1}`, { vfs })
  assert.ok(vfs.listSync('/copy3').some((name) => name.endsWith('.wal')))
  for (const dir of ['/copy3', '/copy1', '/copy2', '/copy0']) {
    const copy = await Varve.open(dir, options)
    assert.deepEqual(new Map([...copy.entriesSync()].map(([key, value]) => [text(key)!, text(value)!])), expected)
    await copy.put('of', dir)
    await copy.close()
  }
  await db.close()
})

test('rule 2: a checkpoint from outside changes nothing of its source, links apart', async () => {
  const dir = newDirectory()
  const db = await Varve.open(dir, { ...SMALL, valueThreshold: 1024, flushOnClose: false })
  for (let i = 0; i < 40; i++) await db.put(`key ${i}`, `${i} ${LARGE}`)
  await db.close()
  const before = directoryState(dir)
  await Varve.checkpoint(dir, `${dir}-copy`, { mode: 'copy' })
  assert.deepEqual(directoryState(dir), before)
  await Varve.checkpoint(dir, `${dir}-links`)
  const linked = readdirSync(dir).filter((name) => statSync(path.join(dir, name)).nlink > 1)
  assert.ok(linked.length > 0)
})

test('a listed backup says when it was made, as its file system says; null where that says nothing', async () => {
  const db = await Varve.open(newDirectory())
  const before = Date.now()
  const set = newDirectory()
  await Varve.backup(db, set)
  await db.close()
  const [info] = await Varve.backups(set)
  assert.ok(info!.madeMs! >= before - 2000 && info!.madeMs! <= Date.now() + 2000, String(info!.madeMs))
  const vfs = new MemoryVfs()
  const simulated = await Varve.open('/db', { components: { vfs } })
  await Varve.backup(simulated, '/set')
  assert.deepEqual((await Varve.backups('/set', { vfs })).map(({ madeMs }) => madeMs), [null])
  await simulated.close()
})
