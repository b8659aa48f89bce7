/** putStream: values that come in pieces and are never whole in memory. */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import path from 'node:path'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { SeededRandom } from '../../src/base/index.js'
import { runCommandLine } from '../../src/cli/command-line.js'
import { VarveError } from '../../src/index.js'
import type { Varve, VarveOptions } from '../../src/index.js'
import { onEach, Place, text } from '../support/databases/databases.js'
import { keyOperations } from '../support/databases/follower.js'
import { TestTerminal } from '../support/fakes/test-terminal.js'

/** More than a buffer of SMALL, so that the value gets a file of its own. */
const LARGE = 700_000

function bytesOf(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length)
  new SeededRandom(seed).fill(bytes)
  return bytes
}

function* piecesOf(value: Uint8Array, pieceBytes = 50_000): Generator<Uint8Array> {
  for (let at = 0; at < value.length; at += pieceBytes) yield value.slice(at, at + pieceBytes)
}

async function* later(value: Uint8Array, pieceBytes?: number): AsyncGenerator<Uint8Array> {
  for (const piece of piecesOf(value, pieceBytes)) {
    await new Promise(setImmediate)
    yield piece
  }
}

async function refusalOf(call: Promise<unknown>, code: string): Promise<VarveError> {
  const error: unknown = await call.then(() => 'no error', (reason: unknown) => reason)
  assert.ok(VarveError.is(error), String(error))
  assert.equal(error.code, code, error.message)
  return error
}

function filesOf(place: Place): string[] {
  return place.vfs === null ? readdirSync(place.location) : place.vfs.listSync(place.location)
}

const valueLogs = (place: Place): string[] => filesOf(place).filter((name) => name.includes('vlog')).sort()

async function checkValue(db: Varve, key: string, value: Uint8Array): Promise<void> {
  assert.deepEqual(await db.get(key), value)
  assert.deepEqual(db.getSync(key), value)
  const parts: Uint8Array[] = []
  for await (const part of (await db.getStream(key))!) parts.push(part)
  assert.ok(Buffer.concat(parts).equals(value))
  assert.ok(db.hasSync(key))
  for await (const [found, given] of db.entries({ gte: key, lte: key })) {
    assert.equal(text(found), key)
    assert.deepEqual(given, value)
  }
  assert.deepEqual(await db.getMany([key]), [value])
}

const large = bytesOf(LARGE)

const SOURCES: Record<string, (value: Uint8Array) => never> = {
  'an async generator': (value) => later(value) as never,
  'a generator': (value) => piecesOf(value) as never,
  'an array of pieces': (value) => [...piecesOf(value)] as never,
  'one large piece': (value) => [value] as never,
  'a Readable of Node': (value) => Readable.from(piecesOf(value)) as never,
  'a ReadableStream': (value) => new Blob([value as never]).stream() as never,
  'a Blob': (value) => new Blob([value as never]) as never,
  'a reader without async iteration': (value) => {
    const stream = new Blob([value as never]).stream()
    return { getReader: () => stream.getReader() } as never
  },
}

for (const [name, make] of Object.entries(SOURCES)) {
  for (const length of [0, 10, 60_000, LARGE]) {
    test(`${name} of ${length} bytes is stored`, async () => {
      const place = new Place('memory')
      const db = await place.open()
      const value = large.subarray(0, length)
      await db.putStream('key', make(value))
      await checkValue(db, 'key', value)
      assert.equal(valueLogs(place).length, length === LARGE ? 1 : 0)
      await db.close()
    })
  }
}

for (const valueThreshold of [0, 512]) {
  for (const manifestSync of [true, false]) {
    const options: VarveOptions = { valueThreshold, manifestSync }

    const name = `a streamed value in memtable, table and after opens: ${JSON.stringify(options)}`
    test(name, () => onEach(async (place) => {
      let db = await place.open({ ...options, flushOnClose: false })
      await db.putStream('key', later(large), { sync: true })
      await checkValue(db, 'key', large)
      await db.close() // it stands in the log only
      assert.equal(valueLogs(place).length, 1)
      const reader = await place.open({ ...options, readOnly: true })
      await checkValue(reader, 'key', large)
      await reader.close()
      db = await place.open(options) // replays it
      await checkValue(db, 'key', large)
      assert.equal(db.stats().valueLog.fileCount, 1)
      await db.put('other', 'x')
      await db.putStream('next', later(large))
      await db.flush()
      await checkValue(db, 'next', large)
      await db.compact()
      await checkValue(db, 'key', large)
      await db.close()
      db = await place.open(options)
      await checkValue(db, 'next', large)
      await db.del('next')
      await db.del('key')
      await db.compact()
      await db.close()
      db = await place.open(options)
      assert.deepEqual(valueLogs(place), [])
    }))
  }
}

