// @ts-check
// Measures how far one operation goes through the code: files, folders, functions and calls of the built package, counted by
// the engine's own coverage. `npm run paths` prints a table; docs/design/ quotes it before and after a redraw.
// Files of base/ are not counted as files: every path goes through them.
import { Session } from 'node:inspector'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { root } from './source-tree.mjs'

const dist = path.join(root, 'dist/src')
/** @type {{ Varve: any }} */
const { Varve } = await import(pathToFileURL(path.join(dist, 'index.js')).href)

const session = new Session()
session.connect()

/** @param {string} method @param {object} [params] @returns {any} */
function post(method, params = {}) {
  let answer
  session.post(method, params, (error, result) => {
    if (error) throw error
    answer = result
  })
  return answer
}

/** @typedef {{ name: string, files: number, folders: number, functions: number, calls: number, hosts: string }} Path */

/** @param {string} name @param {() => unknown} operation @returns {Promise<Path>} */
async function measure(name, operation) {
  post('Profiler.takePreciseCoverage')
  await operation()
  const files = new Set()
  const folders = new Set()
  let [functions, calls] = [0, 0]
  /** @type {string[]} */
  const told = []
  for (const { url, functions: all } of post('Profiler.takePreciseCoverage').result) {
    if (!url.startsWith('file:')) continue
    const file = path.relative(dist, fileURLToPath(url))
    if (file.startsWith('..')) continue
    for (const { functionName, ranges } of all) {
      const { count, startOffset } = ranges[0]
      if (count === 0 || (functionName === '' && startOffset === 0)) continue
      functions++
      calls += count
      if (/(^|\/)hosts\.js$/.test(file) && !/^make/.test(functionName)) {
        told.push(count === 1 ? functionName : `${functionName} × ${count}`)
      }
      if (file.startsWith('base/')) continue
      files.add(file)
      folders.add(path.dirname(file))
    }
  }
  return { name, files: files.size, folders: folders.size, functions, calls, hosts: told.sort().join(', ') }
}

/** @type {Path[]} */
const paths = []
const lab = mkdtempSync(path.join(os.tmpdir(), 'varve-paths-'))
/** @param {string} name @param {() => unknown} operation */
const add = async (name, operation) => void paths.push(await measure(name, operation))
/** @param {string} name @param {object} [more] */
const open = (name, more = {}) => Varve.open(path.join(lab, name), { workers: 0, ...more })
const settled = () => new Promise((resolve) => setTimeout(resolve, 50))

post('Profiler.enable')
post('Profiler.startPreciseCoverage', { callCount: true, detailed: false })

const db = await open('a')
for (const key of ['a', 'b', 'c']) await db.put(key, 'first')
await settled()
await add('put', () => db.put('a', 'value'))
await add('putSync', () => db.putSync('b', 'value'))
await add('put, sync: true', () => db.put('c', 'value', { sync: true }))
await settled()
await add('get from a memtable', () => db.get('b'))
await add('flush of three entries', async () => {
  await db.flush()
  await settled()
})
await db.get('b')
await add('get from a table, cached', () => db.get('b'))
await add('iterate, first entry', async () => {
  for await (const entry of db.entries()) if (entry) break
})
await db.put('a', 'newer')
await db.put('d', 'newer')
await db.flush()
await settled()
await add('compact() of two tables', async () => {
  await db.compact()
  await settled()
})
await db.close()
const again = await open('a', { blockCacheSize: 0 })
await again.get('d')
await add('get from a table, cold', () => again.get('b'))
await again.close()

const killed = await open('b', { flushOnClose: false })
await killed.put('a', 'value')
await killed.close()
let reopened = killed
await add('open with one log to replay', async () => {
  reopened = await open('b')
})
await reopened.close()

rmSync(lab, { recursive: true, force: true })
const columns = /** @type {const} */ (['name', 'files', 'folders', 'functions', 'calls', 'hosts'])
console.log('| operation | files | folders | functions | calls | what hosts are asked and told |\n|---|---|---|---|---|---|')
for (const each of paths) console.log(`| ${columns.map((column) => each[column]).join(' | ')} |`)
