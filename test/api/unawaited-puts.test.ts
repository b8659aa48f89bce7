/** Writes that nobody awaited, and that wait for their turn: flush, sync and close have them all the same. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Varve } from '../../src/index.js'
import { onEach } from '../support/databases/databases.js'

const LARGE_BYTES = 9 << 20
const large = new Uint8Array(LARGE_BYTES).fill(7)

async function checkPuts(db: Varve): Promise<void> {
  assert.equal((await db.get('large'))?.length, LARGE_BYTES)
  assert.equal((await db.get('small'))?.length, 1)
}

/** A large put, which is copied in later turns, and a small one, which waits behind it. */
function begin(db: Varve): Promise<unknown> {
  return Promise.all([db.put('large', large), db.put('small', 'x')])
}

for (const writeBufferSize of [64 << 10, 32 << 20]) {
  const name = `buffers of ${writeBufferSize >> 10} KiB`

  test(`flush has a large put that was not awaited: ${name}`, () => onEach(async (place) => {
    const db = await place.open({ writeBufferSize })
    const written = begin(db)
    await db.flush()
    assert.equal(db.stats().writeStall.waitingCount, 0)
    assert.equal(db.stats().levels.reduce((sum, { entryCount }) => sum + entryCount, 0), 2)
    await written
    await checkPuts(db)
  }))

  test(`close has a large put that was not awaited: ${name}`, () => onEach(async (place) => {
    for (const flushOnClose of [true, false]) {
      const db = await place.open({ writeBufferSize, flushOnClose })
      const written = begin(db)
      await db.close()
      await written
      const again = await place.open({ writeBufferSize })
      await checkPuts(again)
      await again.batch([{ type: 'del', key: 'large' }, { type: 'del', key: 'small' }])
      await again.close()
    }
  }))

  test(`sync has a large put that was not awaited: ${name}`, () => onEach(async (place) => {
    const db = await place.open({ writeBufferSize })
    let isWritten = false
    const written = begin(db).then(() => (isWritten = true))
    await db.sync()
    await Promise.resolve()
    assert.equal(db.stats().writeStall.waitingCount, 0)
    await checkPuts(db)
    await written
    assert.ok(isWritten)
  }))
}
