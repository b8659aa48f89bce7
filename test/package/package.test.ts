/**
 * Shows that what npm publishes works for someone who has nothing but it: packs the package, installs it
 * into an empty project without a network, and uses it there as a program, with types, and bundled.
 * With the tools that people use, and other versions of them: *.package.ts, `npm run test:package`.
 */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import {
  commonProgram,
  coreTypes,
  levelTypes,
  modernProgram,
  programOutput,
  viewTypes,
} from '../support/programs/package-users.js'
import { compile, packed } from '../support/programs/packed-package.js'

const { lab, project, installed, node, write } = packed

interface Manifest {
  type: string
  exports: Record<string, string | Record<'import' | 'require', { types: string; default: string }>>
  bin: Record<string, string>
  scripts: Record<string, string>
  peerDependenciesMeta: Record<string, { optional: boolean }>
  [other: string]: unknown
}
let manifest: Manifest
let files: string[] = []

before(() => {
  packed.install()
  manifest = JSON.parse(readFileSync(path.join(installed, 'package.json'), 'utf8')) as Manifest
  files = readdirSync(installed, { recursive: true, encoding: 'utf8' })
})

after(() => packed.remove())

test('it needs nothing: no dependency, no script at install, no native code', () => {
  for (const field of ['dependencies', 'optionalDependencies', 'bundledDependencies']) {
    assert.equal(manifest[field], undefined, field)
  }
  for (const peer of Object.values(manifest.peerDependenciesMeta)) assert.equal(peer.optional, true)
  assert.deepEqual(Object.keys(manifest.peerDependenciesMeta), Object.keys(manifest.peerDependencies as object))
  // `prepare` is for clones and git installs: npm does not run it for a package of the registry.
  for (const script of ['preinstall', 'install', 'postinstall']) {
    assert.equal(manifest.scripts[script], undefined, script)
  }
  assert.deepEqual(readdirSync(path.join(project, 'node_modules')).filter((name) => !name.startsWith('.')), ['varve'])
  assert.deepEqual(files.filter((file) => /\.(node|gyp|gypi|sh)$/.test(file)), [])
})

