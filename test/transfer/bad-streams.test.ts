/** Streams that are cut, changed or hostile install nothing and leave nothing; sinks that fail or stall are told. */
import assert from 'node:assert/strict'
import { PassThrough, Writable } from 'node:stream'
import { test } from 'node:test'
import { MiB, SeededRandom } from '../../src/base/index.js'
import type { ExportFormat, ExportOptions, ImportOptions, Varve, VarveError } from '../../src/index.js'
import { exported, Home, pieces, putAll } from '../support/databases/transfers.js'
import { eio, watchedVfs } from '../support/fakes/watched-vfs.js'
import { drawn } from '../support/harness/share.js'

const FEW = ['a', 'b\n"', 'c\u2028é', 'd\0'].map((text, i) => ({
  key: Buffer.from(text), value: Buffer.from([0xff, i]), ...(i === 2 ? { expiresAt: 4e12 } : {}),
}))

async function few(home: Home): Promise<Varve> {
  const db = await home.open()
  await putAll(db, FEW)
  return db
}

/** Asserts that a source is refused, and that nothing of it is there. */
async function isRefused(home: Home, bytes: Uint8Array, options: ImportOptions, what: string): Promise<Error> {
  const before = home.names()
  let refusal: Error | null = null
  await home.import('/copy', [bytes], options).catch((error: Error) => (refusal = error))
  assert.ok(refusal !== null, what)
  assert.deepEqual(home.names(), before, what)
  return refusal
}

test('E1, EXP-2: a stream that is cut at any byte is no stream, and nothing is left of it', async () => {
  const home = new Home()
  const db = await few(home)
  for (const format of ['varve', 'jsonl'] satisfies ExportFormat[]) {
    const bytes = await exported(db, { format })
    // The last line feed says nothing that the line before it does not.
    const whole = format === 'jsonl' ? bytes.length - 1 : bytes.length
    for (const length of drawn(`cuts of ${format}`, Array(whole).keys())) {
      const what = `${format} cut at ${length}`
      const error = await isRefused(home, bytes.subarray(0, length), { format }, what)
      assert.equal((error as { code?: string }).code, 'CORRUPTION', what)
      assert.match(error.message, /cut off/, what)
    }
  }
  // A table of cells shows a cut only inside of a line.
  const options: ExportOptions = { format: 'csv', keyEncoding: 'hex', valueEncoding: 'hex', includeExpiry: true }
  const bytes = await exported(db, options)
  for (let length = 0; length < bytes.length; length++) {
    if (length > 0 && bytes[length - 1] === 10) continue
    await isRefused(home, bytes.subarray(0, length), { format: 'csv' }, `csv cut at ${length}`)
  }
  await db.close()
})

test('E1: a stream of which a part in the middle is missing, or comes twice, is no stream', async () => {
  const home = new Home()
  const db = await few(home)
  for (let i = 0; i < 3; i++) await db.put(`large ${i}`, Buffer.alloc(MiB, i))
  const lines = Buffer.from(await exported(db, { format: 'jsonl' })).toString().trimEnd().split('\n')
  for (const changed of [lines.toSpliced(1, 1), lines.toSpliced(1, 0, lines[1]!), [...lines, lines.at(-1)!]]) {
    const what = `${changed.length} lines of ${lines.length}`
    await isRefused(home, Buffer.from(changed.map((line) => `${line}\n`).join('')), {}, what)
  }
  const parts: Uint8Array[] = []
  await db.export(new WritableStream({ write: (part) => void parts.push(part) }), { format: 'varve' })
  for (let i = 1; i < parts.length - 1; i++) {
    await isRefused(home, Buffer.concat(parts.toSpliced(i, 1)), {}, `without frame ${i}`)
    await isRefused(home, Buffer.concat(parts.toSpliced(i, 0, parts[i]!)), {}, `with frame ${i} twice`)
  }
  await db.close()
})

test('E1, E6: into a database that is there, a cut stream changes nothing; the whole one goes in later', async () => {
  const home = new Home()
  const db = await few(home)
  const bytes = await exported(db, { format: 'varve' })
  await db.put('other', 'stays')
  await db.del(FEW[0]!.key)
  await db.close()
  const before = await home.held('/db')
  for (const length of drawn('cuts into', Array(bytes.length).keys())) {
    const cut = pieces(bytes.subarray(0, length), 99)
    await assert.rejects(home.import('/db', cut, { into: 'existing', format: 'varve' }), { code: 'CORRUPTION' })
  }
  assert.deepEqual(await home.held('/db'), before)
  await home.import('/db', pieces(bytes, 99), { into: 'existing' })
  assert.deepEqual((await home.held('/db')).length, FEW.length + 1)
})

