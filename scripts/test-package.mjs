// @ts-check
// Tests the published package in the tools of its users: `npm run test:package` runs all of test/package/*.package.ts,
// `npm run test:package -- jest` those tests with "jest" in their name. The tools come from the npm registry and
// stay in .tools; some 200 MB. The last line is `N passed, N failed`.
import { run } from 'node:test'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { inspect } from 'node:util'
import { listFiles, root } from './source-tree.mjs'

const tools = {
  '@rollup/plugin-commonjs': '29', '@rollup/plugin-node-resolve': '16', '@types/node': '20', 'esbuild': '0.28',
  'jest': '30', 'rollup': '4', 'ts-node': '10', 'tsx': '4', 'typescript-5.4': 'npm:typescript@~5.4.5',
  'typescript-newest': 'npm:typescript@latest', 'vitest': '4', 'webpack': '5',
}

/** Installs the tools again when the list has changed. */
function installTools() {
  const dir = path.join(root, '.tools')
  const manifest = `${JSON.stringify({ private: true, dependencies: tools }, null, 2)}\n`
  const file = path.join(dir, 'package.json')
  const isInstalled = existsSync(path.join(dir, 'node_modules')) && readFileSync(file, 'utf8') === manifest
  if (isInstalled) return
  mkdirSync(dir, { recursive: true })
  writeFileSync(path.join(dir, 'package.json'), manifest)
  const { status } = spawnSync('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts'], {
    cwd: dir, stdio: ['ignore', 'ignore', 'inherit'], shell: process.platform === 'win32',
  })
  if (status !== 0) throw new Error('the tools could not be installed')
}

installTools()
const filters = process.argv.slice(2)
const files = listFiles('dist/test/package', (name) => name.endsWith('.package.js')).map((file) => path.join(root, file))
let [passed, failed] = [0, 0]
// The files run one after the other, since each tool takes all processors.
/** @type {any} the types of events differ between versions of Node */
const stream = run({ files, concurrency: 1, testNamePatterns: filters.length > 0 ? filters.map((word) => new RegExp(word, 'i')) : undefined })
for await (const { type, data } of stream) {
  if (type === 'test:stdout' || type === 'test:stderr') process.stdout.write(data.message)
  const isTest = (type === 'test:pass' || type === 'test:fail') && data.skip === undefined && !files.includes(data.name)
  if (!isTest) continue
  if (type === 'test:pass') passed++
  else failed++
  console.log(`${type === 'test:pass' ? '✔' : '✖'} ${data.name} (${Math.round(data.details.duration_ms)} ms)`)
  if (type === 'test:fail') console.log(inspect(data.details.error.cause ?? data.details.error))
}
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed > 0 || passed === 0 ? 1 : 0
