// @ts-check
// Pages that are made from comments are what the comments say.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { it } from 'node:test'
import { API_PAGE, apiReport } from './api-report.mjs'
import { root } from './source-tree.mjs'
import { STATS_PAGE, statsPage } from './stats-page.mjs'

it(`${STATS_PAGE} is what src/stats says, every name with a sentence`, () => {
  const page = statsPage()
  assert.equal(readFileSync(path.join(root, STATS_PAGE), 'utf8'), page, 'npm run docs writes it anew')
  const rows = page.split('\n').filter((line) => /^\| [`[]/.test(line))
  assert.ok(rows.length > 100)
  for (const row of rows) assert.match(row, / \| [A-Z][^|]*\. \|$/, row)
})

it(`${API_PAGE} is what programs can import, and nothing private`, () => {
  const page = apiReport()
  assert.equal(readFileSync(path.join(root, API_PAGE), 'utf8'), page, 'npm run docs writes it anew')
  assert.doesNotMatch(page, /private (?!constructor)|\*\//)
  for (const name of ['class Varve', 'class VarveLevel', 'class SimVfs']) assert.ok(page.includes(`export declare ${name}`), name)
})

it('the places of coming parts are there, and ARCHITECTURE.md leads to each', () => {
  const architecture = readFileSync(path.join(root, 'ARCHITECTURE.md'), 'utf8')
  const rows = [...readFileSync(path.join(root, 'docs/coming.md'), 'utf8').matchAll(/^\| ([a-z ]+) \| .* \| `(.*)` \|$/gm)]
  /** @type {Map<string, number>} */
  const counts = new Map()
  for (const [, part = '', file = ''] of rows) {
    counts.set(part, (counts.get(part) ?? 0) + 1)
    assert.ok(existsSync(path.join(root, 'src', file)), `${file} is there`)
    assert.ok(architecture.includes(`\`${file}\``), `ARCHITECTURE.md names ${file}`)
  }
  assert.deepEqual([...counts], [['value log', 3]])
})
