/**
 * Shows that what npm publishes works for someone who has nothing but it: packs the package, installs it
 * into an empty project without a network, and uses it there as a program, with types, and bundled.
 */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { compile, packed } from '../support/packed-package.js'

const { lab, project, installed, node } = packed

interface Manifest {
  type: string
  exports: Record<string, string | { types: string; default: string }>
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

const program = `
import { Varve } from 'varve'

const [, , dir = 'data', options = '{}'] = process.argv
const db = await Varve.open(dir, { writeBufferSize: 65536, ...JSON.parse(options) })
const value = new Uint8Array(1000).fill(7)
for (let i = 0; i < 300; i++) await db.put(String(i).padStart(6, '0'), value)
await db.flush()
const found = db.getSync('000123')
let count = 0
for (const [key] of db.entriesSync({ prefix: '0002' })) count += key.length / 6
await db.close()
console.log(found?.length, count)
`

test('it needs nothing: no dependency, no script at install, no native code', () => {
  for (const field of ['dependencies', 'optionalDependencies', 'bundledDependencies']) {
    assert.equal(manifest[field], undefined, field)
  }
  for (const peer of Object.values(manifest.peerDependenciesMeta)) assert.equal(peer.optional, true)
  assert.deepEqual(Object.keys(manifest.peerDependenciesMeta), Object.keys(manifest.peerDependencies as object))
  for (const script of ['preinstall', 'install', 'postinstall', 'prepare']) {
    assert.equal(manifest.scripts[script], undefined, script)
  }
  assert.deepEqual(readdirSync(path.join(project, 'node_modules')).filter((name) => !name.startsWith('.')), ['varve'])
  assert.deepEqual(files.filter((file) => /\.(node|gyp|gypi|sh)$/.test(file)), [])
})

test('it holds what it names, and no tests', () => {
  const exported = Object.values(manifest.exports)
    .flatMap((target) => (typeof target === 'string' ? [target] : Object.values(target)))
  for (const target of [...exported, ...Object.values(manifest.bin)]) {
    assert.ok(existsSync(path.join(installed, target)), `${target} is missing`)
  }
  for (const name of ['README.md', 'LICENSE', 'CHANGELOG.md']) assert.ok(files.includes(name), `${name} is missing`)
  assert.deepEqual(files.filter((file) => /\.(test|long)\.|tsbuildinfo|^dist\/(test|bench)/.test(file)), [])
  const maps = files.filter((file) => file.endsWith('.js.map'))
  for (const map of maps) {
    const { sources } = JSON.parse(readFileSync(path.join(installed, map), 'utf8')) as { sources: string[] }
    for (const source of sources) {
      assert.ok(existsSync(path.join(installed, path.dirname(map), source)), `${map} → ${source}`)
    }
  }
  assert.ok(maps.length > 0)
})

test('a program imports it, also with require, without addons', () => {
  writeFileSync(path.join(project, 'program.js'), program)
  assert.equal(node(['--no-addons', 'program.js']).trim(), '1000 100')
  writeFileSync(path.join(project, 'old.cjs'), "console.log(typeof require('varve').Varve.open)\n")
  assert.equal(node(['--no-warnings', 'old.cjs']).trim(), 'function')
  const kit = "import { MemoryVfs } from 'varve/testing'\nconsole.log(typeof MemoryVfs)\n"
  writeFileSync(path.join(project, 'kit.js'), kit)
  assert.equal(node(['kit.js']).trim(), 'function')
})

// From Node 26 on the permission model forbids every form of fsync, and a database cannot do without.
const majorVersion = Number(process.versions.node.split('.')[0])

test('a program runs it under the permission model', { skip: majorVersion >= 26 }, () => {
  writeFileSync(path.join(project, 'program.js'), program)
  const flag = process.allowedNodeEnvironmentFlags.has('--permission') ? '--permission' : '--experimental-permission'
  const rights = ['--no-warnings', flag, '--allow-fs-read=*', '--allow-fs-write=*', '--allow-worker']
  assert.equal(node([...rights, 'program.js', 'data-permission']).trim(), '1000 100')
})

test('a bundled program runs where there is no node_modules, workers included', async () => {
  const { build } = await import('esbuild')
  const outDir = path.join(lab, 'bundled')
  mkdirSync(outDir)
  await build({
    stdin: { contents: program, resolveDir: project, loader: 'js' },
    bundle: true, platform: 'node', format: 'esm', target: 'node20', outfile: path.join(outDir, 'bundle.mjs'),
  })
  assert.deepEqual(readdirSync(outDir), ['bundle.mjs'])
  assert.equal(node(['bundle.mjs', 'data', '{"workers":1}'], outDir).trim(), '1000 100')
})

const consumer = `
import { Varve, VarveError } from 'varve'
import type { BatchOp, RangeOptions, Stats, VarveOptions } from 'varve'
import { MemoryVfs } from 'varve/testing'

const options: VarveOptions = { sync: true, components: { vfs: new MemoryVfs() } }
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
try { await db.close() } catch (error) { if (error instanceof VarveError) console.log(error.code, text, stats) }
`

for (const version of ['7', '5.9'] as const) {
  test(`its types are understood by TypeScript ${version}, strictly`, () => {
    assert.equal(compile(version, consumer), '')
  })
}
