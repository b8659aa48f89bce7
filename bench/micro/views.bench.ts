/**
 * Typed views beside the same calls with the encoding written out by hand, on memory: what of a call is the view's.
 *   npm run bench:micro -- views [ENTRIES]
 * The ratio says how many times as fast the view is: at least 0.9 is the goal.
 */
import { Varve } from '../../src/index.js'
import { MemoryVfs } from '../../src/testing.js'
import { measure } from './harness.js'
import type { MicroCase } from './harness.js'

const count = Number(process.argv[2] ?? 20_000)
const ROUNDS = 15
const PREFIX = 'users:'

interface User {
  name: string
  email: string
  age: number
  tags: string[]
}

const decoder = new TextDecoder()
const toText = (bytes: Uint8Array): string => decoder.decode(bytes)
const viaBuffer = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()

const names = Array.from({ length: count }, (_, i) => `user-${String(i).padStart(8, '0')}`)
const userOf = (i: number): User => {
  return { name: `User ${i}`, email: `user${i}@example.com`, age: i % 90, tags: ['a', 'b', String(i % 7)] }
}
const people = names.map((_, i) => userOf(i))

const db = await Varve.open('/views', { components: { vfs: new MemoryVfs() } })
const users = db.view<string, User>({ key: 'utf8', value: 'json', prefix: PREFIX })
await users.batch(names.map((key, i) => ({ type: 'put', key, value: people[i]! })))
await db.flush()
await db.compact()

let sum = 0
const look = (user: User): void => void (sum += user.age)

/** Each pair is by hand, once with a TextDecoder and once with a Buffer, and by the view. */
type Run = () => void | Promise<void>
const pairs: Record<string, { byHand: Record<string, Run>; byView: Run }> = {
  getSync: {
    byHand: {
      TextDecoder: () => names.forEach((key) => look(JSON.parse(toText(db.getSync(PREFIX + key)!)) as User)),
      Buffer: () => names.forEach((key) => look(JSON.parse(viaBuffer(db.getSync(PREFIX + key)!)) as User)),
    },
    byView: () => names.forEach((key) => look(users.getSync(key)!)),
  },
  get: {
    byHand: {
      TextDecoder: async () => {
        for (const key of names) look(JSON.parse(toText((await db.get(PREFIX + key))!)) as User)
      },
      Buffer: async () => {
        for (const key of names) look(JSON.parse(viaBuffer((await db.get(PREFIX + key))!)) as User)
      },
    },
    byView: async () => {
      for (const key of names) look((await users.get(key))!)
    },
  },
  getMany: {
    byHand: {
      Buffer: async () => {
        const values = await db.getMany(names.map((key) => PREFIX + key))
        for (const value of values) look(JSON.parse(viaBuffer(value!)) as User)
      },
    },
    byView: async () => {
      for (const value of await users.getMany(names)) look(value!)
    },
  },
  entriesSync: {
    byHand: {
      Buffer: () => {
        for (const [key, value] of db.entriesSync({ prefix: PREFIX })) {
          sum += viaBuffer(key).slice(PREFIX.length).length
          look(JSON.parse(viaBuffer(value)) as User)
        }
      },
    },
    byView: () => {
      for (const [key, value] of users.entriesSync()) {
        sum += key.length
        look(value)
      }
    },
  },
  entries: {
    byHand: {
      Buffer: async () => {
        for await (const [key, value] of db.entries({ prefix: PREFIX })) {
          sum += viaBuffer(key).slice(PREFIX.length).length
          look(JSON.parse(viaBuffer(value)) as User)
        }
      },
    },
    byView: async () => {
      for await (const [key, value] of users.entries()) {
        sum += key.length
        look(value)
      }
    },
  },
  put: {
    byHand: {
      JSON: async () => {
        for (const [i, key] of names.entries()) await db.put(PREFIX + key, JSON.stringify(people[i]))
      },
    },
    byView: async () => {
      for (const [i, key] of names.entries()) await users.put(key, people[i]!)
    },
  },
  putSync: {
    byHand: { JSON: () => names.forEach((key, i) => db.putSync(PREFIX + key, JSON.stringify(people[i]))) },
    byView: () => names.forEach((key, i) => users.putSync(key, people[i]!)),
  },
  batch: {
    byHand: {
      JSON: () => db.batch(names.map((key, i) => {
        return { type: 'put', key: PREFIX + key, value: JSON.stringify(people[i]) }
      })),
    },
    byView: () => users.batch(names.map((key, i) => ({ type: 'put', key, value: people[i]! }))),
  },
}

function print(name: string, times: number[], ratio?: number): void {
  const figures = [...times.map((time) => time.toFixed(0)), ratio?.toFixed(2) ?? '']
  console.log(name.padEnd(34) + figures.map((figure) => figure.padStart(10)).join(''))
}

console.log('ns an entry'.padEnd(34) + ['median', 'min', 'ratio'].map((head) => head.padStart(10)).join(''))
for (const [name, { byHand, byView }] of Object.entries(pairs)) {
  const cases: MicroCase[] = [{ name: 'view', count, run: byView }]
  for (const [how, run] of Object.entries(byHand)) cases.push({ name: `by hand, ${how}`, count, run })
  const [view, ...others] = await measure(cases, ROUNDS)
  print(`${name}: view`, [view!.median, view!.min])
  for (const { name: how, median, min } of others) {
    print(`  ${how}`, [median, min], median / view!.median)
  }
}
await db.close()
if (sum === 0) throw new Error('nothing was read')
