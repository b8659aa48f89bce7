import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FILE_HEADER_BYTES, runSync, SeededRandom, VarveError } from '../base/index.js'
import { MemoryVfs } from '../vfs/index.js'
import type { Vfs } from '../vfs/index.js'
import { SimVfs } from '../vfs/testing.js'
import { sampleOrigin } from '../../test/support/samples/blob-samples.js'
import { expectError } from '../../test/support/harness/expect-error.js'
import { BlobSpace } from './blob-space.js'
import { createCatalog } from './catalog.js'
import type { CatalogSpace, NewCatalog } from './catalog.js'
import { ChangeTag, decodeChanges, encodeChanges } from './catalog-format.js'
import type { Change } from './catalog-format.js'
import { replayCatalog } from './catalog-reader.js'
import { CatalogState, DeadRecords } from './catalog-state.js'

const NAME = '000012.catalog'
const salt = new Uint8Array(8).fill(5)
const numbers = (seqNum: number, fileNum: number): Change => ({ tag: ChangeTag.numbers, seqNum, fileNum })

const GROUPS: Change[][] = [
  [numbers(10, 14), { tag: ChangeTag.addSegment, segment: 13, queue: 'young', salt }],
  [
    numbers(20, 15), { tag: ChangeTag.addSegment, segment: 14, queue: 'main', salt },
    { tag: ChangeTag.limit, segment: 14, bytes: 900 },
  ],
  [numbers(21, 15), { tag: ChangeTag.kills, kills: [
    { low: 1, high: 2, segment: 13, recordNum: 0 }, { low: 3, high: 2 ** 32 - 1, segment: 13, recordNum: 70 },
    { low: 1, high: 1, segment: 99, recordNum: 4 },
  ] }],
  [numbers(22, 15), { tag: ChangeTag.sealSegment, segment: 13, bytes: 4096 }],
  [numbers(22, 15), { tag: ChangeTag.removeSegment, segment: 14 }],
]

function anySpace(): CatalogSpace {
  return new BlobSpace({ maxBytes: 2 ** 30, catalogBytes: 0 })
}

function stateOf(groups: Change[][]): CatalogState {
  const state = new CatalogState()
  for (const group of groups) state.apply(group)
  return state
}

function newCatalog(vfs: Vfs): NewCatalog {
  const state = new CatalogState()
  return { vfs, dir: '/c', origin: sampleOrigin(), fileNum: 12, state, rollBytes: 65_536, space: anySpace() }
}

async function writeAll(groups: Change[][], isClosed: boolean): Promise<Uint8Array> {
  const vfs = new MemoryVfs()
  vfs.mkdirSync('/c')
  const catalog = runSync(createCatalog(newCatalog(vfs)))
  for (const group of groups) await catalog.append(group, false)
  if (isClosed) await catalog.mark()
  await catalog.close()
  const file = vfs.openSync(`/c/${NAME}`, 'read')
  const bytes = new Uint8Array(file.sizeSync())
  file.readSync(bytes, 0, bytes.length, 0)
  return bytes
}