test('every byte of a varve stream changed: nothing is installed', async () => {
  const home = new Home()
  const db = await few(home)
  const bytes = await exported(db, { format: 'varve' })
  for (const at of drawn('flips', Array(bytes.length).keys())) {
    for (const bits of [0x01, 0x80, 0xff]) {
      const bad = bytes.slice()
      bad[at]! ^= bits
      await isRefused(home, bad, { format: 'varve' }, `byte ${at} ^ ${bits}`)
    }
  }
  await db.close()
})

test('lines that are no entries end an import, or are left out and told, as maxErrors says', async () => {
  const bad = [
    '[]', '{}', '{"k":"a"}', '{"k":"a","v":"b","k":"c"}', '{"k":"\\ud800","v":""}', '{"k":"\\q","v":""}',
    '{"k":1,"v":""}',
    '{"k64":"YQ=","v":""}', '{"k64":"YR==","v":""}', '{"k":"a","v":"b","ks":"x"}', '{"k":"a","v":"b","exp":-1}',
    '{"k":"a","v":"b"} x', '{"k":"a","v":"b",}', '{"k":"a","json":{]}', '{"k":"a","json":}', '{"k":"a","v":"b"',
    '{"end":true}', '{"k":"a","v":"b","count":1}', '{"k":"a\u0001","v":""}', 'nonsense',
  ]
  for (const line of bad) {
    const home = new Home()
    const source = Buffer.from(`{"k":"first","v":"1"}\r\n${line}\n\n{"v":"2","k":"last"}\n{"end":true,"count":3}\n`)
    const error = await isRefused(home, source, { format: 'jsonl' }, line)
    assert.equal((error as { code?: string }).code, 'CORRUPTION', line)
    const report = await home.import('/copy', [source], { format: 'jsonl', maxErrors: 1 })
    const { ok, entryCount, rejectedCount, problems } = report
    assert.deepEqual([ok, entryCount, rejectedCount, problems.length], [false, 2, 1, 1], line)
    assert.equal(report.problems[0]!.severity, 'damage')
  }
  for (const rows of ['a', 'a,b,c', '"a,b', 'a"b,c', '"a"b,c', 'a,b\n', 'é,\u00ff']) {
    const home = new Home()
    const source = Buffer.from(`key,value\n${rows}\nlast,row`, 'latin1') // its last line has no end
    await isRefused(home, source, { format: 'csv' }, rows)
  }
})

test('what other programs write is read: a byte order mark, other orders, blanks, escapes', async () => {
  const home = new Home()
  const json = '\ufeff{ "v" : "\\u00e9\\ud83d\\ude00\\/\\b\\f" , "k" : "a" }\n{"json": {"x": [1, "}"]} ,"k":"b"}\n' +
    '{"count":2,"end":true}'
  await home.import('/json', [Buffer.from(json)])
  assert.deepEqual((await home.held('/json')).map(({ key, value }) => `${key}=${value}`),
    ['a=é😀/\b\f', 'b={"x": [1, "}"]}'])
  const csv = '\ufeffexpires,Value,KEY\n,"a ""quoted"" cell\r\nof two lines",k1\n4000000000000,plain,k2\n'
  await home.import('/csv', [Buffer.from(csv)])
  assert.deepEqual((await home.held('/csv')).map(({ key, value, expiresAt }) => [`${key}`, `${value}`, expiresAt]),
    [['k1', 'a "quoted" cell\r\nof two lines', undefined], ['k2', 'plain', 4e12]])
})

test('hostile lengths take no memory, and a stream of anything else is refused by name', async () => {
  const home = new Home()
  const random = new SeededRandom(1)
  const noise = new Uint8Array(4096)
  random.fill(noise)
  for (const first of ['', 'SQLite format 3\0', 'x', 'varvelog', '{', 'key', noise]) {
    await isRefused(home, Buffer.from(first as string), {}, String(first).slice(0, 20))
  }
  const db = await few(home)
  const bytes = await exported(db, { format: 'varve' })
  await db.close()
  const before = process.memoryUsage().arrayBuffers
  for (let at = 128; at < 200; at += 4) {
    const bad = bytes.slice()
    bad.set([0xff, 0xff, 0xff, 0x3f], at)
    await isRefused(home, bad, {}, String(at))
  }
  assert.ok(process.memoryUsage().arrayBuffers - before < 256 * MiB)
})

