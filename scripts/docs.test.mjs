// @ts-check
// Pages that are made from comments are what the comments say.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { it } from 'node:test'
import { root } from './source-tree.mjs'
import { STATS_PAGE, statsPage } from './stats-page.mjs'

it(`${STATS_PAGE} is what src/stats says, every name with a sentence`, () => {
  const page = statsPage()
  assert.equal(readFileSync(path.join(root, STATS_PAGE), 'utf8'), page, 'npm run docs writes it anew')
  const rows = page.split('\n').filter((line) => /^\| [`[]/.test(line))
  assert.ok(rows.length > 100)
  for (const row of rows) assert.match(row, / \| [A-Z][^|]*\. \|$/, row)
})
