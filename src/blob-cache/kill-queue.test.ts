import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { KillQueue } from './kill-queue.js'

const kill = (recordNum: number) => ({ low: 0, high: 0, segment: 1, recordNum })

describe('the queue of kills', () => {
  it('gives kills in their order, up to the first whose bytes are not safe (BC-5)', () => {
    const queue = new KillQueue()
    const first = { isSafe: false }
    queue.push(kill(1), null)
    queue.push(kill(2), first)
    queue.push(kill(3), null)
    assert.deepEqual(queue.safe(), { kills: [kill(1)], end: 1 })
    first.isSafe = true
    assert.deepEqual(queue.safe(), { kills: [kill(1), kill(2), kill(3)], end: 3 })
    queue.noteDurable(1)
    queue.push(kill(4), null)
    assert.deepEqual(queue.safe(), { kills: [kill(2), kill(3), kill(4)], end: 4 })
    queue.noteDurable(4)
    assert.deepEqual([queue.safe(), queue.length, queue.end], [{ kills: [], end: 4 }, 0, 4])
  })

  it('answers a delete when all before it is durable, also one that found nothing', async () => {
    const queue = new KillQueue()
    const bytes = { isSafe: false }
    const done: string[] = []
    queue.push(kill(1), bytes)
    queue.push(null, null)
    void queue.durable(queue.end).then(() => done.push('nothing found'))
    queue.push(kill(2), null)
    void queue.durable(queue.end).then(() => done.push('found'))
    assert.deepEqual([queue.safe().end, queue.isAwaited], [0, true])
    bytes.isSafe = true
    queue.noteDurable(2)
    await Promise.resolve()
    assert.deepEqual(done, ['nothing found'])
    queue.noteDurable(3)
    await Promise.resolve()
    assert.deepEqual([done, queue.isAwaited], [['nothing found', 'found'], false])
    await queue.durable(3)
  })

  it('tells those who wait when the catalog takes nothing any more (BC-7)', async () => {
    const queue = new KillQueue()
    queue.push(kill(1), null)
    const waiting = queue.durable(1)
    queue.fail(new Error('no catalog'))
    await assert.rejects(waiting, /no catalog/)
  })
})
