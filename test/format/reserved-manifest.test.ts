/**
 * Manifests as later versions write them, in frames whose checksums are right: each reserved field, in an edit and in a
 * table's record, is refused by its name before anything is changed, or left out where its writer says that nothing
 * rests on it. Frames that are not understood are no torn end.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ByteWriter, FRAME_HEADER_BYTES } from '../../src/base/index.js'
import { FIELD_IGNORABLE, FieldTag } from '../../src/manifest/index.js'
import type { LevelTable } from '../../src/manifest/index.js'
import { bodyOf, deletionOf, recordWith, versionIn, withFrame } from '../support/samples/manifest-crafting.js'
import type { CraftedField, CraftedFrame } from '../support/samples/manifest-crafting.js'
import { assertOpens, assertRefused, dumpProblem, killedImage, nameIn, outcome } from '../support/databases/refusals.js'
import { withFile } from '../support/databases/vfs-image.js'
import type { Image } from '../support/databases/vfs-image.js'

const image = await killedImage()
const name = nameIn(image, '.manifest')
const manifest = image.get(name)!
const version = versionIn(manifest, Number.parseInt(name, 10))
const table: LevelTable = { level: 0, facts: version.levels[0]!.tables[0]! }

const FIELDS: readonly (readonly [tag: number, name: string])[] = [
  [17, 'add keyspace'], [18, 'drop keyspace'], [19, 'next keyspace id'],
  [21, 'remap of value files'],
  [25, 'new level numbers'],
]

const RECORD_FIELDS: readonly (readonly [tag: number, name: string])[] = [
  [7, 'operand count'], [9, 'value files as deltas'],
]

const value = new ByteWriter().u53(7).finish()

interface Crafted {
  image: Image
  /** Place of the frame. */
  at: number
}

function crafted(frame: CraftedFrame): Crafted {
  const { bytes, at } = withFrame(manifest, frame)
  return { image: withFile(image, name, bytes), at }
}

const edit = (...fields: CraftedField[]) => crafted({ body: bodyOf(fields) })

/** The table's record written anew, with these bytes. */
const record = (bytes: Uint8Array) =>
  edit({ tag: FieldTag.deleteTable, value: deletionOf(table) }, { tag: FieldTag.addTable, value: bytes })
const recordField = (...fields: CraftedField[]) => record(recordWith(table, fields))

async function refuses({ image: files, at }: Crafted, shift: number, what: string): Promise<void> {
  await assertRefused(files, name, `${name} at offset ${at + shift}: ${what}`)
}

/** Places in a group of one edit: its first field; the table's record behind the deletion, and the end of that. */
const FIRST_FIELD = FRAME_HEADER_BYTES + 4
const RECORD = FIRST_FIELD + 8 + 12 + 8
const RECORD_END = RECORD + recordWith(table).length

test('the crafted group is one that is taken', async () => {
  await assertOpens(edit({ tag: FieldTag.nextFileNum, value: new ByteWriter().u53(50).finish() }).image, name)
  await assertOpens(recordField().image, name)
})

for (const [tag, field] of FIELDS) {
  test(`field ${tag}, ${field}: refused by its name, or left out when it may be`, async () => {
    await refuses(edit({ tag, value }), FIRST_FIELD, `field ${tag}, ${field}, which this Varve does not know`)
    await assertOpens(edit({ tag, value, flags: FIELD_IGNORABLE }).image, name)
  })
}

for (const [tag, field] of RECORD_FIELDS) {
  test(`record field ${tag}, ${field}: likewise`, async () => {
    await refuses(recordField({ tag, value }), RECORD_END, `field ${tag}, ${field}, which this Varve does not know`)
    await assertOpens(recordField({ tag, value, flags: FIELD_IGNORABLE }).image, name)
  })
}

test('fields that nobody has reserved, and flags of fields', async () => {
  for (const tag of [0, 27, 999, 65_535]) {
    await refuses(edit({ tag, value }), FIRST_FIELD, `unknown field ${tag}`)
    await assertOpens(edit({ tag, value, flags: FIELD_IGNORABLE }).image, name)
  }
  for (const tag of [11, 4000]) {
    await refuses(recordField({ tag, value }), RECORD_END, `unknown field ${tag}`)
    await assertOpens(recordField({ tag, value, flags: FIELD_IGNORABLE }).image, name)
  }
  for (const flags of [2, 3, 0x8000]) {
    await refuses(edit({ tag: FieldTag.nextFileNum, value, flags }), FIRST_FIELD, `field 2 with flags ${flags}`)
    await refuses(recordField({ tag: 1, value, flags }), RECORD_END, `field 1 with flags ${flags}`)
  }
})

