/**
 * Shows that a clone packs what this checkout packs, and that npm installs the package from a git repository: both
 * must be built on the way. Takes the last commit, not what is uncommitted, and the tools from the npm registry.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { commonProgram, modernProgram, programOutput } from '../support/programs/package-users.js'
import { packed } from '../support/programs/packed-package.js'

const lab = mkdtempSync(path.join(os.tmpdir(), 'varve-install-'))
const clone = path.join(lab, 'clone')

function run(program: string, args: string[], cwd: string): string {
  return execFileSync(program, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim()
}

before(() => {
  run('git', ['clone', '--quiet', '--no-hardlinks', packed.root, clone], lab)
})

after(() => rmSync(lab, { recursive: true, force: true }))

/** Installs what is named into a new project, and uses it both ways. */
function worksFrom(source: string, name: string): void {
  const project = path.join(lab, name)
  mkdirSync(project)
  writeFileSync(path.join(project, 'package.json'), '{ "private": true, "type": "module" }')
  writeFileSync(path.join(project, 'modern.js'), modernProgram)
  writeFileSync(path.join(project, 'common.cjs'), commonProgram)
  run('npm', ['install', '--no-audit', '--no-fund', source], project)
  assert.equal(run(process.execPath, ['modern.js', 'data-1'], project), programOutput)
  assert.equal(run(process.execPath, ['common.cjs', 'data-2'], project), programOutput)
  const version = run('npx', ['--no-install', 'varve', '--version'], project)
  assert.match(version, /^\d+\.\d+\.\d+/)
  const types = (lib: string): string[] => readdirSync(lib).filter((file) => /\.d\.c?ts$/.test(file)).sort()
  assert.deepEqual(types(path.join(project, 'node_modules/varve/lib')), types(path.join(packed.root, 'lib')))
}

test('a git repository is a source to install from', () => {
  worksFrom(`git+file://${clone}`, 'from-git')
})

test('a clone packs itself after npm ci', () => {
  run('npm', ['ci', '--no-audit', '--no-fund'], clone)
  for (const dir of ['lib', 'dist']) rmSync(path.join(clone, dir), { recursive: true, force: true })
  const tarball = run('npm', ['pack', '--silent', '--pack-destination', lab], clone).split('\n').at(-1)!
  assert.equal(run('git', ['status', '--porcelain'], clone), '')
  worksFrom(path.join(lab, tarball), 'from-pack')
})