test('a value that is overwritten before the flush leaves no file behind', () => onEach(async (place) => {
  const db = await place.open()
  await db.putStream('key', later(large))
  const snapshot = db.snapshot()
  await db.put('key', 'short')
  assert.deepEqual(await db.get('key', { snapshot }), large)
  const stream = (await db.getStream('key', { snapshot }))!
  await stream.next()
  await db.flush()
  assert.deepEqual(await db.get('key', { snapshot }), large)
  snapshot.release()
  await db.compact()
  assert.equal(valueLogs(place).length, 1, 'the stream reads it')
  await stream.return!()
  await db.compact()
  await db.put('a', 'b')
  await db.flush()
  await db.close()
  assert.deepEqual(valueLogs(place), [])
}))

test('two streams to one key: the one that ends later stays', async () => {
  const place = new Place('memory')
  const db = await place.open()
  const [first, second] = [bytesOf(LARGE, 2), bytesOf(LARGE + 5, 3)]
  let end: () => void = () => undefined
  const ended = new Promise<void>((resolve) => (end = resolve))
  async function* slow(): AsyncGenerator<Uint8Array> {
    yield* piecesOf(first)
    await ended
  }
  const slowPut = db.putStream('key', slow())
  await db.putStream('key', piecesOf(second))
  await checkValue(db, 'key', second)
  end()
  await slowPut
  await checkValue(db, 'key', first)
  await db.flush()
  await db.compact()
  assert.equal(db.stats().valueLog.fileCount, 1)
  await checkValue(db, 'key', first)
  await db.close()
  assert.equal(valueLogs(place).length, 1, 'a close waits for the removal of files')
})

test('a source has the bytes of a piece back with the next call: it may use the memory again', async () => {
  const db = await new Place('memory').open()
  const piece = new Uint8Array(40_000)
  function* again(): Generator<Uint8Array> {
    for (let i = 0; i < 20; i++) yield piece.fill(i)
  }
  await db.putStream('key', again())
  const value = (await db.get('key'))!
  for (let i = 0; i < 20; i++) assert.equal(value[i * 40_000 + 39_999], i)
  await db.close()
})

const BAD: [name: string, source: () => unknown, code: string, options?: object][] = [
  ['a string', () => 'text', 'INVALID_ARGUMENT'],
  ['bytes', () => new Uint8Array(5), 'INVALID_ARGUMENT'],
  ['nothing', () => undefined, 'INVALID_ARGUMENT'],
  ['an object', () => ({}), 'INVALID_ARGUMENT'],
  ['a number', () => 5, 'INVALID_ARGUMENT'],
  ['pieces that are strings', () => ['a', 'b'], 'INVALID_ARGUMENT'],
  ['pieces that are numbers', () => [1], 'INVALID_ARGUMENT'],
  ['a piece that is undefined', () => [new Uint8Array(5), undefined], 'INVALID_ARGUMENT'],
  ['a piece that is null', () => [null], 'INVALID_ARGUMENT'],
  ['a wrong piece behind many', () => [large, 'x'], 'INVALID_ARGUMENT'],
  ['a locked stream', () => {
    const stream = new Blob(['a']).stream()
    stream.getReader()
    return stream
  }, 'INVALID_ARGUMENT'],
  ['a throwing getter', () => ({ get getReader() { throw new Error('no') } }), 'INVALID_ARGUMENT'],
  ['a wrong option', () => [], 'INVALID_ARGUMENT', { size: 5 }],
  ['a wrong length', () => [], 'INVALID_ARGUMENT', { length: -1 }],
  ['a length above the limit', () => [], 'VALUE_TOO_LARGE', { length: 2 ** 30 + 1 }],
  ['a source that fails at once', () => failing(0), 'SOURCE_FAILED'],
  ['a source that fails later', () => failing(LARGE), 'SOURCE_FAILED'],
  ['a source that ends early', () => later(large), 'SOURCE_FAILED', { length: LARGE + 1 }],
  ['a small source that ends early', () => [new Uint8Array(4)], 'SOURCE_FAILED', { length: 5 }],
  ['a source without bytes that said more', () => [], 'SOURCE_FAILED', { length: LARGE }],
  ['a source that is longer', () => later(large), 'SOURCE_FAILED', { length: LARGE - 1 }],
  ['a small source that is longer', () => [new Uint8Array(6)], 'SOURCE_FAILED', { length: 5 }],
  ['an endless source with a length', () => endless(), 'SOURCE_FAILED', { length: 1_000_000 }],
]

