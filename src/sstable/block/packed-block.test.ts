import assert from 'node:assert/strict'
import { test } from 'node:test'
import { atLeast, drawnNumbers } from '../../../test/support/harness/share.js'
import { BadBytes, compareBytes, EntryKind, SeededRandom, SEQ_NUM_MAX } from '../../base/index.js'
import { UnknownCode } from '../table-format.js'
import { BlockBuilder } from './block-builder.js'
import { BlockPacker } from './block-packer.js'
import { checkBlock } from './block-check.js'
import { BlockReader } from './block-reader.js'
import { BuildBuffer } from './build-buffer.js'
import { fileBlockOfThread } from './file-block.js'
import { FILE_BLOCK_AT, FRONT_CODED, UNPACKED_ROOM_BYTES } from './packed-format.js'

interface Entry {
  key: Uint8Array
  seqNum: number
  kind: number
  value: Uint8Array
}

const AT = 64
const UNTOUCHED = 0xa5
const packer = new BlockPacker()
/** What memory holds that nobody has written to. */
const untouched = new Uint8Array(AT + UNPACKED_ROOM_BYTES + AT).fill(UNTOUCHED)

/** Lays a block out, and packs it if that saves enough. */
function pack(entries: readonly Entry[]): { plain: Uint8Array; packed: Uint8Array | null } {
  const memory = new BuildBuffer(256 * 1024)
  const builder = new BlockBuilder(memory)
  for (const { key, seqNum, kind, value } of entries) {
    builder.stage(key, 0, key.length)
    builder.measure()
    builder.push(seqNum, kind, value.length)
    builder.putValues(value, 0, value.length)
  }
  const length = builder.encode(AT)
  const plain = memory.bytes.slice(AT, AT + length)
  const packed = packer.pack(memory, AT, length)
  if (packed === 0) assert.deepEqual(memory.bytes.slice(AT, AT + length), plain, 'it stays as it is')
  return { plain, packed: packed === 0 ? null : memory.bytes.slice(AT, AT + packed) }
}

/** Unpacks into memory of which everything else must stay as it was. */
function unpack(packed: Uint8Array): Uint8Array {
  const block = fileBlockOfThread()
  block.bytes.set(packed, FILE_BLOCK_AT)
  const bytes = untouched.slice()
  const words = new Uint32Array(bytes.buffer)
  let end = AT
  try {
    block.begin(packed.length, true)
    end += block.roomBytes
    block.unpackTo({ bytes, words }, AT)
    return bytes.slice(AT, AT + block.plainBytes)
  } finally {
    assert.equal(Buffer.compare(bytes.subarray(0, AT), untouched.subarray(0, AT)), 0, 'before the block')
    assert.equal(Buffer.compare(bytes.subarray(end), untouched.subarray(end)), 0, 'behind the block')
  }
}

const SHAPES: ((random: SeededRandom, i: number) => string)[] = [
  (_, i) => String(i).padStart(16, '0'),
  (random) => Buffer.from(Array.from({ length: 16 }, () => random.below(256))).toString('latin1'),
  (random, i) => `/home/someone/${'deep/'.repeat(random.below(60))}file-${i}`,
  (_, i) => 'x'.repeat(i % 400),
  (random, i) => ['a', 'b'][random.below(2)]!.repeat(random.below(3)) + i,
]

function randomEntries(random: SeededRandom): Entry[] {
  const shape = random.pick(SHAPES)
  const count = 1 + random.below(random.pick([1, 5, 80, 200]))
  const valueBytes = random.pick([0, 8, 100])
  const spread = random.pick([1, 100, 70_000, 2 ** 30, 2 ** 36, 2 ** 50])
  const keys = new Map(Array.from({ length: count }, (_, i) => [shape(random, i), true]))
  const sorted = [...keys.keys()].map((key) => Uint8Array.from(Buffer.from(key, 'latin1'))).sort(compareBytes)
  return sorted.map((key) => {
    const kind = random.chance(0.1) ? EntryKind.tombstone : EntryKind.value
    const value = new Uint8Array(kind === EntryKind.value ? random.below(valueBytes + 1) : 0)
    return { key, seqNum: 1 + random.below(spread), kind, value: value.fill(random.below(4)) }
  })
}

