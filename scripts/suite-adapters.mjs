// @ts-check
// Keyv's, unstorage's and undici's own tests on the adapters of the blob cache; see test/suites/README.md.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { installed, runtimes } from './runtimes.mjs'
import { root } from './source-tree.mjs'

const SUITES = ['keyv', 'unstorage', 'undici']
/** `bignumber.js` and the others are what the suite of Keyv 6 needs. */
const NEEDS = [
  'vitest@4', 'keyv@5', 'keyv-6@npm:keyv@6', '@keyv/test-suite@2', '@faker-js/faker@10', 'bignumber.js@9', 'json-bigint@1',
  'unstorage@1', '@sinonjs/fake-timers@12', 'undici@7', 'undici-8@npm:undici@8',
]

/**
 * @param {string} tarball  the package
 * @param {string} lab  where the suites are installed
 * @param {(isPassed: boolean, what: string, why: string) => void} tell
 * @param {(cwd: string, args: string[]) => string} npm
 */
export function runAdapterSuites(tarball, lab, tell, npm) {
  const dir = path.join(lab, 'adapters')
  mkdirSync(dir, { recursive: true })
  for (const suite of SUITES) {
    rmSync(path.join(dir, suite), { recursive: true, force: true })
    cpSync(path.join(root, 'test/suites', suite), path.join(dir, suite), { recursive: true })
  }
  // The tests of unstorage import its sources.
  mkdirSync(path.join(dir, 'unstorage/src'))
  writeFileSync(path.join(dir, 'unstorage/src/index.ts'), "export * from 'unstorage'\n")
  writeFileSync(path.join(dir, 'undici/test/package.json'), '{ "type": "commonjs" }\n')
  writeFileSync(path.join(dir, 'package.json'), '{ "private": true, "type": "module" }\n')
  npm(dir, ['install', '--legacy-peer-deps', ...NEEDS, tarball])
  runVitest(dir, tell)
  runNodeTest({ dir, file: 'undici/varve.test.mjs', tell })
  runNodeTest({ dir, file: 'undici/interceptor.test.mjs', args: ['undici'], tell })
  runNodeTest({ dir, file: 'undici/interceptor.test.mjs', args: ['undici-8'], node: nodeForUndici8(), tell })
}

/** The program of a Node that undici 8 runs on: this one, or one from the npm registry. @returns {string} */
function nodeForUndici8() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major > 22 || (major === 22 && minor >= 19)) return process.execPath
  const runtime = runtimes.find(({ name }) => name === 'node22')
  if (runtime === undefined) throw new Error('there is no Node 22 among the runtimes')
  return installed(runtime)
}

/** @param {string} dir @param {(isPassed: boolean, what: string, why: string) => void} tell */
function runVitest(dir, tell) {
  const report = path.join(dir, 'report.json')
  rmSync(report, { force: true })
  const args = ['node_modules/vitest/vitest.mjs', 'run', 'keyv', 'unstorage', '--reporter=json', `--outputFile=${report}`]
  spawnSync(process.execPath, args, { cwd: dir, encoding: 'utf8', timeout: 300_000 })
  const { testResults } = JSON.parse(readFileSync(report, 'utf8'))
  for (const { name, assertionResults, message } of testResults) {
    if (assertionResults.length === 0) tell(false, name, message)
    for (const { fullName, status, failureMessages } of assertionResults) {
      tell(status === 'passed', fullName, failureMessages.join('\n'))
    }
    console.log(`${path.relative(dir, name)}: ${assertionResults.length} tests`)
  }
}

/**
 * @typedef {{
 *   dir: string, file: string, args?: string[], node?: string,
 *   tell: (isPassed: boolean, what: string, why: string) => void
 * }} NodeTest
 * @param {NodeTest} test
 */
function runNodeTest({ dir, file, args = [], node = process.execPath, tell }) {
  const { stdout, stderr } = spawnSync(node, ['--test-reporter=tap', file, ...args], {
    cwd: dir, encoding: 'utf8', timeout: 300_000,
  })
  const results = [...stdout.matchAll(/^ *(not )?ok \d+ - (.*)$/gm)].filter(([, , name]) => !name?.endsWith('Store'))
  if (results.length === 0) tell(false, file, stderr)
  for (const [, failed, name] of results) tell(failed === undefined, `${file} › ${name}`, stdout)
  const version = spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim()
  console.log(`${[file, ...args].join(' ')}: ${results.length} tests, on Node ${version}`)
}
