// @ts-check
// OrbitDB's own test suite with Varve in the place of classic-level; for test-suites.mjs. It needs Node 22 or newer.
// Three things of its checkout are changed, each at most once:
//   node_modules/classic-level leads to Varve; what stood there is kept beside it, to read LevelDB directories with
//   test/fixtures/newtestkeys2, a LevelDB directory, becomes a Varve database with the same entries
//   node-datachannel, a native addon that no test uses, is loaded by an import: it gets a stand-in
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'

const FIXTURE = 'test/fixtures/newtestkeys2'
const DATACHANNEL = 'node_modules/node-datachannel/dist/esm/lib/node-datachannel.mjs'
const MINUTES_MAX = 20

const CONVERT = `
import { createRequire } from 'node:module'
import { rmSync } from 'node:fs'
import { VarveLevel } from 'varve/level'
const require = createRequire(import.meta.url)
const { ClassicLevel } = require('./node_modules/classic-level-original')
const options = { keyEncoding: 'buffer', valueEncoding: 'buffer' }
const from = new ClassicLevel(process.argv[2], options)
await from.open()
const entries = await from.iterator().all()
await from.close()
rmSync(process.argv[2], { recursive: true })
const to = new VarveLevel(process.argv[2], options)
await to.batch(entries.map(([key, value]) => ({ type: 'put', key, value })))
await to.close()
`

/** @param {string} program @param {string[]} args @param {string} cwd */
function run(program, args, cwd) {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd, encoding: 'utf8', timeout: MINUTES_MAX * 60_000 })
  return { status, stdout, text: `${stdout}${stderr}` }
}

/** @param {string} program @param {string[]} args @param {string} cwd */
function mustRun(program, args, cwd) {
  const { status, text } = run(program, args, cwd)
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} failed: ${text.slice(-2000)}`)
}

/** @param {string} dir @param {string} tarball */
function installVarve(dir, tarball) {
  const modules = path.join(dir, 'node_modules')
  const classic = path.join(modules, 'classic-level')
  if (!existsSync(`${classic}-original`)) renameSync(classic, `${classic}-original`)
  rmSync(classic, { recursive: true, force: true })
  mkdirSync(classic)
  writeFileSync(path.join(classic, 'package.json'), '{ "name": "classic-level", "version": "3.0.0" }\n')
  writeFileSync(path.join(classic, 'index.js'), "exports.ClassicLevel = require('varve/level').VarveLevel\n")
  // npm would put back what was renamed.
  rmSync(path.join(modules, 'varve'), { recursive: true, force: true })
  mkdirSync(path.join(modules, 'varve'))
  mustRun('tar', ['-xzf', tarball, '-C', path.join(modules, 'varve'), '--strip-components=1'], dir)
}

/** @param {string} dir @param {string} node */
function replaceFixtures(dir, node) {
  if (!existsSync(path.join(dir, FIXTURE, 'CURRENT'))) return
  writeFileSync(path.join(dir, 'convert-fixture.mjs'), CONVERT)
  mustRun(node, ['convert-fixture.mjs', FIXTURE], dir)
  rmSync(path.join(dir, 'convert-fixture.mjs'))
}

/** @param {string} dir */
function replaceDatachannel(dir) {
  const file = path.join(dir, DATACHANNEL)
  if (!existsSync(file)) return
  const text = readFileSync(file, 'utf8')
  const standIn = 'new Proxy(class {}, { get: (target, name) => name in target ? target[name] : class {} })'
  writeFileSync(file, text.replace(/require\("[^"]*node_datachannel\.node"\)/, standIn))
}

/** @param {string} lab @returns {string} a Node that OrbitDB runs on */
function findNode(lab) {
  if (Number(process.versions.node.split('.')[0]) >= 22) return process.execPath
  const dir = path.join(lab, 'node24')
  const program = path.join(dir, 'node_modules/.bin/node')
  if (existsSync(program)) return program
  mkdirSync(dir, { recursive: true })
  writeFileSync(path.join(dir, 'package.json'), '{ "private": true }\n')
  mustRun('npm', ['install', '--no-audit', '--no-fund', 'node@24'], dir)
  return program
}

/** Gives the command a network of its own: peers find each other by addresses, and there is only the loopback one. */
function withOwnNetwork(/** @type {string[]} */ command) {
  const isAllowed = spawnSync('unshare', ['-n', 'true']).status === 0
  return isAllowed ? ['unshare', '-n', 'sh', '-c', 'ip link set lo up; exec "$@"', 'sh', ...command] : command
}

/**
 * @param {string} dir  the clone
 * @param {string} tarball  Varve
 * @param {string} lab  what is installed stays here
 */
export function runOrbitDb(dir, tarball, lab) {
  if (!existsSync(path.join(dir, 'node_modules/classic-level'))) {
    throw new Error(`${dir} is no clone of OrbitDB with its packages installed: npm ci --ignore-scripts`)
  }
  const node = findNode(lab)
  installVarve(dir, tarball)
  replaceFixtures(dir, node)
  replaceDatachannel(dir)
  const mocha = ['node_modules/mocha/bin/mocha.js', '--config', 'test/.mocharc.json', '--reporter', 'json']
  const report = path.join(lab, 'orbitdb.json')
  rmSync(report, { force: true })
  const [program, ...args] = withOwnNetwork([node, ...mocha, '--reporter-option', `output=${report}`])
  const { status, text } = run(/** @type {string} */ (program), args, dir)
  if (!existsSync(report)) throw new Error(`OrbitDB's suite ended with ${status}: ${text.slice(-2000)}`)
  /** @type {{ stats: { passes: number, failures: number }, failures: { fullTitle: string, err: { message: string } }[] }} */
  const { stats, failures } = JSON.parse(readFileSync(report, 'utf8'))
  console.log(`OrbitDB: ${stats.passes} passed, ${stats.failures} failed`)
  return {
    passed: stats.passes, failed: stats.failures,
    failures: failures.map(({ fullTitle, err }) => `${fullTitle}: ${err.message}`),
  }
}
