/**
 * Tables with each code that a later version may write, one file a code: what this version does not know it refuses by
 * name, at the open or at the read that meets it, and never takes it for something else; and nothing is changed.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EntryKind, getU32, MustKnow, putU32, VarveError } from '../../src/base/index.js'
import { Varve } from '../../src/index.js'
import type { VarveOptions } from '../../src/index.js'
import { FOOTER_BYTES } from '../../src/sstable/table-format.js'
import type { Extent } from '../../src/sstable/table-format.js'
import { MemoryVfs } from '../../src/testing.js'
import { SMALL, text } from '../support/databases/databases.js'
import { craftCodec, craftIn, partsOf } from '../support/samples/table-crafting.js'
import { takeImage, vfsOf, withFile } from '../support/databases/vfs-image.js'
import type { Image } from '../support/databases/vfs-image.js'

const DIR = '/db'
const { image, name } = await makeDatabase()
const table = image.get(name)!
const { footer, index } = partsOf(table)
const footerAt = table.length - FOOTER_BYTES
const [indexExtent, , pointHashExtent, propertiesExtent] = footer.sections as [Extent, Extent, Extent, Extent]
const pointHashAt = pointHashExtent.offset
const propertiesAt = propertiesExtent.offset
const block = { offset: index.offset(0), bytes: index.bytes(0) }

/** A closed database with one table of two entries, a value and a tombstone, in columns, as large blocks have. */
async function makeDatabase(): Promise<{ image: Image; name: string }> {
  const vfs = new MemoryVfs()
  const db = await open(vfs, { blockSize: 128 * 1024 })
  await db.put('a', 'value')
  await db.del('b')
  await db.flush()
  await db.close()
  const files = takeImage(vfs, DIR)
  return { image: files, name: [...files.keys()].find((each) => each.endsWith('.table'))! }
}

function open(vfs: MemoryVfs, options: VarveOptions = {}): Promise<Varve> {
  return Varve.open(DIR, { ...SMALL, ...options, components: { vfs } })
}

function footerWith(at: number, value: number): Uint8Array {
  return craftIn(table, footerAt, (content) => putU32(content, at, value))
}

/** The place of a property in its section, and its bytes. */
function property(tag: number): { at: number; bytes: number } {
  const section = table.subarray(propertiesAt)
  for (let at = 8; ;) {
    const bytes = getU32(section, at + 4)
    if ((getU32(section, at) & 0xffff) === tag) return { at, bytes }
    at += 8 + Math.ceil(bytes / 8) * 8
  }
}

/** The table with the property `replaces`, the last one, under another tag. */
function withProperty(tag: number, flags: number): Uint8Array {
  return craftIn(table, propertiesAt, (content) => putU32(content, property(20).at, tag + flags * 2 ** 16))
}

function withNumber(tag: number, value: number): Uint8Array {
  return craftIn(table, propertiesAt, (content) => putU32(content, property(tag).at + 8, value))
}

/** The table with another kind and other version flags for entry i: 0 is the value, 1 the tombstone. */
function withKind(i: number, kindAndFlags: number): Uint8Array {
  return craftIn(table, block.offset, (content) => {
    content[16 + 4 * i + 3] = kindAndFlags
  })
}

/** The files but for those of the lock, whose record an open leaves behind. */
function shown(vfs: MemoryVfs): Map<string, string> {
  const files = [...takeImage(vfs, DIR)].filter(([each]) => !each.includes('lock'))
  return new Map(files.map(([each, bytes]) => [each, Buffer.from(bytes).toString('base64')]))
}

function expected(message: RegExp, code: string): (error: unknown) => boolean {
  return (error) => {
    assert.ok(VarveError.is(error), String(error))
    assert.deepEqual([error.code, error.file], [code, name], error.message)
    assert.match(error.message, message)
    assert.ok(error.offset! >= 0 && error.offset! < table.length)
    return true
  }
}

async function refusedAtOpen(
  crafted: Uint8Array, message: RegExp, { code = 'UNSUPPORTED_FORMAT', isReadable = false } = {},
): Promise<void> {
  const vfs = vfsOf(withFile(image, name, crafted), DIR)
  const before = shown(vfs)
  await assert.rejects(open(vfs), expected(message, code))
  if (isReadable) await readAll(vfs)
  else await assert.rejects(open(vfs, { readOnly: true }), expected(message, code))
  assert.deepEqual(shown(vfs), before)
}

