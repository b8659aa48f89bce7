/**
 * What: reads a whole database in every way there is, which must agree.
 */
import assert from 'node:assert/strict'
import { compareBytes } from '../../../src/base/index.js'
import type { Snapshot, Varve } from '../../../src/index.js'
import { describeValue, keyBytes, keyText, show } from './crash-values.js'
import { matchState, untilText } from '../model/oracle.js'
import type { Expectation, Oracle, SeenState } from '../model/oracle.js'

/**
 * Gives the one state that a forward scan, a reverse scan and a lookup of each of `keys` show. `timeMs` is the time of
 * the machine.
 */
export function readState(db: Varve, keys: Iterable<string>, timeMs: number, snapshot?: Snapshot): SeenState {
  const read = snapshot === undefined ? {} : { snapshot }
  const forward = [...db.entriesSync(read)]
  const entries = new Map<string, string>()
  const values = new Map<string, Uint8Array>()
  for (let i = 0; i < forward.length; i++) {
    const [bytes, value] = forward[i]!
    if (i > 0) assert.ok(compareBytes(forward[i - 1]![0], bytes) < 0, 'keys rise')
    const key = keyText(bytes)
    const entry = db.entrySync(bytes, read)
    assert.ok(entry !== undefined && Buffer.compare(entry.value, value) === 0, `entry of ${show(key)}`)
    entries.set(key, untilText(describeValue(key, value), entry.expiresAt ?? 0))
    values.set(key, value)
  }
  checkReverse(db, forward, read)
  const wanted = new Set([...keys, ...entries.keys()])
  for (const key of wanted) {
    const found = db.getSync(keyBytes(key), read)
    const expected = values.get(key)
    const isSame = found === undefined || expected === undefined
      ? found === expected
      : Buffer.compare(found, expected) === 0
    assert.ok(isSame, `get of ${show(key)} gives ${found?.length} bytes, the scan ${expected?.length}`)
    assert.equal(db.hasSync(keyBytes(key), read), found !== undefined)
  }
  const { position } = db
  return { entries, timeMs, position: position === null ? null : keyText(position) }
}

function checkReverse(db: Varve, forward: [Uint8Array, Uint8Array][], read: { snapshot?: Snapshot }): void {
  let left = forward.length
  for (const [key, value] of db.entriesSync({ ...read, reverse: true })) {
    const expected = forward[--left]
    assert.ok(expected !== undefined, 'the reverse scan gives more entries than the forward scan')
    assert.equal(Buffer.compare(key, expected[0]), 0, 'the reverse scan gives the same keys')
    assert.equal(Buffer.compare(value, expected[1]), 0, 'the reverse scan gives the same values')
  }
  assert.equal(left, 0, 'the reverse scan gives as many entries as the forward scan')
}

/** Gives the number of batches that the open database shows. Throws when that is not a legal state. */
export function matchSeen(db: Varve, oracle: Oracle, timeMs: number, expected: Expectation): number {
  return matchState(readState(db, oracle.keys, timeMs), expected)
}