test('what is unpacked is, byte for byte, what was laid out', () => {
  let packedCount = 0
  let frontCodedCount = 0
  const widths = new Set<number>()
  for (const seed of drawnNumbers('packed blocks', 2000)) {
    const { plain, packed } = pack(randomEntries(new SeededRandom(seed, 'packed')))
    if (packed === null) continue
    packedCount++
    widths.add(packed[6]!)
    if (packed[7] === FRONT_CODED) frontCodedCount++
    assert.ok(packed.length % 8 === 0 && packed.length <= plain.length * 7 / 8)
    assert.deepEqual(unpack(packed), plain, `seed ${seed}`)
  }
  assert.ok(packedCount > atLeast(1000) && frontCodedCount > atLeast(300), `${packedCount}, ${frontCodedCount}`)
  assert.ok(widths.size > 3, [...widths].join())
})

test('every width of a sequence number', () => {
  for (const [spread, width] of [
    [0, 0], [1, 1], [255, 1], [256, 2], [65_535, 2], [65_536, 3], [2 ** 24, 4], [2 ** 32 - 1, 4], [2 ** 32, 5],
    [2 ** 40, 6], [2 ** 48, 7], [SEQ_NUM_MAX - 5, 7],
  ] as const) {
    const entries = Array.from({ length: 20 }, (_, i) => {
      const key = Uint8Array.from(Buffer.from(`key ${10 + i}`))
      return { key, seqNum: i === 7 ? 5 + spread : 5, kind: EntryKind.value, value: new Uint8Array(20) }
    })
    const { plain, packed } = pack(entries)
    assert.equal(packed![6], width, String(spread))
    assert.deepEqual(unpack(packed!), plain)
  }
})

test('a block that saves less than an eighth stays as it is, and so does one above 64 KiB', () => {
  const random = new SeededRandom(1, 'stays')
  const value = Uint8Array.from({ length: 4000 }, () => random.below(256))
  const entry = { key: Uint8Array.of(1), seqNum: 1, kind: EntryKind.value, value }
  assert.equal(pack([entry]).packed, null)
  assert.equal(pack([{ ...entry, value: new Uint8Array(10) }]).packed, null)
  const large = Array.from({ length: 20 }, (_, i) => ({ ...entry, key: Uint8Array.of(i), value: new Uint8Array(3000) }))
  assert.ok(pack(large).packed!.length < 1000)
  const larger = [...large, ...large.map((each, i) => ({ ...each, key: Uint8Array.of(20 + i) }))]
  assert.equal(pack(larger).packed, null)
})

/** What a reader of the block meets: its columns, or the error that is told. */
function read(packed: Uint8Array): Uint8Array | 'refused' {
  try {
    const plain = unpack(packed)
    const reader = new BlockReader()
    reader.makeRoom(UNPACKED_ROOM_BYTES)
    reader.bytes.set(plain)
    reader.open(reader.bytes, reader.words, 0)
    checkBlock(reader, plain.length)
    return plain
  } catch (error) {
    assert.ok(error instanceof BadBytes, String(error))
    return 'refused'
  }
}

test('hostile bytes: refused, or a block that passes every check; nothing else is written', () => {
  let refusedCount = 0
  let count = 0
  for (const seed of drawnNumbers('hostile blocks', 4000)) {
    const random = new SeededRandom(seed, 'hostile')
    const { packed } = pack(randomEntries(random))
    if (packed === null) continue
    const wrong = packed.slice()
    // Half of the changes are in the header and where the stream begins, which say how long all else is.
    const end = random.chance(0.5) ? Math.min(40, wrong.length) : wrong.length
    for (let left = 1 + random.below(4); left > 0; left--) {
      wrong[random.below(end)] = random.pick([0, 255, random.below(256)])
    }
    const length = random.chance(0.1) ? random.below(wrong.length / 8) * 8 : wrong.length
    count++
    if (read(wrong.subarray(0, length)) === 'refused') refusedCount++
  }
  assert.ok(count > atLeast(1500) && refusedCount > count / 2, `${refusedCount} of ${count}`)
})

