/** Programs and modules of users of the package: tests run the former, and compile the latter, in many ways. */

/**
 * A program that writes through a worker thread and reads; arguments: directory, `open`'s options. Prints `1000 100
 * true`.
 */
const body = `
  const [, , dir = 'data', options = '{}'] = process.argv
  const db = await Varve.open(dir, { writeBufferSize: 65536, workers: 1, ...JSON.parse(options) })
  const value = new Uint8Array(1000).fill(7)
  for (let i = 0; i < 300; i++) await db.put(String(i).padStart(6, '0'), value)
  await db.flush()
  const found = db.getSync('000123')
  let count = 0
  for (const [key] of db.entriesSync({ prefix: '0002' })) count += key.length / 6
  const { workerCount } = db.stats().jobs
  await db.close()
  console.log(found?.length, count, workerCount > 0)
`
export const modernProgram = `import { Varve } from 'varve'\n${body}`
export const commonProgram = `const { Varve } = require('varve')\nasync function main() {${body}}\nmain()\n`
export const programOutput = '1000 100 true'

/** A program written for ClassicLevel; `name` is the package that it requires. */
export const oldProgram = `
const { ClassicLevel } = require('classic-level')

async function main () {
  const db = new ClassicLevel('old-data', { valueEncoding: 'json', cacheSize: 1024 * 1024 })
  db.on('write', (operations) => console.log('wrote', operations.length))
  await db.put('a', { n: 1 })
  await db.batch([{ type: 'put', key: 'b', value: { n: 2 } }, { type: 'del', key: 'a' }], { sync: true })
  const users = db.sublevel('users', { valueEncoding: 'json' })
  await users.put('x', [1])
  for await (const [key, value] of db.iterator({ gt: '' })) console.log(key, JSON.stringify(value))
  console.log(await db.get('a'), db.getSync('b').n, await users.keys().all())
  const twice = new ClassicLevel('old-data')
  await twice.open().catch((error) => console.log(error.code, error.cause.code))
  await db.close()
  await ClassicLevel.destroy('old-data')
}
main()
`
export const oldProgramOutput = [
  'wrote 1', 'wrote 2', 'wrote 1', '!users!x [1]', 'b {"n":2}', "undefined 2 [ 'x' ]",
  'LEVEL_DATABASE_NOT_OPEN LEVEL_LOCKED',
]

/** Imports that are right in every module that TypeScript knows; the rest stands in a function, as CommonJS needs. */
export const coreTypes = `
import { Snapshot, Varve, VarveError } from 'varve'
import type { BatchOp, RangeOptions, Stats, VarveOptions } from 'varve'
import { MemoryVfs } from 'varve/testing'

const options: VarveOptions = { sync: true, components: { vfs: new MemoryVfs() } }
export async function main(): Promise<void> {
  const db: Varve = await Varve.open('x', options)
  const operations: BatchOp[] = [{ type: 'put', key: 'a', value: new Uint8Array(1) }, { type: 'del', key: 'b' }]
  await db.batch(operations, { sync: false })
  const range: RangeOptions = { gte: 'a', limit: 1 }
  for await (const [key, value] of db.entries(range)) console.log(key.length + value.length)
  const value: Uint8Array | undefined = await db.get('a')
  const stats: Stats = db.stats()
  // @ts-expect-error a value is not a string
  const text: string = value
  // @ts-expect-error no such option
  await Varve.open('x', { snyc: true })
  // @ts-expect-error only a database makes one
  new Snapshot()
  await using other = await Varve.open('y')
  try { await db.close() } catch (error) {
    if (error instanceof VarveError) console.log(error.code, text, stats)
    if (VarveError.is(error)) console.log(error.hint)
  }
}
`