test('a csv of text refuses what is no text, and what expires, by name', async () => {
  const home = new Home()
  const db = await home.open()
  await db.put(Uint8Array.of(0x61, 0xff), 'v')
  await assert.rejects(exported(db, { format: 'csv' }), { code: 'INVALID_ARGUMENT', message: /0x61ff is not UTF-8/ })
  await db.clear()
  await db.put('a', 'v', { ttl: 1e9 })
  await assert.rejects(exported(db, { format: 'csv' }), { code: 'INVALID_ARGUMENT', message: /0x61 expires/ })
  const dropped = await exported(db, { format: 'csv', includeExpiry: false })
  assert.equal(Buffer.from(dropped).toString(), 'key,value\r\na,v\r\n')
  await db.close()
})

test('E1, EXP-1: a sink that fails ends the export with its error, and is not taken for a good end', async () => {
  const home = new Home()
  const db = await home.open()
  for (let i = 0; i < 200; i++) await db.put(`key ${i}`, Buffer.alloc(20_000, i))
  const broken = Object.assign(new Error('broken pipe'), { code: 'EPIPE' })
  const failAfter = (count: number) => new Writable({
    write: (_chunk, _encoding, done) => done(count-- > 0 ? null : broken),
  })
  for (const count of [0, 1, 2]) {
    await assert.rejects(db.export(failAfter(count), { format: 'varve' }), { code: 'IO_ERROR', cause: broken })
  }
  const closed = new PassThrough()
  closed.resume().once('data', () => closed.destroy())
  await assert.rejects(db.export(closed, { format: 'jsonl' }), { code: 'IO_ERROR' })
  const web = new WritableStream({ write: () => Promise.reject(broken) })
  await assert.rejects(db.export(web, { format: 'jsonl' }), { code: 'IO_ERROR', cause: broken })
  const thrower = { write() { throw broken }, end() {}, destroy() {}, on() {}, off() {} }
  await assert.rejects(db.export(thrower as never, { format: 'jsonl' }), { code: 'IO_ERROR', cause: broken })
  const noSpace = Object.assign(new Error(), { code: 'ENOSPC' })
  const full = new Writable({ write: (_chunk, _encoding, done) => done(noSpace) })
  await assert.rejects(db.export(full, { format: 'jsonl' }), { code: 'NO_SPACE' })
  await assert.rejects(db.export({} as never, { format: 'varve' }), { code: 'INVALID_ARGUMENT' })
  assert.equal(db.stats().operations.length, 0)
  await db.close()
})

test('a sink is given no more than it asks for', async () => {
  const home = new Home()
  const db = await home.open()
  for (let i = 0; i < 200; i++) await db.put(`key ${i}`, Buffer.alloc(20_000, i))
  let most = 0
  let chunk = 0
  const slow: Writable = new Writable({
    highWaterMark: 1,
    write(part: Uint8Array, _encoding, done) {
      most = Math.max(most, slow.writableLength)
      chunk = Math.max(chunk, part.length)
      setImmediate(done)
    },
  })
  await db.export(slow, { format: 'jsonl' })
  assert.ok(chunk > 0 && most <= chunk, `${most} bytes waited, a piece has ${chunk}`)
  await db.close()
})

test('E7: a sink that stalls does not hold the moment for longer than maxAgeMs, the signal or a close', async () => {
  const home = new Home()
  const stalled = () => new Writable({ highWaterMark: 1, write: () => undefined })
  for (const readOnly of [false, true]) {
    await (await few(home)).close()
    const db = await home.open('/db', { readOnly })
    await assert.rejects(db.export(stalled(), { format: 'varve', maxAgeMs: 20 }), { code: 'ABORTED' })
    const abort = new AbortController()
    const given = db.export(stalled(), { format: 'jsonl', signal: abort.signal })
    setTimeout(() => abort.abort(new Error('enough')), 5)
    await assert.rejects(given, /enough/)
    const cut = db.export(stalled(), { format: 'csv', keyEncoding: 'hex', valueEncoding: 'hex', includeExpiry: true })
    const ended = assert.rejects(cut, { code: 'CLOSED' })
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(db.stats().operations[0]?.kind, 'export')
    await db.close()
    await ended
  }
})

