/** Opening, closing, who may be where: one writer, many readers, and directories that are not ours. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { once } from 'node:events'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { Varve, VarveError } from '../../src/index.js'
import type { EngineEvent } from '../../src/index.js'
import { FileSystemError, MemoryVfs } from '../../src/testing.js'
import { newDirectory, onEach, Place, SMALL, text } from '../support/databases/databases.js'
import { directoryState } from '../support/databases/directory-state.js'
import { packageDir } from '../support/harness/golden.js'
import { watchedVfs } from '../support/fakes/watched-vfs.js'
import { drawnNumbers } from '../support/harness/share.js'

test('createIfMissing and errorIfExists', () => onEach(async (place) => {
  await assert.rejects(place.open({ createIfMissing: false }), { code: 'NOT_FOUND' })
  await assert.rejects(place.open({ readOnly: true }), { code: 'NOT_FOUND' })
  await (await place.open({ errorIfExists: true })).close()
  await assert.rejects(place.open({ errorIfExists: true }), { code: 'ALREADY_EXISTS' })
  await (await place.open({ createIfMissing: false })).close()
}))

test('what was written is there after a close, with and without flush, many times over', () => onEach(async (place) => {
  for (let round = 0; round < 6; round++) {
    const db = await place.open({ flushOnClose: round % 2 === 0, manifestSync: round % 3 !== 0 })
    assert.deepEqual([...db.keysSync()].length, round)
    await db.put(`round ${round}`, 'x'.repeat(1000))
    await db.close()
  }
}))

test('close twice, at once and later, is one close; after it every call says CLOSED', () => onEach(async (place) => {
  const db = await place.open()
  await db.put('k', 'v')
  const snapshot = db.snapshot()
  await Promise.all([db.close(), db.close()])
  await db.close()
  const calls: (() => unknown)[] = [
    () => db.put('k', 'v'), () => db.putSync('k', 'v'), () => db.del('k'), () => db.delSync('k'), () => db.batch([]),
    () => db.batchSync([]), () => db.get('k'), () => db.getSync('k'), () => db.getMany(['k']), () => db.has('k'),
    () => db.hasSync('k'), () => db.entriesSync(), () => db.keys(), () => db.values(), () => db.snapshot(),
    () => db.sync(), () => db.flush(), () => db.resume(), () => db.getSync('k', { snapshot }),
  ]
  for (const call of calls) {
    await assert.rejects(async () => call(), { name: 'VarveError', code: 'CLOSED' }, String(call))
  }
  snapshot.release()
  assert.equal(db.stats().database.state, 'CLOSED')
}))

test('S13: close at any moment: every write is answered, nothing acknowledged is lost', () => onEach(async (place) => {
  for (const round of drawnNumbers('S13', 12)) {
    const db = await place.open({ flushOnClose: round % 2 === 0, workers: round % 3 })
    const acknowledged = new Set<string>()
    const writes = Array.from({ length: 60 }, async (_, i) => {
      const key = `${round} ${i}`
      try {
        await (i % 2 === 0 ? db.put(key, 'x'.repeat(5000)) : db.batch([{ type: 'put', key, value: 'x'.repeat(9000) }]))
        acknowledged.add(key)
      } catch (error) {
        assert.equal((error as VarveError).code, 'CLOSED')
      }
    })
    for (let i = 0; i < round; i++) await new Promise((resolve) => setImmediate(resolve))
    await db.close()
    await Promise.all(writes)
    const again = await place.open()
    for (const key of acknowledged) assert.ok(again.hasSync(key), `round ${round}: ${key}`)
    await again.close()
  }
}))

test('F15: a close without flush during a flush is no error, whatever stage it is in', async () => {
  for (let turns = 0; turns < 40; turns++) {
    const changes: string[] = []
    const onEvent = (event: EngineEvent) => {
      if (event.type === 'flushFailed' || event.type === 'backgroundError') changes.push(event.type)
      if (event.type === 'stateChanged') changes.push(event.state)
    }
    const db = await new Place('memory').open({ flushOnClose: false, components: { onEvent } })
    const writes = Promise.allSettled(Array.from({ length: 20 }, (_, i) => db.put(`k${i}`, 'x'.repeat(9000))))
    for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve))
    await db.close()
    await writes
    assert.deepEqual(changes, ['CLOSED'], `after ${turns} turns`)
  }
})

test('a close without flush leaves no temp file of what was under way', () => onEach(async (place) => {
  for (const [done, round] of drawnNumbers('closes without flush', 18).entries()) {
    const db = await place.open({ flushOnClose: false, workers: round % 3, manifestSync: round % 2 === 0 })
    for (let i = 0; i < 60; i++) await db.put(`${round} ${(i * 7919) % 997}`, 'x'.repeat(3000))
    const work = round % 4 < 2 ? db.flush() : db.compact()
    const told = work.catch((error: unknown) => assert.equal((error as VarveError).code, 'CLOSED'))
    if (round % 4 > 0) await new Promise((resolve) => setTimeout(resolve, round % 7))
    await db.close()
    await told
    const names = place.vfs?.listSync(place.location) ?? fs.readdirSync(place.location)
    assert.deepEqual(names.filter((name) => name.includes('.tmp.')), [], `round ${round}`)
    const again = await place.open()
    assert.equal(again.stats().recovery!.tempFileCount, 0)
    assert.equal([...again.keysSync()].length, 60 * (done + 1))
    await again.close()
  }
}))

test('M12: one writer in this process, whatever the path is spelled like', async () => {
  const place = new Place('node')
  const db = await place.open()
  const spellings = [place.location, `${place.location}/`, `${place.location}/../${path.basename(place.location)}`]
  fs.symlinkSync(place.location, `${place.location}-link`)
  for (const location of [...spellings, `${place.location}-link`]) {
    await assert.rejects(Varve.open(location), (error: VarveError) => {
      assert.equal(error.code, 'LOCKED')
      assert.match(error.message, new RegExp(`${process.pid}|this process`))
      return true
    })
    await assert.rejects(Varve.destroy(location), { code: 'LOCKED' })
  }
  await db.put('still', 'works')
  const reader = await place.open({ readOnly: true })
  assert.equal(text(reader.getSync('still')), 'works')
  await db.close()
  const linked = await Varve.open(`${place.location}-link`)
  assert.equal(linked.location, fs.realpathSync(place.location))
  await linked.close()
  await place.close()
})

test('M12: one writer among processes; the error names the holder; its death frees the directory', async () => {
  const location = newDirectory()
  const program = `import { Varve } from ${JSON.stringify(pathToFileURL(path.join(packageDir, 'dist/src/index.js')))}
    await Varve.open(${JSON.stringify(location)})
    console.log('open')
    setInterval(() => {}, 1000)`
  const args = ['--input-type=module', '-e', program]
  const holder = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    await once(holder.stdout, 'data')
    await assert.rejects(Varve.open(location), (error: VarveError) => {
      assert.equal(error.code, 'LOCKED')
      assert.ok(error.message.includes(String(holder.pid)), error.message)
      return true
    })
    await (await Varve.open(location, { readOnly: true })).close()
  } finally {
    holder.kill('SIGKILL')
  }
  await once(holder, 'exit')
  await (await Varve.open(location)).close()
})

test('files are for their owner only, directories too; a directory that everybody writes is refused', async () => {
  const location = path.join(newDirectory(), 'deep', 'er')
  const umask = process.umask(0)
  try {
    const db = await Varve.open(location, SMALL)
    for (let i = 0; i < 30; i++) await db.put(`k${i}`, 'x'.repeat(9000))
    await db.flush()
    for (const name of fs.readdirSync(location)) {
      // A released log may go meanwhile.
      const info = fs.statSync(path.join(location, name), { throwIfNoEntry: false })
      if (info !== undefined) assert.equal(info.mode & 0o777, 0o600, name)
    }
    for (const dir of [location, path.dirname(location)]) assert.equal(fs.statSync(dir).mode & 0o777, 0o700, dir)
    await db.close()
    fs.chmodSync(location, 0o777)
    await assert.rejects(Varve.open(location), { code: 'INVALID_ARGUMENT' })
    await (await Varve.open(location, { allowSharedDirectory: true })).close()
  } finally {
    process.umask(umask)
  }
})

test('M17: read-only changes not one byte, refuses every write, and sees what a kill left', async () => {
  const place = new Place('node')
  const db = await place.open()
  await db.put('table', '1')
  await db.flush()
  await db.put('log', '2')
  // The flushed log goes in the background: a copy must not meet that.
  const flushedLog = path.join(place.location, '000002.wal')
  while (fs.existsSync(flushedLog)) await new Promise((resolve) => setTimeout(resolve, 5))
  const image = newDirectory()
  fs.cpSync(place.location, image, { recursive: true })
  await db.close()
  const state = directoryState(image)
  const reader = await Varve.open(image, { readOnly: true })
  assert.deepEqual([...reader.entriesSync()].flat().map(text), ['log', '2', 'table', '1'])
  const snapshot = reader.snapshot()
  assert.equal(text(await reader.get('log', { snapshot })), '2')
  const calls: (() => unknown)[] = [
    () => reader.put('k', 'v'), () => reader.putSync('k', 'v'), () => reader.del('k'), () => reader.delSync('k'),
    () => reader.batch([]), () => reader.batchSync([]), () => reader.sync(), () => reader.flush(),
    () => reader.resume(),
  ]
  for (const call of calls) await assert.rejects(async () => call(), { code: 'READ_ONLY' }, String(call))
  const entries = reader.entriesSync()
  await reader.close()
  assert.throws(() => entries.next(), { code: 'CLOSED' })
  assert.throws(() => reader.getSync('k'), { code: 'CLOSED' })
  assert.deepEqual(directoryState(image), state)
})

test('destroy takes what is ours and leaves what is not', () => onEach(async (place) => {
  await assert.rejects(Varve.destroy(place.location, optionsOf(place)), { code: 'NOT_FOUND' })
  const db = await place.open()
  await db.put('k', 'v')
  await assert.rejects(Varve.destroy(place.location, optionsOf(place)), { code: 'LOCKED' })
  await db.close()
  await Varve.destroy(place.location, optionsOf(place))
  await assert.rejects(place.open({ createIfMissing: false }), { code: 'NOT_FOUND' })
  await (await place.open()).close()
}))

const optionsOf = (place: Place) => (place.vfs === null ? {} : { vfs: place.vfs })

test('M15: foreign files are never touched, by open or by destroy', async () => {
  const place = new Place('node')
  const db = await place.open()
  await db.put('k', 'v')
  await db.close()
  const foreign = ['notes.txt', '.DS_Store', '._000001.table', '000001.TABLE', '000009.wal.bak', 'CURRENT']
  for (const name of foreign) fs.writeFileSync(path.join(place.location, name), name)
  fs.mkdirSync(path.join(place.location, 'folder'))
  await (await place.open()).close()
  await Varve.destroy(place.location)
  assert.deepEqual(fs.readdirSync(place.location).sort(), [...foreign, 'folder'].sort())
  for (const name of foreign) assert.equal(fs.readFileSync(path.join(place.location, name), 'utf8'), name)
})

test('a directory of another database, or of nothing, is not destroyed', async () => {
  const location = newDirectory()
  fs.mkdirSync(location)
  await assert.rejects(Varve.destroy(location), { code: 'NOT_FOUND' })
  for (const name of ['000003.wal', 'CURRENT', 'LOCK', 'MANIFEST-000002']) {
    fs.writeFileSync(path.join(location, name), 'another database '.repeat(10))
  }
  const before = directoryState(location)
  await assert.rejects(Varve.destroy(location), { code: 'UNSUPPORTED_FORMAT' })
  await assert.rejects(Varve.open(location), { code: 'UNSUPPORTED_FORMAT' })
  assert.deepEqual(directoryState(location), before)
  const file = path.join(location, 'CURRENT')
  for (const attempt of [() => Varve.open(file), () => Varve.destroy(file), () => Varve.open(path.join(file, 'db'))]) {
    await assert.rejects(attempt, { name: 'VarveError' })
  }
  assert.equal(fs.readFileSync(file, 'utf8'), 'another database '.repeat(10))
})

test('M07: tables without a marker are never an empty database', async () => {
  const place = new Place('memory')
  const db = await place.open()
  await db.put('k', 'v')
  await db.close()
  for (const name of place.vfs!.listSync('/db')) if (name.startsWith('marker')) place.vfs!.unlinkSync(`/db/${name}`)
  await assert.rejects(place.open(), { code: 'MISSING_MARKER' })
  await assert.rejects(place.open({ readOnly: true }), { code: 'MISSING_MARKER' })
  await Varve.destroy('/db', { vfs: place.vfs! })
})

test('S02: an error of the file system at any call of open, close or destroy is a VarveError', async () => {
  for (const step of ['create', 'open', 'read-only', 'destroy'] as const) {
    for (let failing = 0, isDone = false; !isDone; failing++) {
      const vfs = step === 'create' ? new MemoryVfs() : await smallDatabase()
      let count = 0
      let hit = ''
      const faulty = watchedVfs(vfs, {
        before: ({ name, file }) => {
          if (hit !== '' || name === 'close' || count++ !== failing) return
          hit = `${name} ${file}`
          throw new FileSystemError('EIO', name, file)
        },
      })
      const options = { ...SMALL, readOnly: step === 'read-only', components: { vfs: faulty } }
      try {
        if (step === 'destroy') await Varve.destroy('/a/db', { vfs: faulty })
        else await (await Varve.open('/a/db', options)).close()
      } catch (error) {
        assert.ok(VarveError.is(error), `${step}, ${hit}: ${String(error)}`)
      }
      isDone = hit === ''
      assert.ok(failing < 200)
    }
  }
})

async function smallDatabase(): Promise<MemoryVfs> {
  const vfs = new MemoryVfs()
  const db = await Varve.open('/a/db', { ...SMALL, flushOnClose: false, components: { vfs } })
  await db.put('a', '1')
  await db.flush()
  await db.put('b', '2')
  await db.close()
  return vfs
}