/** What TypeScript knows of views: types that encodings give, types that are said, and how far they reach. */
export const viewTypes = `
import { Varve } from 'varve'
import type { BatchOp, Codec, Entry, TextCodec, View, ViewBatchOp, ViewOptions, ViewRange } from 'varve'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false
const is = <T extends true>(): T | undefined => undefined

interface User { name: string }
const tuples: Codec<[string, number]> = { encode: (key) => key.join(), decode: () => ['a', 1] }
const dates: TextCodec<Date> = { format: 'utf8', encode: (date) => date.toJSON(), decode: (text) => new Date(text) }
class Packer {
  encode(value: unknown): Uint8Array { return new Uint8Array(Number(value)) }
  decode(bytes: Uint8Array): User { return { name: String(bytes.length) } }
}

export async function main(db: Varve): Promise<void> {
  const texts = db.view({ key: 'utf8', value: 'bytes' })
  is<Equal<typeof texts, View<string, Uint8Array>>>()
  const loose = db.view({ key: 'utf8', value: 'json', prefix: new Uint8Array(1) })
  is<Equal<typeof loose, View<string, unknown>>>()
  const users = db.view<string, User>({ key: 'utf8', value: 'json', prefix: 'users:' })
  is<Equal<typeof users, View<string, User>>>()
  const said: View<string, User> = db.view({ key: 'utf8', value: 'json' })
  const readings = db.view({ key: tuples, value: dates })
  is<Equal<typeof readings, View<[string, number], Date>>>()
  const packed = db.view({ key: 'bytes', value: new Packer() })
  is<Equal<typeof packed, View<Uint8Array, User>>>()
  const lengths = { encode: (n: number) => String(n), decode: (bytes: Uint8Array) => bytes.length }
  const inline = db.view({ key: 'utf8', value: lengths })
  is<Equal<typeof inline, View<string, number>>>()
  const literal = db.view<'a' | 'b', User>({ key: 'utf8', value: 'json' })

  const inner = users.view({ prefix: 'by-email:' })
  is<Equal<typeof inner, View<string, User>>>()
  const names = users.view({ prefix: 'names:', value: 'utf8' })
  is<Equal<typeof names, View<string, string>>>()
  const days = users.view({ key: dates })
  is<Equal<typeof days, View<Date, User>>>()
  const others = users.view<string, User[]>({ value: 'json' })
  is<Equal<typeof others, View<string, User[]>>>()

  const user: User | undefined = await users.get('a')
  const many: (User | undefined)[] = users.getManySync(['a'])
  const entry: Entry<User> | undefined = users.entrySync('a')
  const snapshot = db.snapshot()
  const range: ViewRange<[string, number]> = { gte: ['a', 1], lt: ['a', 2], prefix: 'a', limit: 1, snapshot }
  for await (const [[name, number], date] of readings.entries(range)) {
    console.log(name.length, number.toFixed(), date.getTime())
  }
  for (const key of readings.keysSync()) is<Equal<typeof key, [string, number]>>()
  for await (const value of users.values()) is<Equal<typeof value, User>>()
  const operations: ViewBatchOp<string, User>[] = [
    { type: 'put', key: 'a', value: { name: '' }, ttl: 1 }, { type: 'delRange', gt: 'a' },
  ]
  await users.batch(operations, { sync: true })
  const put: BatchOp = users.putOp('a', { name: 'b' }, { ttl: 1000 })
  await db.batch([put, names.putOp('b', 'a'), readings.delRangeOp({ lt: ['b', 0] })])
  const options: ViewOptions<string, User> = { key: 'utf8', value: 'json' }
  console.log(db.view(options), said, literal, user, many, entry)

  // @ts-expect-error a value is a User
  await users.put('a', 'b')
  // @ts-expect-error a key is a string
  users.getSync(5)
  // @ts-expect-error a bound is a tuple
  readings.keysSync({ gt: 'a' })
  // @ts-expect-error a value is a string
  names.putOp('a', { name: 'b' })
  // @ts-expect-error a put of a batch has a User
  await users.batch([{ type: 'put', key: 'a', value: 5 }])
  // @ts-expect-error no such encoding
  db.view({ key: 'utf-8', value: 'json' })
  // @ts-expect-error utf8 does not make Users
  db.view<string, User>({ key: 'utf8', value: 'utf8' })
  // @ts-expect-error both encodings are said
  db.view({ key: 'utf8' })
}
`

