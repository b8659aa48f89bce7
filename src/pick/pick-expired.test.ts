/** What a table must be to leave unread when all of it has expired, and what is written anew. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sampleTable } from '../../test/support/samples/manifest-samples.js'
import { smallSettings } from '../../test/support/scenes/pick-scene.js'
import type { TableFacts } from '../base/index.js'
import { applyEdit, emptyVersion } from '../manifest/index.js'
import { pickContext } from './pick-context.js'
import type { PickContext } from './pick-context.js'
import { expiryDueMs, pickExpired } from './pick-expired.js'
import type { ExpiryTimes } from './pick-expired.js'

/** A table of ten entries, of which `count` expire at times from 100 to 800. */
function expiringTable(fileNum: number, count = 10, more: Partial<TableFacts> = {}): TableFacts {
  const octilesMs = [100, 200, 300, 400, 500, 600, 700, 800]
  const expiry = { count, earliestMs: 100, latestMs: 800, octilesMs }
  return sampleTable(fileNum, 'a-m', { tombstoneCount: 0, expiry, ...more })
}

function picked(
  tables: [level: number, facts: TableFacts][], dropTimeMs: number, more: Partial<PickContext & ExpiryTimes> = {},
): string {
  const addTables = tables.map(([level, facts]) => ({ level, facts }))
  const version = applyEdit(emptyVersion, { nextFileNum: 50, lastSeqNum: 900, addTables })
  const { earliestReadMs = () => Infinity, ...context } = more
  const pick = pickExpired(pickContext(smallSettings, { version, ...context }), { dropTimeMs, earliestReadMs })
  if (pick === null) return 'nothing'
  assert.equal(pick.reason, 'expired')
  const numbers = pick.inputs.flatMap((input) => input.tables.map(({ fileNum }) => fileNum))
  return `${pick.kind === 'drop' ? 'drop' : 'write anew'} ${numbers.join()}`
}

test('a table leaves when all of it has expired, and nothing else is in it', () => {
  assert.equal(picked([[2, expiringTable(20)]], 800), 'drop 20')
  assert.equal(picked([[2, expiringTable(20)]], 799), 'write anew 20')
  assert.equal(picked([[2, expiringTable(20, 9)]], 800), 'write anew 20')
  const bounds = { lower: Uint8Array.of(97), upper: Uint8Array.of(98) }
  const spans = { ...bounds, count: 1, widest: [{ ...bounds, seqNum: 203 }] }
  assert.equal(picked([[2, expiringTable(20, 10, { spans })]], 800), 'write anew 20')
})

test('a table stays while a reader stands below its newest number, or sees a part of it', () => {
  const tables: [number, TableFacts][] = [[2, expiringTable(20)]]
  assert.equal(picked(tables, 800, { held: 209 }), 'drop 20')
  assert.equal(picked(tables, 800, { held: 208 }), 'write anew 20')
  const readsAt = (ms: number) => ({ earliestReadMs: (seqNum: number) => (seqNum <= 200 ? ms : Infinity) })
  assert.equal(picked(tables, 800, readsAt(800)), 'drop 20')
  assert.equal(picked(tables, 800, readsAt(799)), 'write anew 20')
  assert.equal(picked(tables, 800, readsAt(100)), 'nothing')
  assert.equal(picked(tables, 100, readsAt(800)), 'nothing')
})

test('a table stays while an older one has keys of its extent', () => {
  const older = sampleTable(10, 'c-d')
  assert.equal(picked([[2, expiringTable(20)], [3, older]], 800), 'write anew 20')
  assert.equal(picked([[0, expiringTable(20)], [0, older]], 800), 'write anew 20')
  assert.equal(picked([[0, expiringTable(20)], [0, sampleTable(30, 'c-d')]], 800), 'drop 20')
})

test('a table is written anew when a quarter of it has expired, and nobody has taken it', () => {
  assert.equal(picked([[2, expiringTable(20)]], 199), 'nothing')
  assert.equal(picked([[2, expiringTable(20)]], 200), 'write anew 20')
  assert.equal(picked([[2, expiringTable(20)]], 200, { blocked: new Set([20]) }), 'nothing')
  assert.equal(picked([[2, expiringTable(20)]], 800, { blocked: new Set([20]) }), 'nothing')
})

test('the next time is one at which a table is taken', () => {
  assert.equal(expiryDueMs([expiringTable(20)], 0), 200)
  assert.equal(expiryDueMs([expiringTable(20), expiringTable(21, 1)], 700), 800)
  assert.equal(expiryDueMs([expiringTable(21, 1)], 0), Infinity)
  assert.equal(expiryDueMs([expiringTable(20), sampleTable(22)], 800), Infinity)
})