test('a source that fails, stalls or gives something else ends the import, and nothing is left', async () => {
  const home = new Home()
  const db = await few(home)
  const bytes = await exported(db, { format: 'varve' })
  await db.close()
  const before = home.names()
  async function* failing(): AsyncGenerator<Uint8Array> {
    yield bytes.subarray(0, 200)
    throw new Error('the network is gone')
  }
  await assert.rejects(home.import('/copy', failing()), { code: 'SOURCE_FAILED' })
  await assert.rejects(home.import('/copy', ['text'] as never), { code: 'SOURCE_FAILED' })
  await assert.rejects(home.import('/copy', 7 as never), { code: 'INVALID_ARGUMENT' })
  await assert.rejects(home.import('/copy', '/none'), { code: 'NOT_FOUND' })
  await assert.rejects(home.import('/copy', '/db', { format: 'varve' }), { code: 'INVALID_ARGUMENT' })
  await assert.rejects(home.import('/none/copy', [bytes]), { code: 'NOT_FOUND' })
  const abort = new AbortController()
  abort.abort(new Error('enough'))
  await assert.rejects(home.import('/copy', [bytes], { signal: abort.signal }), /enough/)
  for (const options of [{ format: 'xml' }, { into: 'there' }, { maxErrors: -1 }, { sorted: true }, { other: 1 },
    { open: { readOnly: true } }, { keyEncoding: 'latin1' }]) {
    await assert.rejects(home.import('/copy', [bytes], options as never), { code: 'INVALID_ARGUMENT' })
  }
  assert.deepEqual(home.names(), before)
})

test('a file has its name when it is whole; what is there is not replaced; what a kill left is removed', async () => {
  const home = new Home()
  const db = await few(home)
  const report = await db.export('/out.varve', { format: 'varve' })
  assert.deepEqual([report.entryCount, report.bytes], [FEW.length, home.bytesOf('/out.varve').length])
  await assert.rejects(db.export('/out.varve', { format: 'varve' }), { code: 'ALREADY_EXISTS' })
  const both = await Promise.allSettled([1, 2].map(() => db.export('/both.varve', { format: 'varve' })))
  const failed = both.flatMap((each) => (each.status === 'rejected' ? [each.reason as VarveError] : []))
  assert.deepEqual(failed.map(({ code }) => code), ['ALREADY_EXISTS'])
  home.vfs.unlinkSync('/both.varve')
  await assert.rejects(db.export('/none/out', { format: 'varve' }), { code: 'NOT_FOUND' })
  await assert.rejects(db.export('/db/out', { format: 'varve' }), { code: 'INVALID_ARGUMENT' })
  await assert.rejects(db.export('/text.csv', { format: 'csv' }), { code: 'INVALID_ARGUMENT' })
  await home.vfs.open('/next.part', 'create').then((file) => file.close())
  await db.export('/next', { format: 'jsonl' })
  assert.deepEqual(home.names(), ['db', 'next', 'out.varve'])
  await db.close()
  for (const file of ['/out.varve', '/next']) {
    await home.import(`/from${file.slice(1)}`, file)
    assert.equal((await home.held(`/from${file.slice(1)}`)).length, FEW.length)
  }
})

test('EXP-3, EXP-5: a name that cannot be made durable is taken back, and what is told of is not there', async () => {
  const home = new Home()
  const db = await few(home)
  const bytes = await exported(db, { format: 'varve' })
  await db.close()
  home.vfs.mkdirSync('/empty')
  const before = home.names()
  let isFailing = false
  const vfs = watchedVfs(home.vfs, {
    before(call) {
      if (isFailing && call.name === 'syncDir') throw eio(call)
    },
    after(call) {
      if (call.name === 'rename') isFailing = true
    },
  })
  const failing = async (call: Promise<unknown>): Promise<void> => {
    await assert.rejects(call, { code: 'IO_ERROR' })
    assert.ok(isFailing)
    isFailing = false
    assert.deepEqual(home.names(), before)
  }
  for (const target of ['/copy', '/empty', '/copy/']) {
    await failing(home.import(target, [bytes], { open: { components: { vfs } } }))
  }
  assert.deepEqual(home.names('/empty'), [])
  const reader = await home.open('/db', { readOnly: true, components: { vfs } })
  await failing(reader.export('/out', { format: 'varve' }))
  await reader.close()
})

test('options of an export that make no sense are refused before the sink is touched', async () => {
  const home = new Home()
  const db = await few(home)
  const untouched = { write: () => assert.fail(), end: () => assert.fail(), on: () => assert.fail() }
  for (const options of [
    {}, { format: 'xml' }, { format: 'varve', keyEncoding: 'hex' }, { format: 'varve', valueEncoding: 'json' },
    { format: 'jsonl', valueEncoding: 'hex' }, { format: 'csv', valueEncoding: 'json' },
    { format: 'jsonl', safeCells: true },
    { format: 'varve', maxAgeMs: 0 }, { format: 'varve', includeExpiry: 1 }, { format: 'varve', other: 1 },
    { format: 'varve', range: { from: 'a' } }, { format: 'varve', snapshot: {} },
    { format: 'varve', bytesPerSecond: 0 },
  ]) {
    await assert.rejects(db.export(untouched as never, options as never), { code: 'INVALID_ARGUMENT' })
  }
  await db.close()
})