export const levelTypes = `
import { AbstractLevel } from 'abstract-level'
import type { AbstractSublevel } from 'abstract-level'
import { VarveLevel } from 'varve/level'
import type {
  BatchOperation, ChainedBatch, DatabaseOptions, GetOptions, Iterator, IteratorOptions, KeyIterator, OpenOptions,
  PutOptions, Snapshot, ValueIterator,
} from 'varve/level'
import type { Varve } from 'varve'

interface User { name: string }
export async function main(): Promise<void> {
  const options: DatabaseOptions<string, User> = { valueEncoding: 'json', cacheSize: 1024, compression: true }
  const db = new VarveLevel<string, User>('x', options)
  const open: OpenOptions = { createIfMissing: false, writeBufferSize: 1 << 20, workers: 0 }
  await db.open(open)
  const isLevel: boolean = db instanceof AbstractLevel
  const user: User | undefined = await db.get('a')
  const sync: User | undefined = db.getSync('a', { fillCache: false })
  const many: (User | undefined)[] = await db.getMany(['a', 'b'])
  const flags: boolean[] = await db.hasMany(['a'])
  const binary = { keyEncoding: 'buffer', valueEncoding: 'buffer' }
  const raw: Buffer | undefined = await db.get<Buffer, Buffer>(Buffer.from('a'), binary)
  const put: PutOptions<string, User> = { sync: true }
  await db.put('a', { name: 'b' }, put)
  const mixed = { keyEncoding: 'buffer', valueEncoding: 'view' }
  await db.put<Buffer, Uint8Array>(Buffer.from('a'), new Uint8Array(1), mixed)
  await db.del('a', { sync: true })
  const operations: BatchOperation<typeof db, string, User>[] = [{ type: 'put', key: 'a', value: { name: '' } }]
  await db.batch(operations, { sync: true })
  await db.batch([{ type: 'del', key: 'a' }])
  const chained: ChainedBatch<typeof db, string, User> = db.batch()
  await chained.put('a', { name: 'c' }).del('b').write({ sync: true })
  const { signal } = new AbortController()
  const range: IteratorOptions<string, User> = { gte: 'a', limit: 1, highWaterMarkBytes: 1, signal }
  const iterator: Iterator<typeof db, string, User> = db.iterator(range)
  for await (const [key, value] of iterator) console.log(key.length, value.name)
  const keys: KeyIterator<typeof db, string> = db.keys({ reverse: true })
  const values: ValueIterator<typeof db, string, User> = db.values()
  const names: string[] = (await values.all()).map((value) => value.name)
  const snapshot: Snapshot = db.snapshot()
  const read: GetOptions<string, User> = { snapshot }
  await db.get('a', read)
  await db.clear({ gt: 'a', snapshot })
  const users: AbstractSublevel<typeof db, string | Buffer | Uint8Array, string, User> =
    db.sublevel<string, User>('users', { valueEncoding: 'json' })
  await users.put('a', { name: '' })
  db.hooks.prewrite.add((operation, batch) => {
    const { type, key, value } = operation
    if (type === 'put') batch.add({ type, key: value.name, value: key, sublevel: users })
  })
  const bytes: number = await db.approximateSize('a', 'b')
  await db.compactRange(Buffer.from('a'), Buffer.from('b'), { keyEncoding: 'buffer' })
  const text: string = db.getProperty('leveldb.stats') + db.location
  const engine: Varve = db.engine
  await VarveLevel.destroy('x')
  await VarveLevel.repair('x')
  const plain: VarveLevel = new VarveLevel('y')
  const value: string | undefined = await plain.get('a')
  // @ts-expect-error a value is a User
  await db.put('a', 'b')
  // @ts-expect-error a key is a string
  await db.get(5)
  // @ts-expect-error no such option
  new VarveLevel('x', { cachSize: 1 })
  // @ts-expect-error a location is needed
  new VarveLevel()
  console.log(isLevel, user, sync, many, flags, raw, keys, names, bytes, text, engine, value)
  await using disposed = new VarveLevel('z')
  await db.close()
}
`
