// @ts-check
// Runs test suites of other projects on Varve: `npm run test:suites`. The last line is `N passed, N failed`.
//   ClassicLevel's own test files, which stand in test/suites, with its index swapped for Varve
//   those of Keyv, unstorage and undici, on the adapters of the blob cache
//   --orbitdb DIR   OrbitDB's, in a clone of its repository where `npm ci --ignore-scripts` was run
// What they need comes from the npm registry and stays in .suites. Varve is installed from what `npm pack` packs.
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { runAdapterSuites } from './suite-adapters.mjs'
import { runOrbitDb } from './suite-orbitdb.mjs'
import { root } from './source-tree.mjs'

const MINUTES_MAX = 5
const lab = path.join(root, '.suites')
const counts = { passed: 0, failed: 0 }

/** @param {string} cwd @param {string[]} args */
function npm(cwd, args) {
  const all = [...args, '--no-audit', '--no-fund', '--ignore-scripts']
  const { status, stdout } = spawnSync('npm', all, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
  if (status !== 0) throw new Error(`npm ${args.join(' ')} failed in ${cwd}`)
  return stdout.trim()
}

/** Packs the package as it would be published, and gives its path. */
function pack() {
  mkdirSync(lab, { recursive: true })
  return path.join(lab, npm(root, ['pack', '--silent', '--pack-destination', lab]))
}

/** @param {boolean} isPassed @param {string} what @param {string} why */
function tell(isPassed, what, why) {
  counts[isPassed ? 'passed' : 'failed']++
  if (!isPassed) console.log(`✖ ${what}: ${why}`)
}

// ── ClassicLevel ────────────────────────────────────────────────────────────────────────────────────

const CLASSIC_NEEDS = ['abstract-level@3', 'du@1', 'mkfiletree@2', 'readfiletree@1', 'tape@5', 'tempy@1']

/** @typedef {{ file: string, tests: string[], reason: string }} Exception */

/** @param {string} tarball */
function runClassicLevel(tarball) {
  const source = path.join(root, 'test/suites/classic-level')
  const dir = path.join(lab, 'classic-level')
  rmSync(path.join(dir, 'test'), { recursive: true, force: true })
  mkdirSync(dir, { recursive: true })
  cpSync(path.join(source, 'test'), path.join(dir, 'test'), { recursive: true })
  writeFileSync(path.join(dir, 'package.json'), '{ "private": true }\n')
  writeFileSync(path.join(dir, 'index.js'), "exports.ClassicLevel = require('varve/level').VarveLevel\n")
  npm(dir, ['install', ...CLASSIC_NEEDS, tarball])
  /** @type {Exception[]} */
  const exceptions = JSON.parse(readFileSync(path.join(source, 'exceptions.json'), 'utf8'))
  for (const file of readdirSync(path.join(dir, 'test')).filter((name) => name.endsWith('-test.js'))) {
    runTapeFile(dir, file, exceptions.filter((exception) => exception.file === file))
  }
}

/** @param {string} dir @param {string} file @param {Exception[]} exceptions */
function runTapeFile(dir, file, exceptions) {
  const { stdout, stderr, status, error } = spawnSync(
    process.execPath, ['--expose-gc', path.join('test', file)],
    { cwd: dir, encoding: 'utf8', timeout: MINUTES_MAX * 60_000, maxBuffer: 2 ** 28 },
  )
  const results = readTap(stdout)
  const last = [...results.keys()].at(-1) ?? file
  if (status !== 0 && ![...results.values()].some((failure) => failure !== null)) {
    results.set(last, `${error?.message ?? `the process ended with exit code ${status}`}: ${stderr.slice(0, 500)}`)
  }
  const isExpected = (/** @type {string} */ test) => exceptions.some(({ tests }) => tests.includes(test))
  for (const [test, failure] of results) {
    if (isExpected(test)) tell(failure !== null, `${file} › ${test}`, 'it passes: take it out of exceptions.json')
    else tell(failure === null, `${file} › ${test}`, failure ?? '')
  }
  console.log(`${file}: ${results.size} tests`)
}

/** Gives the tests of a run of tape, and the first assertion of each that failed, or null. @param {string} text */
function readTap(text) {
  /** @type {Map<string, string | null>} */
  const results = new Map()
  let test = ''
  for (const line of text.split('\n')) {
    const title = /^# (.*)$/.exec(line)?.[1]
    if (title !== undefined && !/^(tests|pass|fail) +\d+$|^ok$/.test(title)) {
      test = title
      if (!results.has(test)) results.set(test, null)
    }
    const failed = /^not ok \d+ (.*)$/.exec(line)?.[1]
    if (failed !== undefined && results.get(test) === null) results.set(test, failed)
  }
  return results
}

const { values } = parseArgs({ options: { orbitdb: { type: 'string' } } })
const tarball = pack()
runClassicLevel(tarball)
runAdapterSuites(tarball, lab, tell, npm)
if (values.orbitdb !== undefined) {
  const { passed, failed, failures } = runOrbitDb(path.resolve(values.orbitdb), tarball, lab)
  counts.passed += passed
  counts.failed += failed
  for (const failure of failures) console.log(`✖ OrbitDB › ${failure}`)
}
if (existsSync(tarball)) rmSync(tarball)
console.log(`${counts.passed} passed, ${counts.failed} failed`)
process.exitCode = counts.failed > 0 || counts.passed === 0 ? 1 : 0