test('its pages link to files that it holds', () => {
  const pages = files.filter((name) => name.endsWith('.md'))
  assert.ok(pages.length > 60)
  for (const page of pages) {
    const text = readFileSync(path.join(installed, page), 'utf8').replace(/^```[^]*?^```$/gm, '')
    for (const [, link] of text.matchAll(/\]\((?![a-z]+:|#)([^()\s#]+)/g)) {
      assert.ok(existsSync(path.join(installed, path.dirname(page), link!)), `${page}: ${link}`)
    }
  }
})

test('it holds what it names, and nothing of how it is made', () => {
  const targets = (of: unknown): string[] => {
    return typeof of === 'string' ? [of] : Object.values(of as object).flatMap(targets)
  }
  const named = targets([manifest.exports, manifest.bin, manifest.main, manifest.types, manifest.typesVersions])
  for (const target of named) assert.ok(existsSync(path.join(installed, target)), `${target} is missing`)
  for (const name of ['README.md', 'LICENSE', 'CHANGELOG.md', 'SECURITY.md']) {
    assert.ok(files.includes(name), `${name} is missing`)
  }
  assert.deepEqual([...new Set(files.map((file) => file.split(path.sep)[0]!))].sort(), [
    'ARCHITECTURE.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'LICENSE', 'README.md', 'SECURITY.md', 'docs', 'examples',
    'lib', 'package.json',
  ])
  const endings = ['js', 'cjs', 'd.ts', 'd.cts']
  const doors = [
    'index', 'level', 'blob-cache', 'keyv', 'unstorage', 'undici', 'session', 'otel', 'inspector', 'testing',
  ]
  const entries = doors.flatMap((name) => endings.map((ending) => `${name}.${ending}`))
  const parts = [
    'base', 'blobs', 'calls', 'clock', 'database', 'describe', 'dump', 'engine', 'errors', 'files', 'inspect',
    'inspection', 'jobs', 'options', 'signals', 'tools',
  ]
  const shared = parts.flatMap((name) => [`${name}.js`, `${name}.cjs`])
  // What is loaded late has a hash in its name.
  const built = readdirSync(path.join(installed, 'lib')).map((name) => name.replace(/-[0-9A-Z]{8}(?=\.c?js$)/, ''))
  assert.deepEqual(built.sort(), [...entries, ...shared, 'cli.js'].sort())
})

/** Tells whether a part of the package is loaded. */
const parts = `
exports.isLoaded = (name) => Object.keys(require.cache).some((file) => file.match(/varve.lib.(\\w+)/)?.[1] === name)
`

/** Gives the files of the package that a file loads when it is imported. */
function imported(name: string): string[] {
  const text = readFileSync(path.join(installed, 'lib', name), 'utf8')
  const others = [...text.matchAll(/^(?:\} from|import) "\.\/([\w-]+\.js)"/gm)].map(([, other]) => other!)
  return others.flatMap((other) => [other, ...imported(other)])
}

/** Lives an ordinary life, then makes a call of the tools, and prints after each whether they are loaded. */
const plainLife = `
const { Varve } = require('varve')
const { isLoaded } = require('./parts.cjs')
const say = (call) => console.log(call, isLoaded('engine'), isLoaded('tools'))
void (async () => {
  const db = await Varve.open('plain', { valueThreshold: 1000 })
  await db.put('a', 'value')
  db.putSync('b', new Uint8Array(2000))
  await db.batch([{ type: 'put', key: 'c', value: 'value' }, { type: 'del', key: 'a' }])
  await db.flush()
  await db.delRange({ gte: 'c' })
  await db.compact()
  if ((await db.get('b')).length !== 2000 || db.getSync('a') !== undefined) throw new Error('wrong')
  for await (const [key] of db.entries()) say(String.fromCharCode(...key))
  db.view({ key: 'utf8', value: 'bytes' }).getSync('b')
  db.snapshot().release()
  db.stats()
  await db.close()
  const reader = await Varve.open('plain', { readOnly: true })
  await reader.refresh()
  await reader.close()
  say('closed')
  if (!(await Varve.verify('plain')).ok) throw new Error('damaged')
  say('verified')
  const again = await Varve.open('plain')
  await again.checkpoint('copy')
  say('copied')
  await again.close()
})()
`

test('a database that is opened, written, read and closed does not load the tools', () => {
  write('parts.cjs', parts)
  write('plain-life.cjs', plainLife)
  assert.equal(node(['plain-life.cjs']).trim(), 'b true false\nclosed true false\nverified true true\ncopied true true')
  for (const entry of ['index', 'level', 'otel', 'blob-cache']) {
    assert.ok(!imported(`${entry}.js`).some((name) => name.startsWith('tools')), entry)
  }
})

/** Opens a cache without key index and one with it, and prints each time which files of the package are loaded. */
const lateDatabase = `
const { BlobCache } = require('varve/blob-cache')
for (const entry of ['keyv', 'unstorage', 'undici']) require('varve/' + entry)
const { isLoaded: isPartLoaded } = require('./parts.cjs')
const isLoaded = () => ['database', 'engine'].map(isPartLoaded).join()
const keysOf = async (keyIndex) => {
  const cache = await BlobCache.open('cache-' + keyIndex, { maxBytes: 2 ** 25, keyIndex })
  for (const key of ['b', 'a']) await cache.put(key, 'value')
  const keys = []
  for await (const key of cache.keys({ order: 'ascending' })) keys.push(Buffer.from(key).toString())
  await cache.close()
  return keys.join()
}
void (async () => {
  for (const keyIndex of [false, true]) console.log(await keysOf(keyIndex), isLoaded())
})()
`

test('a cache loads the database only when it keeps a key index', () => {
  write('parts.cjs', parts)
  write('late-database.cjs', lateDatabase)
  assert.equal(node(['late-database.cjs']).trim(), 'a,b false,false\na,b true,true')
  assert.ok(imported('index.js').includes('engine.js'))
  for (const entry of ['blob-cache', 'keyv', 'unstorage', 'undici']) {
    const others = imported(`${entry}.js`)
    assert.ok(others.includes('errors.js'), entry)
    assert.ok(!others.some((name) => /^(database|engine)\b/.test(name)), `${entry}: ${others.join()}`)
  }
})

test('each build has the code of the worker once', () => {
  const hits = readdirSync(path.join(installed, 'lib')).filter((name) => {
    const texts = readFileSync(path.join(installed, 'lib', name), 'utf8').split('serveJobs(jobs,').length - 1
    assert.ok(texts <= 1, `${name} has it ${texts} times`)
    return texts === 1
  })
  assert.deepEqual(hits, ['engine.cjs', 'engine.js'])
})

test('a program imports it, or requires it, without addons', () => {
  write('program.js', modernProgram)
  assert.equal(node(['--no-addons', 'program.js']).trim(), programOutput)
  write('program.cjs', commonProgram)
  assert.equal(node(['--no-addons', 'program.cjs', 'data-2']).trim(), programOutput)
})

test('what is exported is called what it is, and is the same for import and require', () => {
  packed.link('abstract-level')
  write('names.js', `
    import { createRequire } from 'node:module'
    const adapters = ['varve/keyv', 'varve/unstorage', 'varve/undici', 'varve/session', 'varve/otel']
    for (const entry of ['varve', 'varve/level', 'varve/blob-cache', ...adapters, 'varve/testing']) {
      const [modern, common] = [await import(entry), createRequire(import.meta.url)(entry)]
      for (const name of Object.keys(modern)) {
        if (typeof modern[name] === 'function') console.log(entry, name, modern[name].name, common[name].name)
      }
      console.log(Object.keys(common).sort().join() === Object.keys(modern).sort().join())
    }
  `)
  const lines = node(['names.js']).trim().split('\n')
  const named = lines.filter((line) => line !== 'true').map((line) => line.split(' '))
  for (const [entry, ...names] of named) assert.equal(new Set(names).size, 1, `${entry}: ${names.join(' ')}`)
  assert.equal(lines.length - named.length, 9)
})

const twoBuilds = `
import { createRequire } from 'node:module'
import * as modern from 'varve'
import { VarveLevel } from 'varve/level'
const require = createRequire(import.meta.url)
const common = require('varve')
const other = require('varve/level')
const told = (promise) => promise.then(() => 'done', (error) => error)
console.log('two copies', modern.Varve !== common.Varve && VarveLevel !== other.VarveLevel)

const db = await common.Varve.open('both', { writeBufferSize: 65536, workers: 1 })
const error = await told(modern.Varve.open('both'))
console.log(error.code, /this process/.test(error.message))
console.log(error instanceof common.VarveError, common.VarveError.is(error))
await db.put('a', 'b')
await db.close()
const again = await modern.Varve.open('both')
console.log(Buffer.from(again.getSync('a')).toString(), again.getSync('a') instanceof Uint8Array)

const beside = await common.Varve.open('beside', { writeBufferSize: 65536, workers: 1 })
for (const database of [again, beside]) {
  for (let i = 0; i < 200; i++) await database.put(String(i), new Uint8Array(1000))
  await database.flush()
}
const shared = globalThis[Symbol.for('varve.shared.1')]
const pools = [...shared].filter(([name]) => name.startsWith('workers')).map(([, pool]) => pool.threadCount)
console.log('pools', pools.length, 'threads', pools[0] >= 1 && pools[0] <= 2)
await again.close()
await beside.close()

const first = new VarveLevel('level', { multithreading: true })
await first.put('a', 'b')
const second = new other.VarveLevel('level', { multithreading: true })
console.log('level', await second.get('a'), await second.iterator().all())
await first.close()
await second.put('c', 'd')
const alone = new VarveLevel('level')
console.log((await told(alone.open())).cause.code)
await second.close()
await alone.open()
console.log(await alone.get('c'))
await alone.close()
`

test('both builds in one process know what the other has open, and share its threads', () => {
  write('two-builds.mjs', twoBuilds)
  assert.deepEqual(node(['--no-warnings', 'two-builds.mjs']).trim().split('\n'), [
    'two copies true', 'LOCKED true', 'true true', 'b true', 'pools 1 threads true', "level b [ [ 'a', 'b' ] ]",
    'LEVEL_LOCKED', 'd',
  ])
})

const tracedByOther = `
import { createRequire } from 'node:module'
import { Varve } from 'varve'
const { instrument } = createRequire(import.meta.url)('varve/otel')
const spans = []
const tracer = { startSpan: (name) => { spans.push(name); return { setStatus() {}, end() {} } } }
const db = await Varve.open('traced')
const end = instrument(db, { tracer, everyCall: true, slowMs: 0 })
await db.put('a', 'b')
await db.get('a')
await db.flush()
end()
await db.close()
console.log([...new Set(spans)].sort().join())
`

test('a database of one build is traced whole by the other', () => {
  write('traced-by-other.mjs', tracedByOther)
  assert.equal(node(['traced-by-other.mjs']).trim(), 'varve commit,varve flush,varve get')
})

// From Node 26 on the permission model forbids every form of fsync, and a database cannot do without.
const majorVersion = Number(process.versions.node.split('.')[0])

test('a program runs it under the permission model', { skip: majorVersion >= 26 }, () => {
  const flag = process.allowedNodeEnvironmentFlags.has('--permission') ? '--permission' : '--experimental-permission'
  const rights = ['--no-warnings', flag, '--allow-fs-read=*', '--allow-fs-write=*', '--allow-worker']
  for (const file of ['program.js', 'program.cjs']) {
    assert.equal(node([...rights, file, `data-permission-${file}`]).trim(), programOutput)
  }
})

test('a bundled program runs where there is no node_modules, workers included', async () => {
  const { build } = await import('esbuild')
  for (const [name, contents] of [['bundle.mjs', modernProgram], ['bundle.cjs', commonProgram]] as const) {
    const outDir = path.join(lab, name)
    mkdirSync(outDir)
    await build({
      stdin: { contents, resolveDir: project, loader: 'js' }, bundle: true, platform: 'node', target: 'node20',
      format: name.endsWith('.mjs') ? 'esm' : 'cjs', outfile: path.join(outDir, name),
    })
    assert.deepEqual(readdirSync(outDir), [name])
    assert.equal(node([name], outDir).trim(), programOutput)
  }
})

test('its types are understood in modules and in CommonJS, strictly', () => {
  const core = { 'core.mts': coreTypes, 'core.cts': coreTypes, 'views.mts': viewTypes, 'views.cts': viewTypes }
  // So are the programs of the guides.
  const guides = ['first-steps', 'views'].map((name) => {
    const text = readFileSync(path.join(installed, `docs/${name}.md`), 'utf8')
    return [`${name}.mts`, /^```ts\n((?:import|\/\/) [\s\S]*?)^```$/m.exec(text)![1]!] as const
  })
  const files = { ...core, 'level.mts': levelTypes, 'level.cts': levelTypes, ...Object.fromEntries(guides) }
  assert.equal(compile({ files, options: { module: 'NodeNext' } }), '')
})
