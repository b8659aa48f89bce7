/** Shows that `varve/level` of the published package works in ClassicLevel's place. */
import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { oldProgram, oldProgramOutput } from '../support/programs/package-users.js'
import { packed } from '../support/programs/packed-package.js'

const { project, lab, node, write } = packed

before(() => {
  packed.unpack()
})

after(() => packed.remove())

test('without abstract-level, varve works and varve/level says what is missing', () => {
  write('core.js', "import { Varve } from 'varve'\nconsole.log(typeof Varve.open)\n")
  assert.equal(node(['core.js']).trim(), 'function')
  write('level.js', "import 'varve/level'\n")
  assert.throws(() => node(['level.js']), /Cannot find package 'abstract-level'/)
  write('level.cjs', "require('varve/level')\n")
  assert.throws(() => node(['level.cjs']), /Cannot find module 'abstract-level'/)
})

test('a program that requires classic-level runs when that name leads to VarveLevel', () => {
  packed.link('abstract-level')
  write('node_modules/classic-level/package.json', '{ "version": "3.0.0", "main": "index.js" }')
  write('node_modules/classic-level/index.js', "exports.ClassicLevel = require('varve/level').VarveLevel\n")
  write('old.cjs', oldProgram)
  assert.deepEqual(node(['old.cjs']).trim().split('\n'), oldProgramOutput)
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
  await build({
    stdin: { contents: oldProgram, resolveDir: project, loader: 'js' },
    bundle: true, platform: 'node', format: 'cjs', target: 'node20', outfile: path.join(outDir, 'bundle.cjs'),
  })
  assert.match(node(['--no-addons', 'bundle.cjs'], outDir), /LEVEL_DATABASE_NOT_OPEN LEVEL_LOCKED\n$/)
})