/** Both entries are there; nothing is changed. */
async function readAll(vfs: MemoryVfs): Promise<void> {
  const db = await open(vfs, { readOnly: true })
  assert.equal(text(await db.get('a')), 'value')
  assert.equal(await db.get('b'), undefined)
  assert.deepEqual([...db.keysSync()].map(text), ['a'])
  await db.close()
}

async function taken(crafted: Uint8Array): Promise<void> {
  const vfs = vfsOf(withFile(image, name, crafted), DIR)
  await readAll(vfs)
  const db = await open(vfs)
  assert.equal(text(await db.get('a')), 'value')
  await db.close()
}

/** Every way to read meets it. */
async function refusedAtRead(
  crafted: Uint8Array, message: RegExp, code = 'UNSUPPORTED_FORMAT',
): Promise<void> {
  const vfs = vfsOf(withFile(image, name, crafted), DIR)
  const before = shown(vfs)
  const db = await open(vfs, { readOnly: true })
  assert.throws(() => db.getSync('a'), expected(message, code))
  await assert.rejects(db.get('b'), expected(message, code))
  assert.throws(() => [...db.entriesSync()], expected(message, code))
  await db.close()
  assert.deepEqual(shown(vfs), before)
}

/** The table is not merged into another one. */
async function notMerged(crafted: Uint8Array): Promise<void> {
  const vfs = vfsOf(withFile(image, name, crafted), DIR)
  const db = await open(vfs)
  await db.put('a', 'newer')
  await db.flush()
  await assert.rejects(db.compact())
  assert.ok(vfs.listSync(DIR).includes(name))
  await db.close()
}

test('the table as it was written is taken', () => taken(table))

test('footer: each feature that a reader must know', async () => {
  const names = [
    'entries with expiry', 'merge operands', 'range tombstones', 'value handles', 'row blocks', 'packed blocks',
    'a dictionary', 'values packed one by one',
  ]
  for (let bit = 0; bit < 32; bit++) {
    if (Object.values(MustKnow).some((known) => known === 2 ** bit)) continue
    await refusedAtOpen(footerWith(76, 2 ** bit), new RegExp(names[bit] ?? `feature ${bit}`))
  }
  // These are known, and not true.
  await refusedAtOpen(footerWith(76, MustKnow.spans), /differ about range tombstones/, { code: 'CORRUPTION' })
  await refusedAtOpen(footerWith(76, MustKnow.valueHandles), /differ about value handles/, { code: 'CORRUPTION' })
  await refusedAtOpen(footerWith(76, MustKnow.expiry), /differ about entries that expire/, { code: 'CORRUPTION' })
})

test('footer: each feature that a writer must know; a read-only open takes the table', async () => {
  for (let bit = 0; bit < 32; bit++) {
    await refusedAtOpen(footerWith(80, 2 ** bit), new RegExp(`writer feature ${bit}`), { isReadable: true })
  }
})

test('footer: features that anyone may ignore are ignored', async () => {
  for (let bit = 0; bit < 32; bit++) await taken(footerWith(84, 2 ** bit))
})

test('footer: a unit of offsets, and sections of slots 6 and 7', async () => {
  await refusedAtOpen(footerWith(88, 1), /offsets in unit 1/)
  await refusedAtOpen(footerWith(88, 0x100), /reserved bytes are not zero/, { code: 'CORRUPTION' })
  for (const [slot, what] of [[6, 'dictionary'], [7, 'unknown']] as const) {
    await refusedAtOpen(footerWith(8 * slot + 4, 24), new RegExp(`section ${slot}, .*${what}`))
  }
})

test('codecs, of a block and of a section', async () => {
  const names = new Map([[2, 'plain LZ4'], [3, 'zstd'], [4, 'unknown'], [255, 'unknown']])
  for (const [codec, what] of names) {
    await refusedAtRead(craftCodec(table, block, codec), new RegExp(`codec ${codec}, ${what}`))
  }
  for (const [codec, what] of [...names, [1, 'packed columns'] as const]) {
    await refusedAtOpen(craftCodec(table, indexExtent, codec), new RegExp(`codec ${codec}, ${what}`))
  }
  await refusedAtRead(craftCodec(table, block, 1), /packed block in a table that does not say/, 'CORRUPTION')
})