test('fields of a record stand once each, by ascending tag, also those that are left out', async () => {
  const ignored = (tag: number): CraftedField => ({ tag, value, flags: FIELD_IGNORABLE })
  await assertOpens(recordField(ignored(7), ignored(9), ignored(300)).image, name)
  for (const [first, second] of [[7, 7], [9, 9], [9, 7]] as const) {
    const { image: files, at } = recordField(ignored(first), ignored(second))
    const message = `${name} at offset ${at + RECORD_END + 16}: field ${second} behind field ${first}`
    for (const readOnly of [true, false]) assert.equal(await outcome(files, readOnly), `CORRUPTION: ${message}`)
  }
})

test('a table of a keyspace', async () => {
  const { facts } = table
  const withFacts = (more: Partial<typeof facts>) => record(recordWith({ level: 0, facts: { ...facts, ...more } }))
  await refuses(withFacts({ keyspaceId: 5 }), RECORD + 4, `table ${facts.fileNum} is of keyspace 5, not 0`)
})

test('frames of an unknown type, with unknown flags, with extensions: no torn end, whatever the body is', async () => {
  const body = bodyOf([{ tag: FieldTag.nextFileNum, value: new ByteWriter().u53(50).finish() }])
  const frames: Partial<CraftedFrame>[] = [
    ...[0, 1, 2, 5, 6, 7, 8, 77].map((type) => ({ type })),
    ...[1, 2, 0x80].map((flags) => ({ flags })),
  ]
  for (const frame of frames) {
    for (const isTorn of [false, true]) {
      const { image: files, at } = crafted({ body, isTorn, ...frame })
      const message = dumpProblem(files, name)
      assert.match(message, new RegExp(`^${name} at offset ${at}: `), JSON.stringify(frame))
      await assertRefused(files, name, message)
    }
  }
  await refuses(crafted({ body, extensionBytes: 4 }), 0, 'frame with extensions')
})

test('another key order', async () => {
  const keyOrder = new TextEncoder().encode('other.order')
  const { image: files } = edit({ tag: FieldTag.keyOrder, value: keyOrder })
  for (const readOnly of [true, false]) {
    assert.match(await outcome(files, readOnly), /^UNSUPPORTED_FORMAT: .*'other.order'/)
  }
})

test('a lineage behind the first group', async () => {
  const lineage = new ByteWriter().u53(8).u53(0).u53(0).finish()
  const { image: files, at } = edit({ tag: FieldTag.lineage, value: lineage })
  const message = `${name} at offset ${at}: key order or lineage behind the first group`
  for (const readOnly of [true, false]) assert.equal(await outcome(files, readOnly), `CORRUPTION: ${message}`)
})

test('ING-4: in the record of a table from outside origin and number stand together, and are right', async () => {
  const origin = (fileNum: number, idBytes = 16): CraftedField =>
    ({ tag: 5, value: new ByteWriter().raw(new Uint8Array(idBytes).fill(3)).u53(fileNum).finish() })
  const number = (seqNum: number): CraftedField => ({ tag: 6, value: new ByteWriter().u53(seqNum).finish() })
  const { largestSeqNum } = table.facts
  const cases: [code: string, what: RegExp, ...fields: CraftedField[]][] = [
    ['CORRUPTION', /sequence number 1 for a table without an origin/, number(1)],
    ['CORRUPTION', /sequence number 0 for a table without an origin/, origin(0), number(0)],
    ['CORRUPTION', /field 5 behind field 5/, origin(0), origin(0)],
    ['CORRUPTION', /ING-4: sequence numbers 1 to 1 of a table from outside that has 0/, origin(0)],
    ['CORRUPTION', /ING-4: sequence numbers 1 to 1 of a table from outside that has 9/, origin(0), number(9)],
    ['CORRUPTION', /a table from outside with logs/, origin(0), number(largestSeqNum)],
    ['CORRUPTION', /./, origin(0, 7), number(largestSeqNum)],
    ['UNSUPPORTED_FORMAT', /a table of another database, file number 12/, origin(12), number(largestSeqNum)],
  ]
  for (const [code, what, ...fields] of cases) {
    const { image: files } = recordField(...fields)
    for (const readOnly of [true, false]) {
      const found = await outcome(files, readOnly)
      assert.ok(found.startsWith(`${code}: `) && what.test(found), `${String(what)}: ${found}`)
    }
  }
})