test('hostile streams: lengths that do not fit are refused', () => {
  let refusedCount = 0
  const seeds = drawnNumbers('hostile streams', 4000)
  for (const seed of seeds) {
    const random = new SeededRandom(seed, 'streams')
    const count = 1 + random.below(random.pick([3, 30, 1024]))
    const streamBytes = 10 + random.below(random.pick([50, 5000, 60_000]))
    const stream = Uint8Array.from({ length: streamBytes }, () => random.pick([0, 0, 1, random.below(256)]))
    const plainBytes = 8 * random.below(8193)
    const packed = literals(stream, { plainBytes, count, width: random.below(9), flags: random.below(2) })
    if (read(packed) === 'refused') refusedCount++
  }
  assert.ok(refusedCount > 0.95 * seeds.length, String(refusedCount))
})

/** A packed block whose LZ4 block is nothing but literals. */
function literals(
  stream: Uint8Array, { plainBytes, count, width, flags }: Record<'plainBytes' | 'count' | 'width' | 'flags', number>,
): Uint8Array {
  const more = stream.length - 15
  const long = [0xf0, ...Array<number>(Math.max(0, Math.floor(more / 255))).fill(255), more % 255]
  const lz4 = Buffer.concat([Uint8Array.from(more < 0 ? [stream.length << 4] : long), stream])
  const packed = new Uint8Array(Math.ceil((16 + lz4.length) / 8) * 8)
  const view = new DataView(packed.buffer)
  view.setUint32(0, plainBytes, true)
  view.setUint16(4, count, true)
  packed[6] = width
  packed[7] = flags
  view.setUint32(8, stream.length, true)
  view.setUint32(12, lz4.length, true)
  packed.set(lz4, 16)
  return packed
}

/** The parts of a block of three entries, front-coded or not; a test changes some of them to lies. */
function parts(isFrontCoded: boolean) {
  return {
    count: 3, width: 1, flags: isFrontCoded ? FRONT_CODED : 0, prefix: [112, 112],
    shared: isFrontCoded ? [0, 1, 2] : [], rests: isFrontCoded ? [2, 1, 1] : [2, 2, 3],
    values: [1, 0, 4], kinds: [1, 2, 1], numbers: [5, 0, 7],
    content: isFrontCoded ? [97, 97, 98, 99, 1, 2, 3, 4, 5] : [97, 97, 97, 98, 97, 98, 99, 1, 2, 3, 4, 5],
  }
}

function assembled(of: ReturnType<typeof parts>, { streamBytes = 0, plainBytes = 0 } = {}): Uint8Array {
  const twoBytes = (lengths: number[]) => lengths.flatMap((length) => [length & 255, length >>> 8])
  const stream = [
    9, 0, 0, 0, 0, 0, 0, 0, ...twoBytes([of.prefix.length]), ...of.shared, ...twoBytes([...of.rests, ...of.values]),
    ...of.kinds, ...of.numbers, ...of.prefix, ...of.content,
  ]
  const sum = (lengths: number[]) => lengths.reduce((total, length) => total + length, 0)
  const end = 20 + 12 * of.count + of.prefix.length + sum([...of.shared, ...of.rests, ...of.values])
  const packed = literals(Uint8Array.from(stream), { ...of, plainBytes: plainBytes || Math.ceil(end / 8) * 8 })
  if (streamBytes > 0) new DataView(packed.buffer).setUint32(8, streamBytes, true)
  return packed
}

