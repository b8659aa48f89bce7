/** The option `compression`: which tables are packed, and that they stay readable whatever a later open asks for. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Varve } from '../../src/index.js'
import type { VarveOptions } from '../../src/index.js'
import { VarveLevel } from '../../src/level.js'
import { MemoryVfs } from '../../src/testing.js'
import { statsText } from '../../src/stats/index.js'
import { SMALL } from '../support/databases/databases.js'

const DIR = '/db'
const COUNT = 400
const valueOf = (i: number): string => `{"id":${i},"kind":"something that repeats","more":"and more of it"}`
const keyOf = (i: number): string => `rows/${String(i).padStart(6, '0')}`

function open(vfs: MemoryVfs, options: VarveOptions): Promise<Varve> {
  return Varve.open(DIR, { ...SMALL, ...options, components: { vfs } })
}

async function fill(db: Varve): Promise<void> {
  await db.batch(Array.from({ length: COUNT }, (_, i) => ({ type: 'put' as const, key: keyOf(i), value: valueOf(i) })))
  await db.flush()
}

/** The ratio of level 0, and of all other levels together. */
function ratios(db: Varve): [number, number] {
  const [first, ...deeper] = db.stats().levels
  return [first!.ratio, Math.max(...deeper.map(({ ratio }) => ratio))]
}

function checkAll(db: Varve): void {
  assert.equal([...db.keysSync()].length, COUNT)
  for (let i = 0; i < COUNT; i++) assert.equal(Buffer.from(db.getSync(keyOf(i))!).toString(), valueOf(i))
}

const isPacked = (ratio: number) => ratio > 2
const isPlain = (ratio: number) => ratio > 0.5 && ratio < 1.2

test('flushes and compactions pack as the option says', async () => {
  const cases: [VarveOptions['compression'] | 'default', (ratio: number) => boolean, (ratio: number) => boolean][] = [
    ['default', isPlain, isPlain],
    ['none', isPlain, isPlain],
    ['lz4', isPacked, isPacked],
    [{ compaction: 'lz4' }, isPlain, isPacked],
    [{ flush: 'lz4' }, isPacked, isPlain],
  ]
  for (const [compression, isFlushed, isCompacted] of cases) {
    const db = await open(new MemoryVfs(), compression === 'default' ? {} : { compression: compression! })
    await fill(db)
    assert.ok(isFlushed(ratios(db)[0]), `${JSON.stringify(compression)}: ${ratios(db).join()}`)
    checkAll(db)
    await fill(db)
    await db.compact()
    assert.ok(isCompacted(ratios(db)[1]), `${JSON.stringify(compression)}: ${ratios(db).join()}`)
    checkAll(db)
    await db.close()
  }
})

test('a table stays as it was written until it is merged; whoever opens it reads it', async () => {
  const vfs = new MemoryVfs()
  const packed = await open(vfs, { compression: 'lz4' })
  await fill(packed)
  await packed.close()
  const reader = await open(vfs, { readOnly: true })
  assert.ok(isPacked(ratios(reader)[0]))
  checkAll(reader)
  await reader.close()
  const plain = await open(vfs, {})
  checkAll(plain)
  assert.ok(isPacked(ratios(plain)[0]))
  await fill(plain)
  await plain.compact()
  assert.ok(isPlain(ratios(plain)[1]))
  checkAll(plain)
  await plain.close()
})

test('values in value logs do not count in the ratio; its text is that of all levels', async () => {
  const db = await open(new MemoryVfs(), { valueThreshold: 512 })
  await db.put('large', Buffer.alloc(100_000, 'x'))
  await fill(db)
  assert.ok(isPlain(ratios(db)[0]), ratios(db).join())
  assert.match(statsText(db.stats()), new RegExp(`ratio ${ratios(db)[0].toFixed(2)}`))
  await db.close()
  const empty = await open(new MemoryVfs(), {})
  assert.deepEqual(ratios(empty), [0, 0])
  assert.doesNotMatch(statsText(empty.stats()), /\bratio/)
  await empty.close()
})

test('ClassicLevel takes true and false, and what Varve takes', async () => {
  for (const [compression, isExpected] of [
    [true, isPacked], [false, isPlain], [undefined, isPlain], ['lz4', isPacked], [{ flush: 'lz4' }, isPacked],
  ] as const) {
    const db = new VarveLevel('/db', { ...SMALL, compression, components: { vfs: new MemoryVfs() } })
    await db.open()
    await fill(db.engine)
    assert.ok(isExpected(ratios(db.engine)[0]), String(compression))
    await db.close()
  }
})
