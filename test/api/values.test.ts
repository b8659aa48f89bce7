/** What goes in comes out: sizes, encodings, memory that nobody else changes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from '../../src/base/index.js'
import type { BatchOp, Varve } from '../../src/index.js'
import { bytes, onEach, Place, text } from '../support/databases/databases.js'
import { heavyTest } from '../support/harness/share.js'

test('empty keys and empty values are legal, and not the same as absent', () => onEach(async (place) => {
  const db = await place.open()
  assert.equal(await db.get(''), undefined)
  assert.equal(await db.has(''), false)
  await db.put('', '')
  await db.put('a', new Uint8Array(0))
  for (const when of ['in the memtable', 'in a table']) {
    assert.deepEqual(await db.get(''), new Uint8Array(0), when)
    assert.deepEqual(db.getSync(new Uint8Array(0)), new Uint8Array(0))
    assert.equal(db.hasSync(''), true)
    assert.deepEqual([...db.keysSync()].map(text), ['', 'a'])
    assert.deepEqual(await db.getMany(['', 'b', 'a']), [new Uint8Array(0), undefined, new Uint8Array(0)])
    await db.flush()
  }
  await db.del('')
  assert.equal(db.getSync(''), undefined)
}))

test('the longest key, and one byte more', () => onEach(async (place) => {
  const db = await place.open()
  const longest = new Uint8Array(65_535).fill(0x6b)
  await db.put(longest, 'v')
  db.putSync('€'.repeat(21_845), 'w')
  await db.flush()
  assert.equal(text(await db.get(longest)), 'v')
  assert.equal(text(db.getSync('€'.repeat(21_845))), 'w')
  const before = db.stats().database.visibleSeq
  for (const key of [new Uint8Array(65_536), 'x'.repeat(65_536)]) {
    await assert.rejects(db.put(key, 'v'), { code: 'KEY_TOO_LARGE' })
    assert.throws(() => db.putSync(key, 'v'), { code: 'KEY_TOO_LARGE' })
    await assert.rejects(db.get(key), { code: 'KEY_TOO_LARGE' })
    const batch: BatchOp[] = [{ type: 'put', key: 'fits', value: '' }, { type: 'del', key }]
    await assert.rejects(db.batch(batch), { code: 'KEY_TOO_LARGE' })
  }
  assert.equal(db.hasSync('fits'), false)
  assert.equal(db.stats().database.visibleSeq, before)
}))

test('strings are stored as UTF-8, views of any kind as their bytes', () => onEach(async (place) => {
  const db = await place.open()
  const strings = ['aß€😀', '\0', '\ud800x', '😀'.repeat(100), 'x'.repeat(500)]
  for (const string of strings) await db.put(string, string)
  for (const string of strings) {
    const expected = new TextEncoder().encode(string)
    assert.deepEqual(db.getSync(string), expected)
    assert.deepEqual(db.getSync(expected), expected)
  }
  const shared = new Uint8Array(new SharedArrayBuffer(10), 3, 4).fill(7)
  const views = [Buffer.from('buffer'), bytes('..part..').subarray(2, 6), shared, Buffer.from('abc').subarray(1, 1)]
  for (const [i, view] of views.entries()) {
    await db.put(view, view)
    db.putSync(`value ${i}`, view)
  }
  await db.flush()
  for (const [i, view] of views.entries()) {
    assert.deepEqual(db.getSync(view), Uint8Array.from(view))
    assert.deepEqual(db.getSync(`value ${i}`), Uint8Array.from(view))
  }
}))

const isApart = (db: Varve) => db.stats().valueLog.fileCount > 0

test('values from a byte to 40 MiB in small buffers come back, also after a reopen', () => onEach(async (place) => {
  // In memory they stand in tables, on the real file system in value logs.
  const valueThreshold = place.vfs === null ? 4096 : 0
  const sizes = [1, 1000, 65_000, 65_536, 1 << 20, 5 << 20, 40 << 20]
  const valueOf = (size: number) => {
    const value = Buffer.alloc(size, size % 251)
    if (size >= 4) value.writeUInt32LE(size, size - 4)
    return value
  }
  const db = await place.open({ valueThreshold })
  await Promise.all(sizes.map((size) => db.put(`async ${size}`, valueOf(size))))
  db.putSync('sync', valueOf(5 << 20))
  await db.batch(sizes.slice(1, 5).map((size) => ({ type: 'put', key: `batch ${size}`, value: valueOf(size) })))
  const check = (opened: Varve) => {
    for (const size of sizes) assert.ok(valueOf(size).equals(opened.getSync(`async ${size}`)!), String(size))
    assert.ok(valueOf(5 << 20).equals(opened.getSync('sync')!))
    assert.equal([...opened.keysSync()].length, 7 + 1 + 4)
  }
  check(db)
  await db.close()
  const again = await place.open({ valueThreshold, flushOnClose: false })
  check(again)
  assert.equal(isApart(again), valueThreshold > 0)
}))

for (const valueThreshold of [0, 4096]) {
  heavyTest(`what was read never changes, and is the caller’s to change; value threshold ${valueThreshold}`, () => {
    return onEach((place) => checkPrivate(place, valueThreshold))
  })
}

async function checkPrivate(place: Place, valueThreshold: number): Promise<void> {
  const db = await place.open({ blockCacheSize: 64 * 1024, valueThreshold })
  const random = new SeededRandom(1, 'private memory')
  const kept: { found: Uint8Array; copy: Uint8Array }[] = []
  const keep = (found: Uint8Array) => kept.push({ found, copy: Uint8Array.from(found) })
  for (let i = 0; i < 400; i++) {
    const value = new Uint8Array(random.below(valueThreshold === 0 ? 1500 : 15_000))
    random.fill(value)
    db.putSync(`k${random.below(50)}`, value)
    const found = db.getSync(`k${random.below(50)}`)
    if (found !== undefined) keep(found)
    if (i % 50 === 0) for (const [key, entry] of db.entriesSync({ limit: 5 })) [key, entry].forEach(keep)
    if (i % 100 === 99) await db.flush()
  }
  assert.equal(isApart(db), valueThreshold > 0)
  for (const { found, copy } of kept) assert.deepEqual(found, copy)
  const before = [...db.entriesSync()].map(([key, value]) => [Uint8Array.from(key), Uint8Array.from(value)])
  for (const [key, value] of db.entriesSync()) {
    key.fill(0xee)
    value.fill(0xee)
  }
  for (const { found } of kept) found.fill(0xdd)
  assert.deepEqual([...db.entriesSync()], before)
}

test('W26: the caller may change, and transfer, what it gave', () => onEach(async (place) => {
  const db = await place.open()
  const key = Buffer.from('key')
  const value = new Uint8Array(100).fill(1)
  const written = db.put(key, value)
  key.fill(0)
  structuredClone(value.buffer, { transfer: [value.buffer] })
  await written
  assert.deepEqual(db.getSync('key'), new Uint8Array(100).fill(1))
  const bound = Buffer.from('key')
  const entries = db.entriesSync({ gte: bound })
  bound.fill(0xff)
  assert.equal([...entries].length, 1)
}))

/** Sends a value's memory to another thread, as `postMessage` does; Node 20 sends a copy instead, later ones refuse. */
function transfer(value: Uint8Array): void {
  try {
    structuredClone(value, { transfer: [value.buffer as ArrayBuffer] })
  } catch (error) {
    assert.equal((error as Error).name, 'DataCloneError')
  }
}

