/** What: the rows of the matrix that do one thing: reads and ranges, and writes. YCSB's mixes are in ycsb.ts. */
import type { Draw } from './draws.js'
import type { Operations } from './measure.js'
import type { Subject } from './subject.js'

export const ROW = {
  fill: 'fill, batches of 1000',
  bulkFill: 'fill, sorted batches of 50,000',
  get: 'get, awaited',
  getSync: 'get, synchronous',
  getAbsent: 'get, key absent',
  getMany: 'getMany, 100 keys',
  seek10: 'seek + 10 entries',
  seek100: 'seek + 100 entries',
  scan: 'full scan',
  overwrite: 'overwrite, batches of 100',
  put: 'put, awaited one by one',
  putMany: 'put, 1000 in flight',
} as const

const MANY = 100
const RANDOM_BATCH = 100
const IN_FLIGHT = 1000

/** Makes a row that needs keys: of entries that are drawn, or of their absent neighbours. */
function onKeys(subject: Subject, draw: Draw, one: (key: Buffer) => unknown, isAbsent = false): Operations {
  const { entries } = subject
  let keys: Buffer[] = []
  return {
    draw(count) {
      keys = []
      for (let at = 0; at < count; at++) keys.push(isAbsent ? entries.absentKey(draw()) : entries.key(draw()))
    },
    one: (at) => one(keys[at]!),
  }
}

export function get(subject: Subject, draw: Draw): Operations {
  const { store } = subject
  return onKeys(subject, draw, async (key) => subject.use(await store.get(key)))
}

/** Gives nothing for an engine without such a call. */
export function getSync(subject: Subject, draw: Draw): Operations | undefined {
  const call = subject.store.getSync
  return call === undefined ? undefined : onKeys(subject, draw, (key) => subject.use(call(key)))
}

export function getAbsent(subject: Subject, draw: Draw): Operations {
  const { store } = subject
  return onKeys(subject, draw, async (key) => subject.use(await store.get(key)), true)
}

export function getMany(subject: Subject, draw: Draw): Operations {
  const { store, entries } = subject
  let asked: Buffer[][] = []
  return {
    entries: MANY,
    draw(count) {
      asked = Array.from({ length: count }, () => Array.from({ length: MANY }, () => entries.key(draw())))
    },
    async one(at) {
      for (const value of await store.getMany(asked[at]!)) subject.use(value)
    },
  }
}

export function seek(subject: Subject, draw: Draw, limit: number): Operations {
  const { store } = subject
  return onKeys(subject, draw, (key) => store.seek(key, limit))
}

/** A scan of everything is one operation. */
export function scan(subject: Subject): Operations {
  const { store } = subject
  return {
    entries: subject.entryCount,
    draw: () => undefined,
    one: () => store.scan((_, value) => subject.use(value)),
  }
}

/** Makes a row that writes entries which are drawn, each with another value. */
function onEntries(
  subject: Subject, draw: Draw, one: (key: Buffer, value: Buffer) => unknown, inFlight: number,
): Operations {
  const { entries } = subject
  let keys: Buffer[] = []
  let values: Buffer[] = []
  return {
    inFlight,
    draw(count) {
      keys = []
      values = []
      for (let at = 0; at < count; at++) {
        const i = draw()
        keys.push(entries.key(i))
        values.push(subject.nextValue(i))
      }
    },
    one: (at) => one(keys[at]!, values[at]!),
  }
}

export function put(subject: Subject, draw: Draw): Operations {
  const { store } = subject
  return onEntries(subject, draw, (key, value) => store.put(key, value), 1)
}

export function putMany(subject: Subject, draw: Draw): Operations {
  const { store } = subject
  subject.allowRaces()
  return onEntries(subject, draw, (key, value) => store.put(key, value), IN_FLIGHT)
}

export function overwrite(subject: Subject, draw: Draw): Operations {
  const { store, entries } = subject
  let batches: { keys: Buffer[]; values: Buffer[] }[] = []
  return {
    entries: RANDOM_BATCH,
    draw(count) {
      batches = Array.from({ length: count }, () => {
        const numbers = Array.from({ length: RANDOM_BATCH }, draw)
        return { keys: numbers.map((i) => entries.key(i)), values: numbers.map((i) => subject.nextValue(i)) }
      })
    },
    one: (at) => store.batch(batches[at]!.keys, batches[at]!.values),
  }
}
