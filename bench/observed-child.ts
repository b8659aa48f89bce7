/**
 * What: one process of `npm run bench:observed`: times puts and gets of one way of being observed, on memory, so that
 * nothing but the calls counts. Its first line is `ready URL`, when it waits for a line on standard input; its last one
 * is its figures as JSON.
 *   node observed-child.js VARIANT ENTRIES TIMES DIST
 */
import diagnostics from 'node:diagnostics_channel'
import { once } from 'node:events'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

export type Variant = 'untraced' | 'nobody' | 'commit' | 'subscriber' | 'page'

/** Nanoseconds of processor time an operation, by what was measured. */
export type ObservedFigures = Record<string, number>

const [variant = 'nobody', entries = '20000', times = '5', dist = ''] = process.argv.slice(2)
const count = Number(entries)

// Without the platform's channels no method is replaced: what is measured is the engine alone.
const { getBuiltinModule } = process
if (variant === 'untraced') Object.assign(process, { getBuiltinModule: undefined })
const from = async <T>(file: string): Promise<T> => import(pathToFileURL(path.join(dist, file)).href) as Promise<T>
const { Varve } = await from<typeof import('../src/index.js')>('src/index.js')
const { MemoryVfs } = await from<typeof import('../src/testing.js')>('src/testing.js')
Object.assign(process, { getBuiltinModule })

type Db = import('../src/index.js').Varve
interface User { name: string; email: string; age: number; tags: string[] }

const keys = Array.from({ length: count }, (_, i) => `user-${String(i).padStart(8, '0')}`)
const people = keys.map((_, i): User =>
  ({ name: `User ${i}`, email: `user${i}@example.com`, age: i % 90, tags: ['a', 'b', String(i % 7)] }))
const value = new Uint8Array(100).fill(7)

const newDatabase = (): Promise<Db> =>
  Varve.open('/db', { components: { vfs: new MemoryVfs() }, workers: 0, compaction: { style: 'none' } })
const usersOf = (of: Db) => of.view<string, User>({ key: 'utf8', value: 'json', prefix: 'view:' })

const db = await newDatabase()
for (const key of keys) db.putSync(key, value)
const users = usersOf(db)
const plain = db.view({ key: 'bytes', value: 'bytes', prefix: 'bytes:' })
const byteKeys = keys.map((key) => Buffer.from(key))
for (const [i, key] of keys.entries()) {
  users.putSync(key, people[i]!)
  plain.putSync(byteKeys[i]!, value)
}

const nothing = (): void => undefined
if (variant === 'subscriber') {
  for (const kind of ['read', 'write', 'job', 'flush', 'compaction']) {
    for (const step of ['start', 'end', 'asyncStart', 'asyncEnd', 'error']) {
      diagnostics.subscribe(`tracing:varve:${kind}:${step}`, nothing)
    }
  }
}
let url = ''
if (variant === 'page') {
  const { inspect } = await from<typeof import('../src/inspector.js')>('src/inspector.js')
  url = (await inspect(db, {})).url
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString()
let sum = 0
/** What only reads is given the database that is full, what writes an empty one of its own. */
const cases: Record<string, (own: Db) => void | Promise<void>> = {
  async put(own) {
    for (const key of keys) await own.put(key, value)
  },
  putSync(own) {
    for (const key of keys) own.putSync(key, value)
  },
  async get() {
    for (const key of keys) sum += (await db.get(key))!.length
  },
  getSync() {
    for (const key of keys) sum += db.getSync(key)!.length
  },
  'get, JSON by hand': async () => {
    for (const key of keys) sum += (JSON.parse(text((await db.get('view:' + key))!)) as User).age
  },
  'get, JSON view': async () => {
    for (const key of keys) sum += (await users.get(key))!.age
  },
  'put, JSON by hand': async (own) => {
    for (const [i, key] of keys.entries()) await own.put('view:' + key, JSON.stringify(people[i]))
  },
  'put, JSON view': async (own) => {
    const view = usersOf(own)
    for (const [i, key] of keys.entries()) await view.put(key, people[i]!)
  },
  'get, bytes by hand': async () => {
    for (const key of byteKeys) sum += (await db.get(Buffer.concat([Buffer.from('bytes:'), key])))!.length
  },
  'get, bytes view': async () => {
    for (const key of byteKeys) sum += (await plain.get(key))!.length
  },
}

console.log(`ready ${url}`)
await once(process.stdin, 'data')
const least: ObservedFigures = {}
const all = Object.entries(cases)
// The first time the compiler does its work. Every other time goes backwards, so that no case always follows the same.
for (let time = 0; time <= Number(times); time++) {
  for (const [name, run] of time % 2 === 0 ? all : all.toReversed()) {
    const own = name.startsWith('put') ? await newDatabase() : db
    const before = process.cpuUsage()
    await run(own)
    const { user, system } = process.cpuUsage(before)
    if (own !== db) await own.close()
    // What is least had the least of what does not belong to it: collections of garbage, and other programs.
    if (time > 0) least[name] = Math.min(least[name] ?? Infinity, ((user + system) * 1000) / count)
  }
}
if (sum === 0) throw new Error('nothing was read')
console.log(JSON.stringify(least))
process.exit(0)
