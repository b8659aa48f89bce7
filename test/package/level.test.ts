/** Shows that `varve/level` of the published package works in ClassicLevel's place. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { compile, packed } from '../support/packed-package.js'

const { project, lab, node } = packed

before(() => {
  packed.install()
})

after(() => packed.remove())

test('without abstract-level, varve works and varve/level says what is missing', () => {
  writeFileSync(path.join(project, 'core.js'), "import { Varve } from 'varve'\nconsole.log(typeof Varve.open)\n")
  assert.equal(node(['core.js']).trim(), 'function')
  writeFileSync(path.join(project, 'level.js'), "import 'varve/level'\n")
  assert.throws(() => node(['level.js']), /Cannot find package 'abstract-level'/)
})

const oldProgram = `
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

test('a program that requires classic-level runs when that name leads to VarveLevel', () => {
  packed.link('abstract-level')
  const shim = path.join(project, 'node_modules/classic-level')
  mkdirSync(shim)
  writeFileSync(path.join(shim, 'package.json'), '{ "name": "classic-level", "version": "3.0.0", "main": "index.js" }')
  writeFileSync(path.join(shim, 'index.js'), "exports.ClassicLevel = require('varve/level').VarveLevel\n")
  writeFileSync(path.join(project, 'old.cjs'), oldProgram)
  assert.deepEqual(node(['--no-warnings', 'old.cjs']).trim().split('\n'), [
    'wrote 1', 'wrote 2', 'wrote 1', '!users!x [1]', 'b {"n":2}', "undefined 2 [ 'x' ]",
    'LEVEL_DATABASE_NOT_OPEN LEVEL_LOCKED',
  ])
})

// From Node 26 on the permission model forbids every form of fsync, and a database cannot do without.
const majorVersion = Number(process.versions.node.split('.')[0])

test('it runs without workers and addons, as the permission model has it', { skip: majorVersion >= 26 }, () => {
  const flag = process.allowedNodeEnvironmentFlags.has('--permission') ? '--permission' : '--experimental-permission'
  const rights = [flag, '--allow-fs-read=*', '--allow-fs-write=*', '--no-addons', '--no-warnings']
  assert.match(node([...rights, 'old.cjs']), /LEVEL_DATABASE_NOT_OPEN LEVEL_LOCKED\n$/)
})

test('bundled, it runs where there is no node_modules', async () => {
  const { build } = await import('esbuild')
  const outDir = path.join(lab, 'bundled')
  mkdirSync(outDir)
  const banner = "import { createRequire } from 'node:module'\nconst require = createRequire(import.meta.url)\n"
  await build({
    stdin: { contents: oldProgram, resolveDir: project, loader: 'js' }, banner: { js: banner },
    bundle: true, platform: 'node', format: 'esm', target: 'node20', outfile: path.join(outDir, 'bundle.mjs'),
  })
  assert.match(node(['--no-addons', 'bundle.mjs'], outDir), /LEVEL_DATABASE_NOT_OPEN LEVEL_LOCKED\n$/)
})

const consumer = `
import { AbstractLevel } from 'abstract-level'
import type { AbstractSublevel } from 'abstract-level'
import { VarveLevel } from 'varve/level'
import type {
  BatchOperation, ChainedBatch, DatabaseOptions, GetOptions, Iterator, IteratorOptions, KeyIterator, OpenOptions,
  PutOptions, Snapshot, ValueIterator,
} from 'varve/level'
import type { Varve } from 'varve'

interface User { name: string }
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
await db.put<Buffer, Uint8Array>(Buffer.from('a'), new Uint8Array(1), { keyEncoding: 'buffer', valueEncoding: 'view' })
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
`

for (const version of ['7', '5.9'] as const) {
  test(`users of ClassicLevel write these types, with TypeScript ${version}`, () => {
    assert.equal(compile(version, consumer), '')
  })
}
