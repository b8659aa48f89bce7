/** Shows that bundles of the published package run where there is no node_modules, worker threads included. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { after, before, test } from 'node:test'
import {
  commonProgram,
  modernProgram,
  oldProgram,
  oldProgramOutput,
  programOutput,
} from '../support/programs/package-users.js'
import { packed } from '../support/programs/packed-package.js'

const { root, lab, project, node, write } = packed
const tools = path.join(root, '.tools/node_modules')
const require = createRequire(path.join(tools, 'x.js'))

/** A module that does the same through the facade. */
const levelProgram = oldProgram.replace("const { ClassicLevel } = require('classic-level')", `
  import { VarveLevel as ClassicLevel } from 'varve/level'
`)

before(() => {
  packed.install('commonjs')
  packed.link('abstract-level')
  write('modern.mjs', modernProgram)
  write('common.cjs', commonProgram)
  write('level.mjs', levelProgram)
})

after(() => packed.remove())

type Bundle = (entry: string, outFile: string, format: 'esm' | 'cjs') => Promise<void>

/** One file comes out; it runs alone, also without the right to load addons and under the permission model. */
async function runsAlone(bundle: Bundle, entry: string, format: 'esm' | 'cjs'): Promise<void> {
  const dir = mkdtempSync(path.join(lab, 'bundle-'))
  const name = format === 'esm' ? 'bundle.mjs' : 'bundle.cjs'
  await bundle(path.join(project, entry), path.join(dir, name), format)
  assert.deepEqual(readdirSync(dir), [name])
  const output = entry === 'level.mjs' ? oldProgramOutput.join('\n') : programOutput
  assert.equal(node(['--no-addons', name], dir).trim(), output)
  // From Node 26 on the permission model forbids every form of fsync, and a database cannot do without.
  if (Number(process.versions.node.split('.')[0]) >= 26) return
  const flag = process.allowedNodeEnvironmentFlags.has('--permission') ? '--permission' : '--experimental-permission'
  const rights = [flag, '--allow-fs-read=*', '--allow-fs-write=*', '--allow-worker', '--no-warnings']
  assert.equal(node([...rights, name, 'data-2'], dir).trim(), output)
}

interface Esbuild {
  build(options: Record<string, unknown>): Promise<unknown>
}

/** With `minify` names and all go too. */
function esbuild(minify: boolean): Bundle {
  return async (entry, outfile, format) => {
    // abstract-level is CommonJS and requires modules of Node; esbuild's ESM has no `require` of its own.
    const js = "import { createRequire } from 'node:module'\nconst require = createRequire(import.meta.url)\n"
    const needsRequire = format === 'esm' && entry.endsWith('level.mjs')
    await (require('esbuild') as Esbuild).build({
      entryPoints: [entry], outfile, format, bundle: true, platform: 'node', target: 'node20', minify,
      ...(needsRequire ? { banner: { js } } : {}),
    })
  }
}

for (const [name, bundle] of [['esbuild', esbuild(false)], ['esbuild, minified', esbuild(true)]] as const) {
  test(`${name}: modules and CommonJS`, async () => {
    await runsAlone(bundle, 'modern.mjs', 'esm')
    await runsAlone(bundle, 'common.cjs', 'cjs')
    await runsAlone(bundle, 'level.mjs', 'esm')
    await runsAlone(bundle, 'level.mjs', 'cjs')
  })
}

interface Rollup {
  rollup(options: Record<string, unknown>): Promise<{ write(options: Record<string, unknown>): Promise<unknown> }>
}

/** A warning fails, but for those about abstract-level's own modules. */
const rollup = (plugins: (() => unknown)[]): Bundle => async (input, file, format) => {
  const bundle = await (require('rollup') as Rollup).rollup({
    input, plugins: plugins.map((plugin) => plugin()), external: [/^node:/, 'events', 'buffer'],
    onwarn: (warning: { code: string; message: string }) => {
      if (warning.code !== 'CIRCULAR_DEPENDENCY') throw new Error(warning.message)
    },
  })
  await bundle.write({ file, format, inlineDynamicImports: true })
}

const nodeResolve = (): unknown => {
  const { nodeResolve } = require('@rollup/plugin-node-resolve') as { nodeResolve(options: object): unknown }
  return nodeResolve({ preferBuiltins: true })
}
const commonjs = (): unknown => (require('@rollup/plugin-commonjs') as () => unknown)()

test('rollup: varve needs no plugin for CommonJS', async () => {
  await runsAlone(rollup([nodeResolve]), 'modern.mjs', 'esm')
})

test('rollup: CommonJS, and the facade', async () => {
  await runsAlone(rollup([nodeResolve, commonjs]), 'common.cjs', 'cjs')
  await runsAlone(rollup([nodeResolve, commonjs]), 'level.mjs', 'esm')
})

interface WebpackStats {
  hasErrors(): boolean
  hasWarnings(): boolean
  toString(how: string): string
}

const webpack = (mode: string): Bundle => async (entry, file, format) => {
  const run = require('webpack') as (options: object, done: (error: Error | null, stats: WebpackStats) => void) => void
  const stats = await new Promise<WebpackStats>((resolve, reject) => {
    run({
      entry, mode, target: 'node20', devtool: false, context: project,
      output: {
        path: path.dirname(file), filename: path.basename(file), module: format === 'esm',
        ...(format === 'esm' ? { library: { type: 'module' } } : {}),
      },
      ...(format === 'esm' ? { experiments: { outputModule: true } } : {}),
    }, (error, stats) => (error === null ? resolve(stats) : reject(error)))
  })
  assert.ok(!stats.hasErrors() && !stats.hasWarnings(), stats.toString('errors-warnings'))
}

for (const mode of ['development', 'production']) {
  test(`webpack, ${mode}: modules and CommonJS`, async () => {
    await runsAlone(webpack(mode), 'modern.mjs', 'esm')
    await runsAlone(webpack(mode), 'common.cjs', 'cjs')
    await runsAlone(webpack(mode), 'level.mjs', 'cjs')
  })
}

test('a bundle beside the package in one process shares its locks', async () => {
  const dir = path.join(project, 'beside')
  mkdirSync(dir)
  writeFileSync(path.join(dir, 'opener.mjs'), "export { Varve, VarveError } from 'varve'\n")
  await esbuild(true)(path.join(dir, 'opener.mjs'), path.join(dir, 'bundle.mjs'), 'esm')
  write('beside.mjs', `
    import { Varve, VarveError } from 'varve'
    import * as bundle from './beside/bundle.mjs'
    const db = await bundle.Varve.open('beside-data')
    const error = await Varve.open('beside-data').catch((error) => error)
    console.log(bundle.Varve !== Varve, error.code, VarveError.is(error), error instanceof bundle.VarveError)
    await db.close()
    await (await Varve.open('beside-data')).close()
  `)
  const out = execFileSync(process.execPath, ['beside.mjs'], { cwd: project, encoding: 'utf8' })
  assert.equal(out.trim(), 'true LOCKED true true')
})