describe('a catalog', () => {
  it('is read back as it was written, group by group (BC-5)', async () => {
    for (let count = 0; count <= GROUPS.length; count++) {
      const groups = GROUPS.slice(0, count)
      for (const isClosed of [false, true]) {
        const { state } = replayCatalog(await writeAll(groups, isClosed), 12, NAME)
        assert.deepEqual(state.toChanges(), stateOf(groups).toChanges())
      }
    }
  })

  it('names a snapshot of the index until the next group, whatever that says (S5, F2)', async () => {
    const index: Change = { tag: ChangeTag.index, fileNum: 15, bytes: 2 ** 40, salt }
    const named = [...GROUPS, [numbers(22, 15), index]]
    for (const isClosed of [false, true]) {
      const { state } = replayCatalog(await writeAll(named, isClosed), 12, NAME)
      assert.deepEqual(state.snapshot, index)
      assert.deepEqual(state.toChanges(), stateOf(GROUPS).toChanges(), 'a new catalog does not name it')
      for (const next of [[numbers(22, 15)], [numbers(23, 15), { tag: ChangeTag.purge, namespace: 1, seqNum: 23 }]]) {
        const later = await writeAll([...named, next as Change[]], isClosed)
        assert.equal(replayCatalog(later, 12, NAME).state.snapshot, null)
      }
    }
    const bits = encodeChanges([index])
    bits[12] = 1
    assert.throws(() => decodeChanges(bits, 0, bits.length), /bits/)
  })

  it('says its state in one group', () => {
    for (let count = 1; count <= GROUPS.length; count++) {
      const state = stateOf(GROUPS.slice(0, count))
      const changes = encodeChanges(state.toChanges())
      const again = stateOf([decodeChanges(changes, 0, changes.length)])
      assert.deepEqual(again.toChanges(), state.toChanges())
    }
    const dead = stateOf(GROUPS).segments.get(13)!.dead
    assert.deepEqual([0, 1, 69, 70, 71].map((n) => dead.has(n)), [true, false, false, true, false])
  })

  it('loses at most its last group to a torn end', async () => {
    const whole = await writeAll(GROUPS, false)
    const before = await writeAll(GROUPS.slice(0, -1), false)
    const end = before.findLastIndex((byte) => byte !== 0) + 1
    const wholeEnd = whole.findLastIndex((byte) => byte !== 0) + 1
    for (let length = end + 7; length < wholeEnd; length++) {
      const { state } = replayCatalog(whole.subarray(0, length), 12, NAME)
      assert.deepEqual(state.toChanges(), stateOf(GROUPS.slice(0, -1)).toChanges(), `cut at ${length}`)
    }
  })

  it('that was closed never says anything else when a byte is flipped', async () => {
    const whole = await writeAll(GROUPS, true)
    const expected = stateOf(GROUPS).toChanges()
    const end = whole.findLastIndex((byte) => byte !== 0) + 1
    for (let at = 0; at < end + 20; at++) {
      const flipped = whole.slice()
      flipped[at]! ^= 1 << at % 8
      try {
        assert.deepEqual(replayCatalog(flipped, 12, NAME).state.toChanges(), expected, `byte ${at}`)
      } catch (error) {
        const isTold = VarveError.is(error) && ['CORRUPTION', 'UNSUPPORTED_FORMAT'].includes(error.code)
        assert.ok(isTold, `byte ${at}: ${error}`)
      }
    }
  })

  it('is refused when it has what this version does not know', () => {
    const unknown = encodeChanges([numbers(1, 1)])
    unknown[24 + 8] = 9
    assert.equal(decodeChanges(unknown.slice(0, 32), 0, 32).length, 1)
    const bytes = new Uint8Array(16)
    bytes[0] = 11
    assert.throws(() => decodeChanges(bytes, 0, 16), /change 11/)
    const wrong: Change[] = [{ tag: ChangeTag.sealSegment, segment: 5, bytes: 1 }]
    assert.throws(() => stateOf([wrong]), /without numbers/)
    assert.throws(() => stateOf([[numbers(1, 1), ...wrong]]), /not listed/)
    const add: Change = { tag: ChangeTag.addSegment, segment: 5, queue: 'young', salt }
    assert.throws(() => stateOf([[numbers(1, 1), add, add]]), /twice/)
    assert.throws(() => stateOf([[numbers(1, 1), { tag: ChangeTag.kills, kills: [
      { low: 0, high: 0, segment: 5, recordNum: 2 ** 26 },
    ] }]]), /record 67108864/)
  })

  it('decodes random bytes to changes or an error', () => {
    const random = new SeededRandom(5)
    const good = encodeChanges(GROUPS.flat())
    for (let i = 0; i < 2000; i++) {
      const bytes = good.slice(0, random.below(good.length + 1))
      const from = random.below(bytes.length + 1)
      random.fill(bytes.subarray(from, from + random.below(12)))
      try {
        decodeChanges(bytes, 0, bytes.length)
      } catch (error) {
        assert.match((error as Error).constructor.name, /BadBytes|UnknownChange/)
      }
    }
  })

  it('is of the number in its name', async () => {
    expectError(() => replayCatalog(new Uint8Array(0), 12, NAME), 'CORRUPTION')
    const bytes = await writeAll([], false)
    expectError(() => replayCatalog(bytes, 13, NAME), 'CORRUPTION')
    expectError(() => replayCatalog(bytes.subarray(0, FILE_HEADER_BYTES), 12, NAME), 'CORRUPTION')
  })
})

describe('a catalog on a full disk', () => {
  it('takes removals in the space that stands ready, and other groups not; later it goes on', async () => {
    const vfs = new SimVfs({ seed: 1 })
    vfs.mkdirSync('/c')
    const catalog = runSync(createCatalog(newCatalog(vfs)))
    await catalog.append(GROUPS[0]!, false)
    vfs.capacityBytes = vfs.usedBytes
    const fill = async () => {
      for (let i = 0; i < 2000; i++) await catalog.append(GROUPS[2]!, false)
    }
    await assert.rejects(fill(), (error) => VarveError.is(error) && error.code === 'NO_SPACE')
    await assert.rejects(catalog.append(GROUPS[1]!, false))
    assert.equal(catalog.state.segments.size, 1)
    await catalog.append([numbers(30, 16), { tag: ChangeTag.removeSegment, segment: 13 }], true)
    assert.equal(catalog.state.segments.size, 0)
    vfs.capacityBytes += 200_000
    await catalog.append(GROUPS[0]!, false)
    await catalog.close()
    const file = vfs.openSync(`/c/${NAME}`, 'read')
    const bytes = new Uint8Array(file.sizeSync())
    file.readSync(bytes, 0, bytes.length, 0)
    assert.deepEqual(replayCatalog(bytes, 12, NAME).state.toChanges(), catalog.state.toChanges())
  })

  it('is not written again after a sync that failed', async () => {
    const vfs = new SimVfs({ seed: 1 })
    vfs.mkdirSync('/c')
    const catalog = runSync(createCatalog(newCatalog(vfs)))
    const fault = vfs.addFault({ kind: 'sync', fault: { do: 'failSync', mode: 'lostClean' } })
    const isUnknown = (error: unknown) => VarveError.is(error) && error.code === 'COMMIT_UNKNOWN'
    await assert.rejects(catalog.append(GROUPS[0]!, false), isUnknown)
    fault.remove()
    await assert.rejects(catalog.append(GROUPS[0]!, false), isUnknown)
    assert.equal(catalog.state.segments.size, 0)
    await catalog.close()
  })
})

it('dead records are kept in bits', () => {
  const dead = new DeadRecords()
  for (const n of [3, 300, 9]) dead.add(n)
  const again = new DeadRecords()
  again.addBits(dead.toBits())
  assert.deepEqual([dead.toBits().length, again.largest], [38, 300])
  for (let n = 0; n < 400; n++) assert.equal(again.has(n), [3, 300, 9].includes(n))
})