test('block flags', async () => {
  for (let flag = 1; flag < 256; flag *= 2) {
    const crafted = craftIn(table, block.offset, (content) => {
      content[3] = flag
    })
    if (flag === 2) await refusedAtRead(crafted, /rows in unit 0/)
    else await refusedAtRead(crafted, new RegExp(`block flags ${flag},`))
  }
})

test('kinds of entries', async () => {
  const names = new Map<number, string>(Object.entries(EntryKind).map(([kindName, kind]) => [kind, kindName]))
  for (let kind = 4; kind < 16; kind++) {
    const message = new RegExp(`entry kind ${kind}${names.has(kind) ? ` .${names.get(kind)}` : ','}`)
    for (const i of [0, 1]) await refusedAtRead(withKind(i, kind), message)
  }
  await refusedAtRead(withKind(0, 0), /entry kind 0/)
  for (const i of [0, 1]) await refusedAtRead(withKind(i, 3), /a value handle of \d bytes/, 'CORRUPTION')
})

test('version flags of entries', async () => {
  const flags = [
    [0x20, /flag 0x20 .packed/], [0x40, /flag 0x40/], [0x80, /flag 0x80/],
  ] as const
  for (const [flag, message] of flags) {
    await refusedAtRead(withKind(0, 1 | flag), message)
    await refusedAtRead(withKind(0, 3 | flag), message)
    await refusedAtRead(withKind(0, 5 | flag), /entry kind 5/)
    // No version gives the one that has a name to other kinds.
    const code = flag === 0x20 ? 'CORRUPTION' : 'UNSUPPORTED_FORMAT'
    for (const kind of [2, 4, 6, 7]) {
      await refusedAtRead(withKind(1, kind | flag), code === 'CORRUPTION' || kind === 2 ? message : /entry kind/, code)
    }
  }
})

test('expiry of entries', async () => {
  await refusedAtRead(withKind(0, 0x11), /too short for its expiry/, 'CORRUPTION')
  await refusedAtRead(withKind(0, 0x13), /too short for its expiry/, 'CORRUPTION')
  for (const kind of [2, 4, 6, 7]) await refusedAtRead(withKind(1, kind | 0x10), /flag 0x10 .expiry/, 'CORRUPTION')
})

test('a merge refuses such a block too', async () => {
  for (const crafted of [craftCodec(table, block, 1), withKind(0, 3), withKind(1, 4), withKind(0, 0x11)]) {
    await notMerged(crafted)
  }
})

test('properties', async () => {
  await refusedAtOpen(withProperty(32, 1), /spanCount is not a number/, { code: 'CORRUPTION' })
  await refusedAtOpen(withProperty(40, 1), /property 40, unknown/)
  await refusedAtOpen(withProperty(33, 0), /differ about the prefix filter/, { code: 'CORRUPTION' })
  for (const tag of [21, 22, 23, 34, 40, 63, 65_535]) await taken(withProperty(tag, 0))
  await refusedAtOpen(withProperty(32, 0), /spanCount with flags 0/, { code: 'CORRUPTION' })
  for (const tag of [20, 24]) await refusedAtOpen(withProperty(tag, 1), /with flags 1/, { code: 'CORRUPTION' })
  await refusedAtOpen(withProperty(40, 2), /with flags 2/, { code: 'CORRUPTION' })
  await refusedAtOpen(withNumber(11, 1), /table of keyspace 1/)
  const differ = /properties differ about entries that expire/
  for (const tag of [12, 13]) await refusedAtOpen(withNumber(tag, 1000), differ, { code: 'CORRUPTION' })
  const flags = craftIn(table, propertiesAt, (content) => putU32(content, property(20).at + 8 + 12, 3))
  await refusedAtOpen(flags, /replaces with flags 3/)
})

test('kinds of places in the point hash', async () => {
  for (const kind of [1, 2, 3, 4]) {
    const crafted = craftIn(table, pointHashAt, (content) => {
      content[10] = kind
    })
    if (kind === 2) await refusedAtOpen(crafted, /differ about rows/, { code: 'CORRUPTION' })
    else await refusedAtOpen(crafted, new RegExp(`place kind ${kind},`))
  }
  const reserved = craftIn(table, pointHashAt, (content) => {
    content[11] = 1
  })
  await refusedAtOpen(reserved, /not zero/, { code: 'CORRUPTION' })
})
