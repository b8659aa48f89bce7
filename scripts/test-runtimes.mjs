// @ts-check
// Runs abstract-level's suite over the facade, and the examples, on other runtimes: `npm run test:runtimes`
// all of them, `npm run test:runtimes -- bun deno` some. They come from the npm registry as packages and stay
// in .runtimes; some 100 to 200 MB each.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { root } from './source-tree.mjs'

const DENO_FLAGS = ['run', '-A', '--node-modules-dir=manual', '--unstable-detect-cjs']
const runtimes = [
  { name: 'node22', install: 'node@22', program: 'node', flags: [] },
  { name: 'node24', install: 'node@24', program: 'node', flags: [] },
  { name: 'node26', install: 'node@26', program: 'node', flags: [] },
  { name: 'bun', install: 'bun@1', program: 'bun', flags: [] },
  { name: 'deno', install: 'deno@2', program: 'deno', flags: DENO_FLAGS },
]
const programs = [
  ['dist/test/level/suite-run.js'],
  ['examples/everywhere.js'],
  ['examples/commonjs.cjs'],
  ['examples/secondary-index.js'],
  ['examples/json-documents.js'],
  ['examples/queue.js', '20000'],
]
const isWindows = process.platform === 'win32'

/** @param {typeof runtimes[number]} runtime @returns {string} its program */
function installed({ name, install, program }) {
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

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !runtimes.some((runtime) => runtime.name === name))
if (unknown.length > 0) throw new Error(`unknown runtime ${unknown[0]}: ${runtimes.map(({ name }) => name).join(', ')}`)

let [passed, failed] = [0, 0]
for (const runtime of runtimes) {
  if (wanted.length > 0 && !wanted.includes(runtime.name)) continue
  const file = installed(runtime)
  for (const program of programs) {
    console.log(`${runtime.name}: ${program.join(' ')}`)
    const { status } = spawnSync(file, [...runtime.flags, ...program], { cwd: root, stdio: 'inherit', shell: isWindows })
    if (status === 0) passed++
    else failed++
  }
}
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed > 0 || passed === 0 ? 1 : 0
