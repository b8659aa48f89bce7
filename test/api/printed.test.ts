/** Public objects say what they are, not what is inside: printed, as JSON, compared, copied. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { VarveLevel } from '../../src/level.js'
import { VarveError } from '../../src/index.js'
import { MemoryVfs } from '../../src/testing.js'
import { Place } from '../support/databases/databases.js'

test('each public object prints as one short line', async () => {
  const place = new Place('memory')
  const db = await place.open()
  await db.pins.acquire('follower')
  const snapshot = db.snapshot()
  const objects: [object, RegExp][] = [
    [db, /^Varve \{ location: '\/db', state: 'OPEN', isReadOnly: false \}$/],
    [snapshot, /^Snapshot \{ sequence: 0, isReleased: false \}$/],
    [db.pins, /^Pins \{ names: 'follower' \}$/],
    [db.keysSync(), /^RangeIterable \{\}$/],
    [db.entries(), /^AsyncRangeIterable \{\}$/],
  ]
  for (const [object, expected] of objects) {
    const text = inspect(object)
    assert.match(text, expected)
    assert.ok(text.length < 100 && inspect(object, { customInspect: false, depth: 20 }).length < 200, text)
    assert.ok((JSON.stringify(object) ?? '').length < 100)
    assert.ok(Object.keys(object).every((name) => name === 'location'))
  }
  await db.close()
  assert.match(inspect(db), /state: 'CLOSED'/)
  assert.match(inspect(snapshot), /isReleased: true/)
})

test('the facade too', async () => {
  const db = new VarveLevel('/db', { components: { vfs: new MemoryVfs() } })
  assert.equal(inspect(db), "VarveLevel { location: '/db', status: 'opening' }")
  await db.open()
  assert.equal(inspect(db), "VarveLevel { location: '/db', status: 'open' }")
  await db.close()
})

test('an error shows what it has, and nothing that it has not', () => {
  const [plain, full] = [new VarveError('BUSY', 'wait'), new VarveError('CORRUPTION', 'bad', { file: 'f', offset: 7 })]
  assert.doesNotMatch(inspect(plain).split('{').pop()!, /undefined|file|offset|hint/)
  assert.match(inspect(full), /code: 'CORRUPTION',\s+file: 'f',\s+offset: 7\s+\}$/)
  assert.deepEqual([plain.file, plain.offset, plain.hint, full.hint], [undefined, undefined, undefined, undefined])
})