test('who transfers a small value takes nothing from others, and reads go on', () => onEach(async (place) => {
  const db = await place.open()
  for (let i = 0; i < 200; i++) db.putSync(`k${i}`, `value ${i}`)
  const values = Array.from({ length: 200 }, (_, i) => db.getSync(`k${i}`)!)
  const entries = [...db.entriesSync()]
  for (const value of [values[7]!, entries[9]![0], entries[11]![1]]) transfer(value)
  values.forEach((value, i) => assert.equal(text(value), `value ${i}`))
  assert.deepEqual([...db.entriesSync()], entries)
  for (let i = 0; i < 3000; i++) assert.equal(text(db.getSync(`k${i % 200}`)), `value ${i % 200}`)
}))

test('ownBuffers, for all reads or one: each key and value has memory of its own, to be sent away', async () => {
  const place = new Place('memory')
  const all = async (db: Varve, options?: { ownBuffers: boolean }) => {
    const [entry] = [...db.entriesSync(options)]
    const async: Uint8Array[] = []
    for await (const each of db.entries(options)) async.push(...each)
    return [
      db.getSync('k', options)!, (await db.get('k', options))!, db.getManySync(['k'], options)[0]!,
      (await db.getMany(['k'], options))[0]!, ...entry!, ...async, ...db.keysSync(options), ...db.valuesSync(options),
    ]
  }
  const isOwn = ({ buffer, byteLength }: Uint8Array) => buffer.byteLength === byteLength
  for (const readOnly of [false, true]) {
    for (const ownBuffers of [false, true]) {
      const db = await place.open({ ownBuffers, readOnly })
      if (!readOnly) await db.put('k', 'value')
      const [byDefault, own] = [await all(db), await all(db, { ownBuffers: true })]
      const shared = await all(db, { ownBuffers: false })
      assert.deepEqual([own.every(isOwn), shared.some(isOwn), byDefault.every(isOwn)], [true, false, ownBuffers])
      for (const value of own) {
        structuredClone(value, { transfer: [value.buffer as ArrayBuffer] })
        assert.equal(value.length, 0)
      }
      await db.close()
    }
  }
})

