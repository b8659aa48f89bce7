// @ts-check
// Other runtimes, as packages of the npm registry; they stay in .runtimes, some 100 to 200 MB each.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { root } from './source-tree.mjs'

const DENO_FLAGS = ['run', '-A', '--node-modules-dir=manual', '--unstable-detect-cjs']
export const runtimes = [
  { name: 'node22', install: 'node@22', program: 'node', flags: [] },
  { name: 'node24', install: 'node@24', program: 'node', flags: [] },
  { name: 'node26', install: 'node@26', program: 'node', flags: [] },
  { name: 'bun', install: 'bun@1', program: 'bun', flags: [] },
  { name: 'deno', install: 'deno@2', program: 'deno', flags: DENO_FLAGS },
]
export const isWindows = process.platform === 'win32'

/** @param {typeof runtimes[number]} runtime @returns {string} its program */
export function installed({ name, install, program }) {
  const dir = path.join(root, '.runtimes', name)
  const file = path.join(dir, 'node_modules/.bin', isWindows ? `${program}.cmd` : program)
  if (existsSync(file)) return file
  mkdirSync(dir, { recursive: true })
  writeFileSync(path.join(dir, 'package.json'), '{ "private": true }\n')
  const { status } = spawnSync('npm', ['install', '--no-audit', '--no-fund', install], {
    cwd: dir, stdio: ['ignore', 'ignore', 'inherit'], shell: isWindows,
  })
  if (status !== 0) throw new Error(`${install} could not be installed`)
  return file
}
