/** Listeners hear everything in order, outside the emitter's stack, and can harm nobody. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { EventBus } from './event-bus.js'
import type { EngineEvent } from './events.js'

/** Resolves when every microtask that is queued now has run. */
async function microtasks(): Promise<void> {
  for (let i = 0; i < 10; i++) await undefined
}

function rotated(log: number): EngineEvent {
  return { type: 'rotated', log }
}

describe('EventBus', () => {
  it('calls listeners from a microtask, in order', async () => {
    const heard: EngineEvent[] = []
    const bus = new EventBus((event) => heard.push(event))
    bus.emit(rotated(1))
    bus.emit({ type: 'resumed' })
    assert.deepEqual(heard, [])
    await microtasks()
    assert.deepEqual(heard, [rotated(1), { type: 'resumed' }])
    bus.emit(rotated(2))
    await microtasks()
    assert.equal(heard.length, 3)
    assert.equal(bus.emittedCount, 3)
  })

  it('serves many listeners until each ends its subscription', async () => {
    const bus = new EventBus()
    const counts = [0, 0]
    const listener = (): void => {
      counts[0]!++
    }
    const endFirst = bus.subscribe(listener)
    bus.subscribe(listener)
    bus.subscribe(() => counts[1]!++)
    bus.emit(rotated(1))
    await microtasks()
    assert.deepEqual(counts, [2, 1])
    endFirst()
    endFirst()
    bus.emit(rotated(2))
    await microtasks()
    assert.deepEqual(counts, [3, 2])
  })

  it('contains a listener that throws or rejects; tells the others once, counts each time', async () => {
    const bus = new EventBus()
    const heard: EngineEvent[] = []
    bus.subscribe(() => {
      throw new Error('thrown')
    })
    bus.subscribe((async () => {
      throw new Error('rejected')
    }) as () => void)
    bus.subscribe((event) => heard.push(event))
    for (const log of [1, 2, 3]) {
      bus.emit(rotated(log))
      await microtasks()
    }
    const errors = heard.filter((event) => event.type === 'listenerError')
    assert.deepEqual(errors.map((event) => (event.error as Error).message).sort(), ['rejected', 'thrown'])
    assert.equal(heard.length - errors.length, 3)
    // Three events and the two reports, heard by two that fail.
    assert.equal(bus.listenerErrorCount, 10)
  })

  it('lets a listener emit', async () => {
    const heard: string[] = []
    const bus = new EventBus((event) => {
      heard.push(event.type)
      if (event.type === 'rotated') bus.emit({ type: 'resumed' })
    })
    bus.emit(rotated(1))
    await microtasks()
    assert.deepEqual(heard, ['rotated', 'resumed'])
  })

  it('drops the oldest events of a caller that never lets microtasks run', async () => {
    const heard: EngineEvent[] = []
    const bus = new EventBus((event) => heard.push(event))
    for (let log = 1; log <= 5000; log++) bus.emit(rotated(log))
    await microtasks()
    assert.equal(bus.droppedCount, 5000 - heard.length)
    assert.ok(heard.length > 1000 && heard.length < 5000)
    assert.deepEqual(heard.at(-1), rotated(5000))
  })

  it('keeps nothing without listeners', async () => {
    const bus = new EventBus(null)
    bus.emit(rotated(1))
    const heard: EngineEvent[] = []
    bus.subscribe((event) => heard.push(event))
    await microtasks()
    assert.deepEqual(heard, [])
  })
})