test('the position is that of the last batch that carried one, over flush and reopen', () => onEach(async (place) => {
  let db = await place.open()
  const positionNow = () => text(db.position ?? undefined)
  assert.equal(positionNow(), undefined)
  await db.put('a', '1')
  assert.equal(positionNow(), undefined)
  const position = bytes('position 1')
  await db.batch([{ type: 'put', key: 'b', value: '2' }], { position })
  position.fill(0)
  assert.equal(positionNow(), 'position 1')
  db.position?.fill(0)
  assert.equal(positionNow(), 'position 1')
  await db.flush()
  await db.put('c', '3')
  await db.close()
  db = await place.open({ flushOnClose: false })
  assert.equal(positionNow(), 'position 1')
  db.batchSync([], { position: bytes('') })
  await db.close()
  db = await place.open()
  assert.equal(positionNow(), '')
  const readOnly = await place.open({ readOnly: true })
  assert.equal(text(readOnly.position ?? undefined), '')
}))

test('W26: a position is copied inside the call, also when the batch must wait for room', async () => {
  const db = await new Place('memory').open()
  const positions = Array.from({ length: 8 }, (_, i) => Buffer.from(`position ${i}`))
  const writes = positions.map((position, i) => {
    const written = db.batch([{ type: 'put', key: `k${i}`, value: new Uint8Array(60_000) }], { position })
    position.fill(0)
    return written
  })
  assert.ok(db.stats().writeStall.waitingCount > 0)
  await Promise.all(writes)
  assert.equal(text(db.position ?? undefined), 'position 7')
  await db.close()
})

test('a batch is applied in its order, wholly; getMany keeps the order of the keys', async () => {
  const db = await new Place('memory').open()
  await db.batch([
    { type: 'put', key: 'a', value: '1' }, { type: 'del', key: 'a' }, { type: 'put', key: 'b', value: '1' },
    { type: 'put', key: 'b', value: '2' }, { type: 'del', key: 'c' },
  ])
  assert.deepEqual((await db.getMany(['b', 'a', 'b', 'c'])).map(text), ['2', undefined, '2', undefined])
  assert.deepEqual(db.getManySync([]), [])
  await db.batch([])
  db.batchSync([])
  assert.equal(db.stats().database.visibleSeq, 5)
  await db.close()
})