async function* failing(bytes: number): AsyncGenerator<Uint8Array> {
  yield* piecesOf(large.subarray(0, bytes))
  throw new Error('the network is gone')
}

function* endless(): Generator<Uint8Array> {
  for (;;) yield new Uint8Array(10_000)
}

for (const [name, source, code, options] of BAD) {
  test(`${name} is refused with ${code}: nothing is stored, no file stays`, () => onEach(async (place) => {
    const db = await place.open()
    await db.put('key', 'before')
    const error = await refusalOf(db.putStream('key', source() as never, options), code)
    if (code === 'SOURCE_FAILED' && /^the source failed/.test(error.message)) {
      assert.equal((error.cause as Error).message, 'the network is gone')
    }
    assert.equal(text(await db.get('key')), 'before')
    assert.deepEqual(valueLogs(place), [])
    assert.equal(db.stats().memory.streamBytes, 0)
    await db.close()
    assert.deepEqual(valueLogs(place), [])
  }))
}

test('a source is told that no more is wanted', async () => {
  const db = await new Place('memory').open()
  const ends: string[] = []
  async function* noted(): AsyncGenerator<Uint8Array> {
    try {
      yield* endless()
    } finally {
      ends.push('returned')
    }
  }
  await refusalOf(db.putStream('key', noted(), { length: 70_000 }), 'SOURCE_FAILED')
  const stream = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new Uint8Array(9000)),
    cancel: (reason: Error) => void ends.push(`cancelled: ${reason.message}`),
  })
  const { message } = await refusalOf(
    db.putStream('key', { getReader: () => stream.getReader() }, { length: 70_000 }), 'SOURCE_FAILED')
  await new Promise(setImmediate)
  assert.deepEqual(ends, ['returned', `cancelled: ${message}`])
  await db.close()
})

test('close ends a stream whose source never ends, and leaves nothing of it', () => onEach(async (place) => {
  const db = await place.open()
  async function* hanging(bytes: number): AsyncGenerator<Uint8Array> {
    yield large.subarray(0, bytes)
    await new Promise(() => undefined)
  }
  const puts = [0, 1000, LARGE].map((bytes, i) => db.putStream(`key ${i}`, hanging(bytes)))
  const endlessPut = db.putStream('endless', endless())
  const refused = Promise.all([...puts, endlessPut].map((put) => refusalOf(put, 'CLOSED')))
  await new Promise((resolve) => setTimeout(resolve, 20))
  await db.close()
  await refused
  assert.deepEqual(valueLogs(place), [])
  await refusalOf(db.putStream('key', [large]), 'CLOSED')
  const again = await place.open()
  assert.deepEqual([...again.keysSync()].map(text), [])
}))

test('a source is asked for more only when the disk has what it gave', async () => {
  const place = new Place('memory')
  const db = await place.open()
  const { vfs } = place
  let goOn: () => void = () => undefined
  const gate = new Promise<void>((resolve) => (goOn = resolve))
  const open = vfs!.open.bind(vfs)
  vfs!.open = async (file, mode) => {
    const opened = await open(file, mode)
    const write = opened.write.bind(opened)
    if (file.includes('.tmp')) opened.write = (...given) => gate.then(() => write(...given))
    return opened
  }
  let given = 0
  function* counted(): Generator<Uint8Array> {
    for (; given < 40; given++) yield new Uint8Array(64 << 10)
  }
  const written = db.putStream('key', counted())
  for (let i = 0; i < 50; i++) await new Promise(setImmediate)
  assert.ok(given >= 4 && given <= 12, `${given} pieces were asked for`)
  assert.ok(db.stats().memory.streamBytes <= 512 << 10)
  goOn()
  await written
  assert.equal((await db.get('key'))!.length, 40 * (64 << 10))
  assert.equal(db.stats().memory.streamBytes, 0)
  await db.close()
})

