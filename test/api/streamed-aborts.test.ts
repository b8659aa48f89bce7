/** putStream with a signal: wherever it fires, the value is stored whole or nothing of it is left. */
import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { test } from 'node:test'
import { FaultyVfs } from '../../src/testing.js'
import { Place, text } from '../support/databases/databases.js'

const PIECE = new Uint8Array(60_000).fill(7)
const REASON = new Error('enough')
const never = new Promise<never>(() => undefined)

function newPlace(): { place: Place; vfs: FaultyVfs; valueLogs: () => string[] } {
  const place = new Place('memory')
  const vfs = new FaultyVfs(place.vfs!)
  return { place, vfs, valueLogs: () => place.vfs!.listSync(place.location).filter((name) => name.includes('vlog')) }
}

interface Source {
  pieces: AsyncGenerator<Uint8Array>
  /** How often it was told that no more is wanted, or ended. */
  endCount: number
}

/** Gives `count` pieces; `at` runs before each, and before the end. */
function sourceOf(count: number, at: (index: number) => unknown = () => undefined): Source {
  async function* pieces(): AsyncGenerator<Uint8Array> {
    try {
      for (let i = 0; i <= count; i++) {
        await at(i)
        if (i < count) yield PIECE
      }
    } finally {
      source.endCount++
    }
  }
  const source = { pieces: pieces(), endCount: 0 }
  return source
}

for (const count of [0, 1, 20]) {
  test(`a signal that fires while the source of ${count} pieces gives its bytes, or has ended`, async () => {
    for (let when = 0; when <= count; when++) {
      const { place, vfs, valueLogs } = newPlace()
      const db = await place.open({ components: { vfs } })
      await db.put('key', 'before')
      const controller = new AbortController()
      const { signal } = controller
      const source = sourceOf(count, (index) => void (index === when && controller.abort(REASON)))
      await assert.rejects(db.putStream('key', source.pieces, { signal }), REASON)
      await source.pieces.return(undefined)
      assert.equal(source.endCount, 1, `piece ${when}`)
      assert.equal(text(await db.get('key')), 'before')
      assert.deepEqual(valueLogs(), [])
      assert.equal(db.stats().memory.streamBytes, 0)
      assert.equal(getEventListeners(signal, 'abort').length, 0)
      await db.close()
      assert.deepEqual(valueLogs(), [])
    }
  })
}

test('a signal ends the wait for a source that gives nothing: it is told so, and not waited for', async () => {
  for (const count of [0, 1, 20]) {
    const { place, vfs, valueLogs } = newPlace()
    const db = await place.open({ components: { vfs } })
    const controller = new AbortController()
    const returned: unknown[] = []
    let given = 0
    const walk = {
      next: () => (given++ < count ? Promise.resolve({ done: false as const, value: PIECE }) : never),
      return: (reason: unknown) => {
        returned.push(reason)
        return never
      },
    }
    const put = db.putStream('key', { [Symbol.asyncIterator]: () => walk }, { signal: controller.signal })
    setTimeout(() => controller.abort(REASON), 10)
    await assert.rejects(put, REASON)
    assert.deepEqual(returned, [REASON])
    assert.equal(await db.get('key'), undefined)
    assert.deepEqual(valueLogs(), [])
    await db.close()
  }
})

test('a ReadableStream is cancelled with the reason', async () => {
  const db = await new Place('memory').open()
  const controller = new AbortController()
  const cancelled: unknown[] = []
  const stream = new ReadableStream<Uint8Array>({
    pull: () => never, cancel: (reason: unknown) => void cancelled.push(reason),
  })
  const put = db.putStream('key', { getReader: () => stream.getReader() }, { signal: controller.signal })
  setImmediate(() => controller.abort(REASON))
  await assert.rejects(put, REASON)
  assert.deepEqual(cancelled, [REASON])
  await db.close()
})

test('a signal that had fired before: nothing is asked for, and the source is told', async () => {
  const { place, vfs, valueLogs } = newPlace()
  const db = await place.open({ components: { vfs } })
  const calls: string[] = []
  const walk = {
    next: async () => {
      calls.push('next')
      return { done: true as const, value: undefined }
    },
    return: async () => {
      calls.push('return')
      return { done: true as const, value: undefined }
    },
  }
  const put = (signal: AbortSignal) => db.putStream('key', { [Symbol.asyncIterator]: () => walk }, { signal })
  await assert.rejects(put(AbortSignal.abort(REASON)), REASON)
  await assert.rejects(put(AbortSignal.abort()), { name: 'AbortError' })
  assert.deepEqual(calls, ['return', 'return'])
  assert.equal(await db.get('key'), undefined)
  assert.deepEqual(valueLogs(), [])
  await db.close()
})

for (const sync of [false, true]) {
  test(`a signal that fires at each call of the file system, sync ${sync}: all or nothing`, async () => {
    const outcomes: { call: string; isStored: boolean }[] = []
    for (let when = 1; ; when++) {
      const { place, vfs, valueLogs } = newPlace()
      const db = await place.open({ components: { vfs }, flushOnClose: false })
      await db.put('key', 'before', { sync: true })
      const controller = new AbortController()
      const { signal } = controller
      let count = 0
      let last = ''
      vfs.onEffect = (_, description) => {
        if (++count !== when) return
        last = description
        controller.abort(REASON)
      }
      const source = sourceOf(20)
      const error = await db.putStream('key', source.pieces, { signal, sync })
        .then(() => null, (cause: unknown) => cause)
      vfs.onEffect = null
      const hasFired = signal.aborted
      const isStored = error === null
      if (!isStored) assert.equal(error, REASON, last)
      assert.equal(source.endCount, 1, last)
      const check = async (found: Uint8Array | undefined) => {
        if (isStored) assert.deepEqual([found!.length, found![1]], [20 * PIECE.length, 7], last)
        else assert.equal(text(found), 'before', last)
        await new Promise(setImmediate) // a file that goes is unlinked in the background
        assert.equal(valueLogs().length, isStored ? 1 : 0, last)
      }
      await check(await db.get('key'))
      assert.equal(db.stats().memory.streamBytes, 0, last)
      assert.equal(getEventListeners(signal, 'abort').length, 0, last)
      await db.close()
      const again = await place.open()
      await check(await again.get('key'))
      await again.close()
      if (!hasFired) break
      outcomes.push({ call: last, isStored })
    }
    const late = outcomes.findIndex(({ isStored }) => isStored)
    assert.match(outcomes[late]!.call, /^write .*\.wal/, 'the entry in the log is what cannot be taken back')
    assert.ok(outcomes.slice(late).every(({ isStored }) => isStored))
    assert.ok(late > 8)
  })
}

test('a signal that fires when the value is stored changes nothing', async () => {
  const db = await new Place('memory').open()
  const controller = new AbortController()
  await db.putStream('key', [PIECE], { signal: controller.signal })
  controller.abort(REASON)
  assert.deepEqual(await db.get('key'), PIECE)
  await db.close()
})
