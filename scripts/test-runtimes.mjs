// @ts-check
// Runs abstract-level's suite over the facade, and the examples, on other runtimes: `npm run test:runtimes`
// all of them, `npm run test:runtimes -- bun deno` some (runtimes.mjs).
import { spawnSync } from 'node:child_process'
import { installed, isWindows, runtimes } from './runtimes.mjs'
import { root } from './source-tree.mjs'

const programs = [
  ['dist/test/level/suite-run.js'],
  ['examples/everywhere.js'],
  ['examples/commonjs.cjs'],
  ['examples/secondary-index.js'],
  ['examples/level-index.js'],
  ['examples/json-documents.js'],
  ['examples/queue.js', '20000'],
  ['examples/build-cache.js'],
]

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
