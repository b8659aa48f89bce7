/** REC-4, REC-6: logs against what the manifest says of them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32, putU32, putU53 } from '../base/index.js'
import type { LogFacts } from '../base/index.js'
import { expectError } from '../../test/support/harness/expect-error.js'
import { buildHistory, readHistory } from '../../test/support/samples/log-history.js'
import type { History } from '../../test/support/samples/log-history.js'
import { sampleLogHeader } from '../../test/support/samples/write-buffer-samples.js'

const put = (key: string) => ({ operations: [{ type: 'put', key, value: `value of ${key}` } as const] })

/** Three logs without a sync mark: only the manifest can say what must be there. */
function sample(): History {
  return buildHistory([[3, [put('a'), put('b'), put('c')]], [5, [put('d'), put('e')]], [9, [put('f'), put('g')]]])
}

function listed(fileNum: number, bytes: number, more: Partial<LogFacts> = {}): LogFacts {
  return { fileNum, salt: sampleLogHeader(fileNum).salt, bytes, isExact: false, mustExist: true, ...more }
}

const endsOf = (history: History, log: number) => history.frames.filter((it) => it.log === log).map(({ end }) => end)

test('a log that must exist and is missing is told by its name', () => {
  const history = sample()
  for (const log of [3, 5, 9]) {
    const files = new Map(history.files)
    files.delete(log)
    assert.equal(expectError(() => readHistory(files, 1, [listed(log, 128)]), 'MISSING_FILE').file, `00000${log}.wal`)
    if (log === 9) assert.equal(readHistory(files, 1, [listed(log, 128, { mustExist: false })]).entries.length, 5)
    if (log === 3) assert.equal(readHistory(files, 4, [listed(log, 128)]).entries.length, 4, 'the pointer passed it')
  }
})

test('a log that is cut below what was synced is an error that says where, above it a shorter history', () => {
  const history = sample()
  const whole = history.files.get(9)!
  for (const bytes of [128, ...endsOf(history, 9)]) {
    for (let cut = 0; cut <= whole.length; cut++) {
      const files = new Map(history.files).set(9, whole.slice(0, cut))
      const read = () => readHistory(files, 1, [listed(9, bytes)])
      if (cut >= bytes) assert.deepEqual(read().entries, history.entries.slice(0, read().entries.length))
      else assert.equal(expectError(read, 'CORRUPTION').file, '000009.wal', `${bytes} bytes cut at ${cut}`)
    }
  }
})

test('a bad byte below what was synced is an error, also in a log that is void because of another one', () => {
  const history = sample()
  const [first, second] = endsOf(history, 3)
  const damage = (at: number) => {
    const bytes = history.files.get(3)!.slice()
    bytes[at]! ^= 1
    return new Map(history.files).set(3, bytes)
  }
  assert.equal(readHistory(damage(second! + 50)).entries.length, 2)
  assert.equal(readHistory(damage(second! + 50), 1, [listed(3, second!), listed(5, 128)]).entries.length, 2)
  const error = expectError(() => readHistory(damage(first! + 50), 1, [listed(3, second!)]), 'CORRUPTION')
  assert.deepEqual([error.file, error.offset], ['000003.wal', first])
})

test('what is behind an exact end does not count, frames or zeros', () => {
  const history = sample()
  const [first] = endsOf(history, 9)
  const exact = [listed(9, first!, { isExact: true })]
  assert.deepEqual(readHistory(history.files, 1, exact), { entries: history.entries.slice(0, 6), cut: null })
  const torn = history.files.get(9)!.slice(0, first! + 13)
  assert.deepEqual(readHistory(new Map(history.files).set(9, torn), 1, exact).cut, null, 'no history was cut')
  const inside = [listed(9, first! + 8, { isExact: true })]
  assert.match(expectError(() => readHistory(history.files, 1, inside), 'CORRUPTION').message, /inside a frame/)
  const isVoid = [listed(9, 0, { isExact: true, mustExist: false })]
  assert.equal(readHistory(history.files, 1, isVoid).entries.length, 5)
})

test('a log of the right number and another history is refused', () => {
  const history = sample()
  const salt = Uint8Array.of(9, 9, 9, 9, 9, 9, 9, 9)
  const error = expectError(() => readHistory(history.files, 1, [listed(5, 128, { salt })]), 'CORRUPTION')
  assert.match(error.message, /another history/)
})

test('a log that follows another one of the same number than the one that is there is refused', () => {
  const logs = [[3, [put('a'), put('b'), put('c')]], [5, [put('d'), put('e')]]] as Parameters<typeof buildHistory>[0]
  const [mine, other] = [buildHistory(logs), buildHistory(logs, 1, 77)]
  assert.equal(readHistory(other.files).entries.length, 5)
  const files = new Map(mine.files).set(5, other.files.get(5)!)
  const error = expectError(() => readHistory(files), 'CORRUPTION')
  assert.match(error.message, /follows another 000003\.wal/)
})

test('REC-6: a log of another lineage is history when the manifest lists it with its salt, else an error', () => {
  const history = sample()
  const file = history.files.get(5)!.slice()
  putU53(file, 72, 12)
  putU32(file, 124, crc32(file, 0, 124))
  const files = new Map(history.files).set(5, file)
  assert.deepEqual(readHistory(files, 1, [listed(5, 128)]).entries, history.entries)
  assert.equal(readHistory(files, 6, []).entries.length, 2, 'the pointer passed it')
  for (const facts of [[], [listed(3, 128)], [listed(5, 128, { salt: new Uint8Array(8), mustExist: false })]]) {
    const error = expectError(() => readHistory(files, 1, facts), 'CORRUPTION')
    assert.deepEqual([error.file, error.offset], ['000005.wal', 72])
  }
})
