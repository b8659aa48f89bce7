/** VarveLevel in ClassicLevel's place: constructor, options, extras, errors and their causes. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { Varve } from '../../src/index.js'
import { VarveLevel } from '../../src/level.js'
import type { DatabaseOptions } from '../../src/level.js'
import { FaultyVfs, MemoryVfs } from '../../src/testing.js'
import { newDirectory } from '../support/databases/databases.js'
import { takeImage, vfsOf, withFile } from '../support/databases/vfs-image.js'

interface CodedError {
  code?: string
  name: string
  message: string
  cause?: CodedError
}

async function failure(promise: Promise<unknown>): Promise<CodedError> {
  try {
    await promise
  } catch (error) {
    return error as CodedError
  }
  return assert.fail('no error')
}

function memoryLevel(options: DatabaseOptions<string, string> = {}, vfs = new MemoryVfs()): VarveLevel {
  return new VarveLevel('/db', { workers: 0, ...options, components: { vfs } })
}

test('the location must be a path, as ClassicLevel says it', async () => {
  const message = "The first argument 'location' must be a non-empty string"
  for (const location of [undefined, '', 5, null] as never[]) {
    assert.throws(() => new VarveLevel(location), { name: 'TypeError', message })
    assert.equal((await failure(VarveLevel.destroy(location))).message, message)
    assert.equal((await failure(VarveLevel.repair(location))).message, message)
  }
  const db = memoryLevel()
  assert.equal(db.location, '/db')
  await db.close()
})

test("ClassicLevel's options and the program's own are taken; Varve's own are checked", async () => {
  const classic = {
    cacheSize: 1 << 20, writeBufferSize: 1000, compression: true, maxOpenFiles: 10, blockSize: 16,
    blockRestartInterval: 4, maxFileSize: 1, multithreading: false, userland: { any: 'thing' },
  }
  const db = memoryLevel(classic)
  await db.open()
  await db.put('a', '1', { sync: true })
  assert.equal(db.engine.stats().cache.capacityBytes, 1 << 20)
  assert.equal(db.engine.stats().memory.slabBytes, 64 * 1024)
  await db.close()
  const wrong = await failure(memoryLevel({ immutablesMax: 0 }).open())
  assert.equal(wrong.code, 'LEVEL_DATABASE_NOT_OPEN')
  assert.equal(wrong.cause?.code, 'INVALID_ARGUMENT')
})

test('the options of reads and writes are honoured or accepted', async () => {
  const db = memoryLevel()
  const [long, short] = ['1'.repeat(100), '2']
  await db.batch([{ type: 'put', key: 'a', value: long }, { type: 'put', key: 'b', value: short }], { sync: true })
  assert.equal(db.engine.stats().wal.unsyncedBytes, 0)
  await db.batch().put('c', '3').write({ sync: true })
  assert.equal(db.engine.stats().wal.unsyncedBytes, 0)
  await db.del('c', { sync: true })
  assert.equal(db.engine.stats().wal.unsyncedBytes, 0)
  await db.put('c', '3', { sync: false })
  assert.notEqual(db.engine.stats().wal.unsyncedBytes, 0)
  assert.equal(await db.get('b', { fillCache: false }), '2')
  assert.deepEqual(await db.getMany(['b', 'x'], { fillCache: false }), ['2', undefined])
  assert.equal(await db.has('b', { fillCache: false }), true)

  const pageOf = async (highWaterMarkBytes: number) => {
    const iterator = db.iterator({ highWaterMarkBytes, fillCache: true })
    const page = await iterator.nextv(10)
    const rest = await iterator.all()
    assert.deepEqual([...page, ...rest].map(([key]) => key), ['a', 'b', 'c'])
    return page.length
  }
  assert.equal(await pageOf(0), 1)
  assert.equal(await pageOf(101), 2)
  assert.equal(await pageOf(1000), 3)
  assert.equal((await db.values({ highWaterMarkBytes: 99 }).nextv(10)).length, 1)
  assert.equal((await db.keys({ highWaterMarkBytes: 1 }).nextv(10)).length, 2)
  await db.close()
})

test('what is stored survives, in every form of data', async () => {
  const vfs = new MemoryVfs()
  const db = memoryLevel({}, vfs)
  await db.put('text', 'ä\ufeffß\u{1f600}')
  await db.put('view', new DataView(new ArrayBuffer(3)) as never, { valueEncoding: 'view' })
  await db.put('words', new Uint16Array([1, 2]) as never, { valueEncoding: 'view' })
  await db.put(new Uint8Array([0, 255]), Buffer.from([1]), { keyEncoding: 'view', valueEncoding: 'buffer' })
  await db.batch([{ type: 'put', key: 'json', value: { a: [1] } }], { valueEncoding: 'json' } as never)
  await db.batch([{ type: 'put', key: 'batched', value: new Uint16Array([3]) as never }], { valueEncoding: 'view' })
  await db.close()
  await db.open()
  assert.equal(await db.get('text'), 'ä\ufeffß\u{1f600}')
  assert.deepEqual(await db.get('view', { valueEncoding: 'buffer' }), Buffer.alloc(3))
  assert.deepEqual(await db.get('words', { valueEncoding: 'view' }), new Uint8Array([1, 0, 2, 0]))
  const options = { keyEncoding: 'buffer', valueEncoding: 'view' } as const
  const value = await db.get<Buffer, Uint8Array>(Buffer.from([0, 255]), options)
  assert.ok(value instanceof Uint8Array && !Buffer.isBuffer(value))
  assert.ok(Buffer.isBuffer(await db.get<string, Buffer>('view', { valueEncoding: 'buffer' })))
  assert.deepEqual(await db.get<string, object>('json', { valueEncoding: 'json' }), { a: [1] })
  assert.deepEqual(await db.get('batched', { valueEncoding: 'view' }), new Uint8Array([3, 0]))
  await db.close()
})

test('what is read is the own memory of the reader', async () => {
  const db = memoryLevel()
  await db.put('a', 'value')
  const first = await db.get<string, Buffer>('a', { valueEncoding: 'buffer' })
  first!.fill(0)
  const entries = db.iterator<Buffer, Buffer>({ keyEncoding: 'buffer', valueEncoding: 'buffer' })
  for (const bytes of (await entries.next())!) bytes.fill(0)
  assert.equal(db.getSync('a'), 'value')
  await db.close()
})

test('a second handle is refused while the first is open', async () => {
  const location = newDirectory()
  const first = new VarveLevel(location, { workers: 0 })
  await first.open()
  const error = await failure(new VarveLevel(location).open())
  assert.equal(error.code, 'LEVEL_DATABASE_NOT_OPEN')
  assert.equal(error.cause?.code, 'LEVEL_LOCKED')
  assert.match(error.cause!.message, /already open in this process/)
  assert.equal(error.cause?.cause?.code, 'LOCKED')
  const shared = await failure(new VarveLevel(location, { multithreading: true }).open())
  assert.equal(shared.cause?.code, 'LEVEL_LOCKED')
  assert.equal((await failure(VarveLevel.destroy(location))).code, 'LEVEL_LOCKED')
  await first.close()
  const second = new VarveLevel(location, { workers: 0 })
  await second.open()
  await second.close()
})

test('with multithreading, handles with one location share a database until the last is closed', async () => {
  const location = newDirectory()
  const open = () => new VarveLevel(location, { multithreading: true, workers: 0 })
  const [first, second] = [open(), open()]
  await Promise.all([first.open(), second.open()])
  assert.equal(first.engine, second.engine)
  await first.put('a', '1')
  assert.equal(await second.get('a'), '1')
  const iterator = first.iterator()
  await first.close()
  assert.equal((await failure(iterator.next())).code, 'LEVEL_ITERATOR_NOT_OPEN')
  await second.put('b', '2')
  const closing = second.close()
  await new Promise((resolve) => setImmediate(resolve)) // it is under way
  const third = open() // waits for the close, whose lock it needs
  await third.open()
  await closing
  assert.deepEqual(await third.keys().all(), ['a', 'b'])
  await third.close()
})

test('errors of open have a cause with a code', async () => {
  const absent = await failure(memoryLevel({ createIfMissing: false }).open())
  assert.equal(absent.code, 'LEVEL_DATABASE_NOT_OPEN')
  assert.match(absent.cause!.message, /does not exist/)

  const vfs = new MemoryVfs()
  await memoryLevel({}, vfs).open()
  const held = await failure(memoryLevel({}, vfs).open())
  assert.equal(held.cause?.code, 'LEVEL_LOCKED')

  const broken = new FaultyVfs(new MemoryVfs())
  broken.addFault({ kind: 'mkdir', fault: { do: 'error', code: 'EACCES' } })
  const io = await failure(new VarveLevel('/db', { components: { vfs: broken } }).open())
  assert.equal(io.cause?.code, 'LEVEL_IO_ERROR')
})

test('damage is LEVEL_CORRUPTION and says where', async () => {
  const vfs = new MemoryVfs()
  const db = memoryLevel({}, vfs)
  await db.put('a', '1')
  await db.close()
  const image = takeImage(vfs, '/db')
  const table = [...image.keys()].find((name) => name.endsWith('.table'))!
  const bytes = image.get(table)!.slice()
  bytes[140]! ^= 1 // in the first block: read when it is needed
  const damaged = memoryLevel({}, vfsOf(withFile(image, table, bytes), '/db'))
  for (const read of [damaged.get('a'), damaged.getMany(['a']), damaged.has('a'), damaged.iterator().all()]) {
    const error = await failure(read)
    assert.equal(error.code, 'LEVEL_CORRUPTION')
    assert.equal((error.cause as { file?: string }).file, table)
  }
  assert.throws(() => damaged.getSync('a'), { code: 'LEVEL_CORRUPTION' })
  await damaged.close()
  const error = await failure(memoryLevel({}, vfsOf(withFile(image, table, bytes.slice(0, 100)), '/db')).open())
  assert.equal(error.cause?.code, 'LEVEL_CORRUPTION')
})

test('a write that fails says so, and close says it once', async () => {
  const vfs = new FaultyVfs(new MemoryVfs())
  const db = new VarveLevel('/db', { workers: 0, components: { vfs } })
  await db.open()
  vfs.addFault({ kind: 'write', fileClass: 'log', fault: { do: 'error', code: 'EIO' }, times: Infinity })
  vfs.addFault({ kind: 'truncate', fault: { do: 'error', code: 'EIO' }, times: Infinity })
  const errors = await Promise.all([failure(db.put('a', '1')), failure(db.put('b', '2')), failure(db.del('c'))])
  for (const error of errors) assert.equal(error.code, 'LEVEL_IO_ERROR')
  vfs.clearFaults()
  assert.equal((await failure(db.put('a', '1'))).code, 'LEVEL_IO_ERROR')
  const error = await failure(db.close())
  assert.equal(error.code, 'LEVEL_DATABASE_NOT_CLOSED')
  assert.equal(error.cause?.code, 'LEVEL_IO_ERROR')
  await db.close()
  assert.equal(db.status, 'closed')
  await db.open()
  assert.equal(await db.get('a'), undefined)
  await db.close()
})

test('a database opened readOnly refuses writes with LEVEL_READONLY', async () => {
  const vfs = new MemoryVfs()
  const writer = memoryLevel({}, vfs)
  await writer.put('a', '1')
  const reader = memoryLevel({ readOnly: true }, vfs)
  assert.equal(await reader.get('a'), '1')
  assert.deepEqual(await reader.iterator().all(), [['a', '1']])
  for (const write of [reader.put('b', '2'), reader.del('a'), reader.clear(), reader.compactRange('a', 'b')]) {
    assert.equal((await failure(write)).code, 'LEVEL_READONLY')
  }
  await reader.close()
  await writer.close()
})

test('too large a key or value is told in the words of abstract-level', async () => {
  const db = memoryLevel()
  assert.equal((await failure(db.put('k'.repeat(65_536), ''))).code, 'LEVEL_INVALID_KEY')
  assert.equal(await db.get('k'.repeat(65_536)), undefined)
  assert.deepEqual(await db.keys({ gte: 'k'.repeat(65_536) }).all(), [])
  await db.close()
})

test('approximateSize counts tables, in proportion to the range', async () => {
  const db = memoryLevel({ blockSize: 1024 })
  const key = (i: number) => String(i).padStart(4, '0')
  assert.equal(await db.approximateSize('0', 'z'), 0) // deferred, too
  await db.batch(Array.from({ length: 1000 }, (_, i) => ({ type: 'put', key: key(i), value: 'v'.repeat(100) })))
  assert.equal(await db.approximateSize('0', 'z'), 0)
  await db.compactRange('0', 'z')
  const all = await db.approximateSize('0', 'z')
  const half = await db.approximateSize(key(500), 'z')
  assert.ok(all > 100_000 && all < 150_000, `${all} bytes`)
  assert.ok(Math.abs(half - all / 2) < 5000, `${half} of ${all}`)
  assert.equal(await db.approximateSize('x', 'z'), 0)
  assert.equal(await db.approximateSize('z', '0'), 0)
  assert.equal(await db.approximateSize(Buffer.from('0'), Buffer.from('z'), { keyEncoding: 'buffer' }), all)
  assert.match((await failure((db.approximateSize as (key: string) => Promise<number>)('a'))).message, /are required/)
  assert.match((await failure((db.compactRange as (key: string) => Promise<void>)('a'))).message, /are required/)
  await db.close()
  for (const call of [db.approximateSize('a', 'b'), db.compactRange('a', 'b')]) {
    assert.equal((await failure(call)).code, 'LEVEL_DATABASE_NOT_OPEN')
  }
})

test('compactRange lets go of what was deleted and replaced', async () => {
  const db = memoryLevel({ compaction: { style: 'none' } })
  const write = (value: string) =>
    db.batch(Array.from({ length: 500 }, (_, i) => ({ type: 'put', key: `key ${i}`, value: value + 'v'.repeat(100) })))
  for (const value of ['1', '2', '3']) {
    await write(value)
    await db.engine.flush()
  }
  const before = await db.approximateSize('a', 'z')
  await db.compactRange('x', 'z')
  assert.equal(await db.approximateSize('a', 'z'), before)
  await db.compactRange('a', 'z')
  const replaced = await db.approximateSize('a', 'z')
  assert.ok(replaced < before / 2, `${replaced} of ${before}`)
  await db.clear({ gte: 'key 2' })
  await db.compactRange('a', 'z')
  assert.ok(await db.approximateSize('a', 'z') < replaced / 2)
  assert.equal((await db.keys().all()).length, 112)
  await db.close()
})

test("getProperty answers LevelDB's names", async () => {
  const db = memoryLevel()
  assert.throws(() => db.getProperty('leveldb.stats'), { code: 'LEVEL_DATABASE_NOT_OPEN' })
  await db.open()
  assert.throws(() => db.getProperty(5 as never), TypeError)
  const head = [
    '                               Compactions', 'Level  Files Size(MB) Time(sec) Read(MB) Write(MB)',
    '--------------------------------------------------',
  ]
  assert.deepEqual(db.getProperty('leveldb.stats').split('\n'), [...head, ''])
  assert.equal(db.getProperty('leveldb.num-files-at-level0'), '0')
  await db.batch([{ type: 'put', key: 'a', value: '1' }, { type: 'put', key: 'é', value: '2' }])
  await db.compactRange('a', 'z')
  assert.equal(db.getProperty('leveldb.num-files-at-level0'), '0')
  assert.equal(db.getProperty('leveldb.num-files-at-level6'), '1')
  for (const unknown of ['leveldb.num-files-at-level7', 'leveldb.num-files-at-level', 'leveldb.other', '']) {
    assert.equal(db.getProperty(unknown), '')
  }
  const lines = db.getProperty('leveldb.stats').split('\n')
  assert.deepEqual(lines.slice(0, 3), head)
  assert.match(lines.slice(3).join('\n'), /^  6        1        0         0        0         0\n$/)
  const tables = /--- level 6 ---\n \d+:\d+\['a' \.\. '\\xc3\\xa9'\]\n/
  assert.match(db.getProperty('leveldb.sstables'), tables)
  assert.ok(Number(db.getProperty('leveldb.approximate-memory-usage')) > 0)
  await db.close()
})

test('destroy removes the database and nothing else', async () => {
  const location = newDirectory()
  await VarveLevel.destroy(location) // nothing there
  const db = new VarveLevel(location, { workers: 0 })
  await db.put('a', '1')
  await db.close()
  writeFileSync(path.join(location, 'mine.txt'), 'x')
  await VarveLevel.destroy(location)
  assert.deepEqual(readdirSync(location).filter((name) => !name.startsWith('varve.lock')), ['mine.txt'])
  assert.ok(existsSync(path.join(location, 'mine.txt')))
})

test('repair puts a database with what is left in the place of the damaged one, which stays beside it', async () => {
  const location = newDirectory()
  const missing = await failure(VarveLevel.repair(location))
  assert.equal(missing.code, 'LEVEL_IO_ERROR')
  assert.match(missing.message, /no such file or directory/i)
  const db = new VarveLevel(location, { workers: 0 })
  await db.put('a', '1')
  assert.equal((await failure(VarveLevel.repair(location))).code, 'LEVEL_LOCKED')
  await db.close()
  const before = readdirSync(location)
  const report = await VarveLevel.repair(location)
  assert.ok(report.ok)
  const again = new VarveLevel(location, { workers: 0 })
  assert.equal(await again.get('a'), '1')
  await again.close()
  const beside = readdirSync(path.dirname(location)).filter((name) => name !== path.basename(location))
  assert.equal(beside.length, 1)
  assert.match(beside[0]!, /\.damaged\.\d+$/)
  assert.deepEqual(readdirSync(path.join(path.dirname(location), beside[0]!)), before)
})

test('engine gives the Varve under it while it is open', async () => {
  const db = memoryLevel()
  assert.throws(() => db.engine, { code: 'LEVEL_DATABASE_NOT_OPEN' })
  await db.put('a', '1')
  assert.ok(db.engine instanceof Varve)
  assert.deepEqual(db.engine.getSync('a'), new Uint8Array([0x31]))
  await db.close()
  assert.throws(() => db.engine, { code: 'LEVEL_DATABASE_NOT_OPEN' })
})

test('a snapshot of another database is refused', async () => {
  const [db, other] = [memoryLevel(), memoryLevel()]
  await Promise.all([db.open(), other.open()])
  const snapshot = other.snapshot()
  for (const read of [db.get('a', { snapshot }), db.getMany(['a'], { snapshot }), db.clear({ snapshot })]) {
    assert.match((await failure(read)).message, /of another database/)
  }
  assert.throws(() => db.iterator({ snapshot }), /of another database/)
  await Promise.all([db.close(), other.close()])
})