test('a stream by hand is read; each lie in it is refused', () => {
  for (const isFrontCoded of [false, true]) {
    assert.ok(read(assembled(parts(isFrontCoded))) instanceof Uint8Array)
    const longer = { ...parts(isFrontCoded), content: [...parts(isFrontCoded).content, 6] }
    assert.equal(read(assembled(longer)), 'refused', 'a byte too many')
    const shorter = { ...parts(isFrontCoded), content: parts(isFrontCoded).content.slice(1) }
    assert.equal(read(assembled(shorter)), 'refused', 'a byte too few')
    const good = assembled(parts(isFrontCoded))
    assert.equal(read(assembled(parts(isFrontCoded), { plainBytes: 64 })), 'refused', 'a shorter block')
    assert.equal(read(assembled(parts(isFrontCoded), { plainBytes: 80 })), 'refused', 'a longer block')
    assert.equal(read(Uint8Array.from([...good, 0, 0, 0, 0, 0, 0, 0, 0])), 'refused', 'zeros too many')
    const unpadded = good.slice()
    unpadded[unpadded.length - 1] = 1
    assert.equal(read(unpadded), 'refused', 'padding that is not zero')
    // What stands behind the block in the memory is what was cut off.
    read(good)
    assert.equal(read(good.subarray(0, good.length - 8)), 'refused', 'a block that ends too early')
  }
  // The memory has the right stream yet when the LZ4 block is wrong at its beginning.
  const broken = assembled(parts(true))
  assert.ok(read(broken) instanceof Uint8Array)
  broken[16] = 1
  assert.equal(read(broken), 'refused', 'a wrong LZ4 block')
  const wide = { ...parts(false), width: 8, numbers: [1, 0, 0, 0, 0, 0, 0, 0, ...Array<number>(16).fill(0)] }
  assert.equal(read(assembled(wide, { plainBytes: 88 })), 'refused', 'numbers of eight bytes')
  const narrower = { ...wide, width: 7, numbers: wide.numbers.slice(0, 21) }
  assert.ok(read(assembled(narrower, { plainBytes: 88 })) instanceof Uint8Array)
  const first = { ...parts(true), shared: [1, 1, 2], rests: [1, 1, 1], content: [97, 98, 99, 1, 2, 3, 4, 5] }
  assert.equal(read(assembled(first)), 'refused', 'the first suffix shares nothing')
  const second = { ...parts(true), shared: [0, 3, 2], rests: [2, 0, 1], content: [97, 97, 99, 1, 2, 3, 4, 5] }
  assert.equal(read(assembled(second)), 'refused', 'a suffix shares no more than there is')
})

/** A packed block of which the stream is `head` and then zeros, up to `streamBytes`. */
function bomb(head: Uint8Array, streamBytes: number, plainBytes: number): Uint8Array {
  const match = streamBytes - head.length - 5 - 4 - 15
  const lengths = [...Array<number>(Math.floor(match / 255)).fill(255), match % 255]
  const headMore = head.length - 15
  const lz4 = [0xff, headMore, ...head, 1, 0, ...lengths, 0x50, 0, 0, 0, 0, 0]
  const packed = new Uint8Array(Math.ceil((16 + lz4.length) / 8) * 8)
  const view = new DataView(packed.buffer)
  view.setUint32(0, plainBytes, true)
  view.setUint16(4, 2, true)
  view.setUint32(8, streamBytes, true)
  view.setUint32(12, lz4.length, true)
  packed.set(lz4, 16)
  return packed
}

test('a block that would unpack to more than 64 KiB is refused before anything is unpacked', () => {
  const head = Uint8Array.of(9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 64, 156, 64, 156, 1, 1, 97, 98, 0)
  const streamBytes = 10 + 4 + 4 + 2 + 2 + 2 * 40_000
  const plainBytes = Math.ceil((16 + 20 + 2 + 2 * 40_000) / 8) * 8
  for (const packed of [bomb(head, streamBytes, plainBytes), bomb(head, 1_000_000, 65_536)]) {
    assert.throws(() => unpack(packed), (error: unknown) => error instanceof BadBytes && error.offset <= 8)
  }
  const small = Uint8Array.of(9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 16, 39, 16, 39, 1, 1, 97, 98, 0)
  assert.ok(unpack(bomb(small, 22 + 20_000, 20_040)).length === 20_040, 'one like it is read')
})

test('what only later versions have is refused by name', () => {
  const entry = { key: Uint8Array.of(1), seqNum: 1, kind: EntryKind.value, value: new Uint8Array(1000) }
  const { packed } = pack([entry])
  const names = [[2, /a dictionary/], [4, /an expiry column/], [8, /flags 8/], [128, /flags 128/]] as const
  for (const [flag, name] of names) {
    const wrong = packed!.slice()
    wrong[7]! |= flag
    assert.throws(() => unpack(wrong), (error: unknown) => error instanceof UnknownCode && name.test(error.message))
  }
})
