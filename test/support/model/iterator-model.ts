/**
 * What: random calls on an iterator, compared with a sorted array after each call.
 */
import assert from 'node:assert/strict'
import { EntryKind, compareBytes, equalRanges } from '../../../src/base/index.js'
import type { InternalIterator, SeededRandom } from '../../../src/base/index.js'
import { compareEntries } from '../fakes/array-iterator.js'
import type { TestEntry } from '../fakes/array-iterator.js'

/** Draws a key of few letters: equal keys, prefixes of each other, the empty key, 0x00 and 0xFF. */
export function randomKey(random: SeededRandom): Uint8Array {
  const key = new Uint8Array(random.below(4))
  for (let i = 0; i < key.length; i++) key[i] = random.pick([0x00, 0x61, 0x62, 0xff])
  return key
}

/** Draws sorted entries with distinct sequence numbers, several versions and tombstones among them. */
export function randomEntries(random: SeededRandom, count: number): TestEntry[] {
  const entries: TestEntry[] = []
  const numbers = Array.from({ length: count }, (_, i) => (i + 1) * 2)
  for (let i = 0; i < count; i++) {
    const [seqNum] = numbers.splice(random.below(numbers.length), 1)
    const kind = random.chance(0.3) ? EntryKind.tombstone : EntryKind.value
    const value = new Uint8Array(kind === EntryKind.value ? random.below(3) * 20 : 0)
    random.fill(value)
    entries.push({ key: randomKey(random), seqNum: seqNum!, kind, value })
  }
  return entries.sort(compareEntries)
}

function readEntry(iterator: InternalIterator): TestEntry {
  return {
    key: iterator.keyBytes.slice(iterator.keyStart, iterator.keyEnd),
    seqNum: iterator.seqNum,
    kind: iterator.kind,
    value: iterator.valueBytes.slice(iterator.valueStart, iterator.valueEnd),
  }
}

function standsOn(iterator: InternalIterator, entry: TestEntry | undefined): boolean {
  if (entry === undefined || !iterator.valid) return entry === undefined && !iterator.valid
  const { keyBytes, keyStart, keyEnd, valueBytes, valueStart, valueEnd } = iterator
  return iterator.seqNum === entry.seqNum && iterator.kind === entry.kind &&
    equalRanges(keyBytes, keyStart, keyEnd, entry.key, 0, entry.key.length) &&
    equalRanges(valueBytes, valueStart, valueEnd, entry.value, 0, entry.value.length)
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

export function describeEntry(entry: TestEntry | undefined): string {
  return entry === undefined ? 'end'
    : `${toHex(entry.key)}@${entry.seqNum} kind ${entry.kind} = ${toHex(entry.value)}`
}

/** Gives all entries from one end to the other. */
export function collect(iterator: InternalIterator, backward = false): TestEntry[] {
  const entries: TestEntry[] = []
  if (backward) for (iterator.last(); iterator.valid; iterator.prev()) entries.push(readEntry(iterator))
  else for (iterator.first(); iterator.valid; iterator.next()) entries.push(readEntry(iterator))
  return entries
}

/** Makes `callCount` random calls; `expected` is what a walk must give. The walk often changes direction. */
export function checkAgainstModel(
  iterator: InternalIterator, expected: readonly TestEntry[], random: SeededRandom, callCount: number,
): void {
  let at = -1
  const trace: string[] = []
  for (let i = 0; i < callCount; i++) {
    const isValid = at >= 0 && at < expected.length
    const call = isValid && random.chance(0.8) ? random.pick(['next', 'prev'] as const)
      : random.pick(['first', 'last', 'seekGE', 'seekLT'] as const)
    const target = randomKey(random)
    trace.push(call.startsWith('seek') ? `${call} ${toHex(target)}` : call)
    at = modelCall(call, at, expected, target)
    if (call === 'seekGE' || call === 'seekLT') iterator[call](target, 0, target.length)
    else iterator[call]()
    if (standsOn(iterator, expected[at])) continue
    const found = iterator.valid ? readEntry(iterator) : undefined
    assert.equal(describeEntry(found), describeEntry(expected[at]), trace.slice(-12).join(', '))
  }
}

type Call = 'first' | 'last' | 'next' | 'prev' | 'seekGE' | 'seekLT'

function modelCall(call: Call, at: number, entries: readonly TestEntry[], target: Uint8Array): number {
  switch (call) {
    case 'first': return 0
    case 'last': return entries.length - 1
    case 'next': return at + 1
    case 'prev': return at - 1
    case 'seekGE': case 'seekLT': break
  }
  const found = entries.findIndex((entry) => compareBytes(entry.key, target) >= 0)
  const lowerBound = found < 0 ? entries.length : found
  return call === 'seekGE' ? lowerBound : lowerBound - 1
}
