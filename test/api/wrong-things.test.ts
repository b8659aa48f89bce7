/** What is no database, no statistics and no value is refused, and the error says what to give. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BlobCache } from '../../src/blob-cache.js'
import { formatPrometheus, Varve, VarveError } from '../../src/index.js'
import { inspect } from '../../src/inspector.js'
import { VarveLevel } from '../../src/level.js'
import { instrument } from '../../src/otel.js'
import { newDirectory, Place } from '../support/databases/databases.js'

/** Makes the call, which must be refused, and gives the hint of the error. */
async function hintOf(call: () => unknown): Promise<string | undefined> {
  try {
    await call()
  } catch (error) {
    assert.ok(VarveError.is(error), String(error))
    assert.equal(error.code, 'INVALID_ARGUMENT')
    return error.hint
  }
  assert.fail('it was taken')
}

test('an abstract-level database in the place of a database: give its engine', async () => {
  const level = new VarveLevel(newDirectory())
  await level.open()
  const wrong = level as never
  for (const call of [() => instrument(wrong, { tracer: {} as never }), () => inspect(wrong),
    () => Varve.backup(wrong, newDirectory()), () => instrument(undefined as never, { tracer: {} as never })]) {
    assert.match(await hintOf(call) ?? '', /its property engine/)
  }
  await level.close()
})

test('a database or cache that is made with new is refused at once', async () => {
  const Made = Varve as unknown as new (location?: string) => Varve
  assert.match(await hintOf(() => new Made('db')) ?? '', /await Varve\.open/)
  assert.match(await hintOf(() => new Made()) ?? '', /await Varve\.open/)
  const Cache = BlobCache as unknown as new (location: string) => BlobCache
  assert.match(await hintOf(() => new Cache('cache')) ?? '', /await BlobCache\.open/)
})

test('what is no statistics is no text of metrics', async () => {
  const db = await new Place('memory').open()
  for (const wrong of [db.stats, db, undefined, [undefined]]) {
    assert.match(await hintOf(() => formatPrometheus(wrong as never)) ?? '', /db\.stats\(\)/)
  }
  await db.close()
})

test('an object in the place of bytes: a view stores it', async () => {
  const db = await new Place('memory').open()
  const wrong = { name: 'Ada' } as never
  for (const call of [() => db.put('key', wrong), () => db.putSync(wrong, 'value'), () => db.get(5 as never),
    () => db.batch([{ type: 'put', key: 'key', value: wrong }])]) {
    assert.match(await hintOf(call) ?? '', /db\.view\(/)
  }
  assert.equal(await hintOf(() => db.put('key', undefined as never)), undefined)
  await db.close()
})