test('an endless source meets the limit of values', async () => {
  const db = await new Place('memory').open()
  let count = 0
  const piece = new Uint8Array(64 << 20)
  async function* counted(): AsyncGenerator<Uint8Array> {
    for (;;) {
      count++
      yield piece
    }
  }
  // The limit is met before a byte of the last piece is written; the ones before went to a file in memory.
  await refusalOf(db.putStream('key', counted(), { length: 3 * piece.length }), 'SOURCE_FAILED')
  assert.equal(count, 4)
  await db.close()
})

test('empty pieces that never end let the event loop turn', async () => {
  const db = await new Place('memory').open()
  let isEnded = false
  setTimeout(() => (isEnded = true), 5)
  function* empty(): Generator<Uint8Array> {
    while (!isEnded) yield new Uint8Array(0)
  }
  await db.putStream('key', empty())
  assert.deepEqual(await db.get('key'), new Uint8Array(0))
  await db.close()
})

test('a read-only database and too many streams refuse it', async () => {
  const place = new Place('memory')
  const db = await place.open()
  const reader = await place.open({ readOnly: true })
  await refusalOf(reader.putStream('key', [large]), 'READ_ONLY')
  await reader.close()
  const hanging = Array.from({ length: 128 }, (_, i) => db.putStream(`k${i}`, {
    [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => undefined) }),
  }))
  await refusalOf(db.putStream('key', [large]), 'BUSY')
  const refused = Promise.all(hanging.map((put) => refusalOf(put, 'CLOSED')))
  await db.close()
  await refused
})

test('a follower gets a streamed value, also after it was overwritten and flushed', () => onEach(async (place) => {
  const db = await place.open()
  await db.pins.acquire('follower')
  await db.putStream('key', later(large))
  await db.put('key', 'short')
  await db.flush()
  await db.compact()
  const values: (Uint8Array | undefined)[] = []
  const follow = async (from: Varve) => {
    values.length = 0
    for await (const batch of from.pins.read('follower')) {
      values.push(...keyOperations([batch]).map(({ value }) => value))
    }
  }
  await follow(db)
  assert.deepEqual(values.map((value) => value!.length), [LARGE, 5])
  assert.deepEqual(values[0], large)
  await db.close()
  const again = await place.open()
  await follow(again)
  assert.deepEqual(values[0], large)
  assert.equal(valueLogs(place).length, 1)
  await again.pins.release('follower')
  await again.flush()
  await again.close()
  assert.deepEqual(valueLogs(place), [])
}))

test('dumps show the handle in the log, and the value in its file', async () => {
  const place = new Place('node')
  const db = await place.open({ flushOnClose: false })
  await db.putStream('key', [large])
  await db.close()
  const [file] = valueLogs(place)
  const terminal = new TestTerminal()
  const log = filesOf(place).find((name) => name.endsWith('.wal'))!
  assert.equal(await runCommandLine(['dump', 'log', path.join(place.location, log), '--json'], terminal), 0)
  const { sections } = JSON.parse(terminal.outText) as { sections: { data: { entries?: unknown[] } }[] }
  const [entry] = sections.flatMap(({ data: { entries = [] } }) => entries)
  const handle = { fileNum: Number.parseInt(file!, 10), offset: 179, bytes: LARGE }
  assert.deepEqual(entry, { seqNum: 1, kind: 'valueHandle', key: '"key"', handle, valueBytes: 20 })
  const second = new TestTerminal()
  assert.equal(await runCommandLine(['dump', 'vlog', path.join(place.location, file!)], second), 0)
  assert.match(second.outText, /frame: values.*sequence number 0/)
})

test('statistics tell of a streamed value before its flush', async () => {
  const db = await new Place('memory').open()
  await db.putStream('key', [large])
  const { fileCount, putBytes, files } = db.stats().valueLog
  assert.deepEqual([fileCount, putBytes, files[0]!.heldBy], [1, LARGE, 'log'])
  await db.flush()
  assert.equal(db.stats().valueLog.fileCount, 1)
  assert.equal(db.stats().valueLog.files[0]!.heldBy, 'table')
  await db.close()
})
