/** Handles that no sound table has, and how values are read from where they stand. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DATABASE_ID, makeDatabase, valueOf } from '../../test/support/databases/value-databases.js'
import { recordCalls } from '../../test/support/fakes/watched-vfs.js'
import { expectError } from '../../test/support/harness/expect-error.js'
import { putValueHandle, SeededRandom, VALUE_HANDLE_BYTES, VarveError } from '../base/index.js'
import { OpenValueLogs, ReadAhead, ValuePlace } from '../tables/index.js'
import { FilePool, MemoryVfs } from '../vfs/index.js'
import { ofKey, placeOf, readPlaceSync } from './value-reader.js'
import { planRuns, readRunsSync } from './value-runs.js'
import { ValueScan } from './value-scan.js'

const DIR = '/db'

interface Scene {
  logs: OpenValueLogs
  places: ValuePlace[]
  /** Those of file 12 that count. */
  bytes: number
}

function newLogs(lengths: number[], calls: string[] = []): Scene {
  const vfs = new MemoryVfs()
  vfs.mkdirSync(DIR)
  const entries = lengths.map((length, i) =>
    ({ key: `k${i + 1000}`, value: valueOf(length, i), log: i % 5 < 3 ? 12 : 14 }))
  const { version, places } = makeDatabase(vfs, DIR, { entries })
  const logs = new OpenValueLogs({
    vfs: recordCalls(vfs, calls), dir: DIR, databaseId: DATABASE_ID, files: new FilePool(),
  })
  logs.enter(version.valueLogs)
  const found = entries.map(({ key, log }) => {
    const { offset, length, checksum } = places.get(key)!
    return placeOf(logs, handle({ fileNum: log, offset, length, checksum }))
  })
  return { logs, places: found, bytes: version.valueLogs.get(12)!.bytes }
}

function handle({ fileNum = 12, offset = 128, length = 5000, checksum = 1 }) {
  const valueBytes = new Uint8Array(VALUE_HANDLE_BYTES + 9)
  putValueHandle(valueBytes, 4, offset, length, checksum, fileNum)
  return { valueBytes, valueStart: 4, valueEnd: 4 + VALUE_HANDLE_BYTES }
}

test('V16: nothing is allocated or read for a handle that does not lie within a listed file', () => {
  const calls: string[] = []
  const { logs, bytes } = newLogs([5000], calls)
  const bad: Parameters<typeof handle>[0][] = [
    { length: 2 ** 30 }, { offset: 2 ** 32 - 5001 }, { length: bytes - 127 }, { offset: bytes - 4999 }, { fileNum: 99 },
    { length: 2 ** 32 - 1 }, { fileNum: 0 },
  ]
  calls.length = 0
  for (const lie of bad) expectError(() => placeOf(logs, handle(lie)), 'CORRUPTION')
  expectError(() => placeOf(logs, { ...handle({}), valueEnd: 23 }), 'CORRUPTION')
  assert.deepEqual(calls, [])
  assert.equal(placeOf(logs, handle({ length: bytes - 128 })).length, bytes - 128)
})

test('an error of a value says its key: as text, or in hex, and not all of a long one', () => {
  const error = new VarveError('CORRUPTION', 'bad', { file: 'f', offset: 7, hint: 'h' })
  const named = (key: string | Uint8Array): VarveError => ofKey(error, key) as VarveError
  const { code, file, offset, hint, message, cause } = named('the "key"')
  assert.deepEqual([code, file, offset, hint, cause], ['CORRUPTION', 'f', 7, 'h', error])
  assert.equal(message, 'value of key "the \\"key\\"": bad')
  assert.equal(named(new Uint8Array([1, 255])).message, 'value of key 0x01ff: bad')
  assert.equal(named('x'.repeat(1000)).message, `value of key "${'x'.repeat(64)}"…: bad`)
})

test('many values are read in few calls, and each is the one that was asked for', () => {
  const random = new SeededRandom(4)
  for (const sizes of [[4096], [600, 9000], [70_000, 4096, 300_000]]) {
    const calls: string[] = []
    const lengths = Array.from({ length: 120 }, () => random.pick(sizes))
    const { places } = newLogs(lengths, calls)
    const wanted = places.map((place, index) => ({ place, index, key: '' })).filter(() => random.chance(0.6))
    wanted.push({ ...wanted[0]!, index: 1000 })
    wanted.sort(() => random.pick([-1, 1]))
    calls.length = 0
    const found = new Map<number, Uint8Array>()
    readRunsSync(wanted, {
      give: (index, value) => void found.set(index, value), fail: (_, error) => { throw error },
    })
    assert.equal(found.size, wanted.length)
    for (const { place, index } of wanted) {
      assert.deepEqual(found.get(index), readPlaceSync(place))
      assert.equal(found.get(index)!.buffer.byteLength, place.length)
    }
    const runs = planRuns(wanted, 32 * 1024)
    assert.ok(runs.every(({ start, end, values }) => values.length === 1 || end - start <= 1024 * 1024))
    assert.ok(runs.length <= Math.ceil(wanted.length / 3) || sizes.length === 3)
  }
})

test('a walk over values that stand behind each other reads ahead, and never gives other bytes', () => {
  const random = new SeededRandom(5)
  for (const sizes of [[4096], [600, 40_000, 9000]]) {
    const calls: string[] = []
    const { places } = newLogs(Array.from({ length: 200 }, () => random.pick(sizes)), calls)
    const inOrder = places.filter(({ log }) => log.fileNum === 12)
    const orders: ValuePlace[][] = [inOrder, places, inOrder.filter(() => random.chance(0.5)), [...inOrder].reverse()]
    for (const order of orders) {
      const expected = order.map(readPlaceSync)
      calls.length = 0
      const scan = new ValueScan(new ReadAhead())
      order.forEach((place, i) => {
        const value = scan.read(place)
        assert.deepEqual(value, expected[i])
        assert.equal(value.buffer.byteLength, place.length)
      })
      scan.forget()
      if (order === inOrder && sizes.length === 1) assert.ok(calls.length <= 5, `${calls.length} reads`)
    }
  }
})
