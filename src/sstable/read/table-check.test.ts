/** The check tells everything that is wrong, and nothing else. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { craft, good, sample, sampleParts } from '../../../test/support/samples/table-crafting.js'
import {
  DATABASE_ID,
  newFile,
  sampleEntries,
  TABLE_NAME,
  writeTable,
} from '../../../test/support/samples/table-samples.js'
import type { WrittenTable } from '../../../test/support/samples/table-samples.js'
import { putU32 } from '../../base/index.js'
import { replacedByFlush, replacedByMerge } from '../replaces.js'
import type { Replaces } from '../replaces.js'
import { SectionSlot } from '../table-format.js'
import { checkTable } from './table-check.js'

/** One line a problem: the part of the file, and what is wrong with it. */
function problems({ file, facts }: WrittenTable): string[] {
  const told: string[] = []
  const { footer } = sampleParts()
  const options = { file, name: TABLE_NAME, databaseId: DATABASE_ID, facts }
  const checking = checkTable(options, ({ extent, block, error }) => {
    const slot = footer.sections.findIndex(({ offset, bytes }) => bytes > 0 && offset === extent.offset)
    const part = block !== null ? `block ${block}` : Object.keys(SectionSlot)[slot] ?? 'file'
    told.push(`${part}: ${error.message.replace(/^.* at offset \d+: /, '')}`)
  })
  while (checking.next().done !== true);
  return told
}

function problemsOf(bytes: Uint8Array): string[] {
  return problems({ file: newFile(bytes), facts: sample.facts })
}

/** The sample with a byte flipped at each of these places. */
function flipped(...offsets: number[]): Uint8Array {
  const bytes = good.slice()
  for (const offset of offsets) bytes[offset]! ^= 1
  return bytes
}

test('a good table has no problem', () => {
  assert.deepEqual(problems(sample), [])
})

test('each damaged block is told, and the others are checked all the same', () => {
  const { index } = sampleParts()
  assert.ok(index.blockCount > 2)
  const places = Array.from({ length: index.blockCount }, (_, number) => index.offset(number) + 20)
  places.forEach((place, number) => {
    // A key whose newest version stood in the lost block is not found missing in the point hash.
    assert.deepEqual(problemsOf(flipped(place)), [`block ${number}: checksum differs`])
  })
  assert.deepEqual(problemsOf(flipped(...places)), places.map((_, number) => `block ${number}: checksum differs`))
})

test('damage of sections is told beside that of blocks', () => {
  const { footer, index } = sampleParts()
  const [, filter, pointHash, properties] = footer.sections.map(({ offset }) => offset + 20)
  assert.deepEqual(problemsOf(flipped(filter!, pointHash!, properties!, index.offset(1) + 20)), [
    'properties: checksum differs', 'pointHash: checksum differs', 'filter: checksum differs',
    'block 1: checksum differs',
  ])
})

test('without an index nobody knows where the blocks are', () => {
  const { footer } = sampleParts()
  const [index, filter] = footer.sections.map(({ offset }) => offset + 20)
  assert.deepEqual(problemsOf(flipped(index!, filter!)), ['file: checksum differs'])
  const isCut = `file: it has ${good.length - 8} bytes, the manifest says ${good.length}`
  assert.deepEqual(problemsOf(good.slice(0, -8)), [isCut])
})

test('TAB-1: a filter or a point hash that misses keys is told once', () => {
  const { footer } = sampleParts()
  const [, filter, pointHash] = footer.sections.map(({ offset }) => offset)
  const noBits = craft(filter!, (content) => content.fill(0, 16))
  assert.deepEqual(problemsOf(noBits), ['filter: the filter misses a key'])
  const noSlots = craft(pointHash!, (content) => content.fill(0, 16))
  assert.deepEqual(problemsOf(noSlots), [
    'pointHash: the point hash misses the newest version of a key',
    'pointHash: the point hash has more slots in use than there are keys',
  ])
})

test('counts that differ from the entries are told each', () => {
  const { footer } = sampleParts()
  // entryCount is the second property; the two behind it are counted in the entries.
  const second = 8 + 8 + 16
  const bytes = craft(footer.sections[SectionSlot.properties]!.offset, (content) => {
    for (const property of [1, 2]) putU32(content, second + 16 * property + 8, 1000)
  })
  const facts = { ...sample.facts, tombstoneCount: 1000, rawBytes: 1000 }
  assert.deepEqual(problems({ file: newFile(bytes), facts }), [
    'properties: tombstoneCount is 1, the properties say 1000',
    `properties: rawBytes is ${sample.facts.rawBytes}, the properties say 1000`,
  ])
})

test('replaces: what cannot be true is told', () => {
  const entries = sampleEntries()
  const merged = { ...replacedByMerge([sample.facts], []), inputs: [3], group: 7, index: 0, isLast: true }
  const flushed = { ...replacedByFlush([3]), group: 7, index: 0, isLast: true }
  const told = (replaces: Replaces, isFlush = false): string[] => {
    const logs = isFlush ? { firstLog: 2, lastLog: 2 } : {}
    return problems(writeTable(entries, { blockBytes: 1024, layout: 'columns', ...logs }, newFile(), replaces))
  }
  assert.deepEqual([told(merged), told(flushed, true)], [[], []])
  const end = new TextEncoder().encode('zero')
  const cases: [Replaces, string, boolean?][] = [
    [{ ...merged, group: 8 }, 'output 0 of group 8'],
    [{ ...merged, group: 6 }, 'output 0 of group 6'],
    [{ ...merged, index: 1 }, 'output 1 of group 7'],
    [{ ...merged, inputs: [] }, 'a merge has inputs'],
    [{ ...merged, inputs: [3, 7] }, 'an input is not older than its outputs'],
    [{ ...merged, unlisted: [7] }, 'it lists itself'],
    [{ ...merged, lower: end.subarray(0, 1) }, 'the job did not cover its keys'],
    [{ ...merged, upper: end }, 'the job did not cover its keys'],
    [merged, 'a flush has no inputs and one output', true],
    [{ ...flushed, group: 6, index: 1 }, 'a flush has no inputs and one output', true],
  ]
  for (const [replaces, what, isFlush] of cases) {
    assert.deepEqual(told(replaces, isFlush), [`properties: replaces: ${what}`])
  }
})
