/** What tests of typed views are made of. */
import assert from 'node:assert/strict'
import { VarveError } from '../../../src/base/index.js'
import type { Varve } from '../../../src/index.js'
import { Place } from './databases.js'

/** Runs on a database in memory, which is closed. */
export async function inMemory(run: (db: Varve, place: Place) => unknown): Promise<void> {
  const place = new Place('memory')
  await run(await place.open({ workers: 0 }), place)
  await place.close()
}

export async function listOf<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const item of items) list.push(item)
  return list
}

/** The error of a call that throws or rejects: INVALID_ARGUMENT, with a cause. */
export async function refusal(call: () => unknown): Promise<VarveError> {
  const error = await Promise.resolve().then(call)
    .then(() => assert.fail('it was not refused'), (thrown: unknown) => thrown)
  assert.ok(VarveError.is(error) && error.code === 'INVALID_ARGUMENT', String(error))
  return error
}
