/**
 * What: the page of figures and its charts, made of a few made-up figures; and that the repository's page is the one of
 * the figures that are kept in it.
 */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { KEPT_FILE, readFigures } from '../../bench/matrix/figures.js'
import { CHART_DIR, PAGE_FILE, pageOf } from '../../bench/matrix/page.js'
import { sampleFigures } from '../../bench/matrix/sample-figures.js'
import { assertGolden, packageDir } from '../support/harness/golden.js'

test('the page of made-up figures', () => {
  const { text, charts } = pageOf(sampleFigures())
  assertGolden('benchmarks.txt', text)
  assertGolden('benchmarks-states.svg', charts['states.svg']!)
  assertGolden('benchmarks-get-cost.svg', charts['get-cost.svg']!)
  for (const name of Object.keys(charts)) assert.ok(text.includes(`benchmarks/${name}`), `the page shows ${name}`)
})

test('the page of the repository is made of the kept figures', () => {
  const inRepository = (name: string): string => path.join(packageDir, name)
  const isKept = existsSync(inRepository(KEPT_FILE))
  assert.equal(existsSync(inRepository(PAGE_FILE)), isKept, 'there is a page when there are figures')
  if (!isKept) return
  const { text, charts } = pageOf(readFigures(inRepository(KEPT_FILE)))
  assert.equal(readFileSync(inRepository(PAGE_FILE), 'utf8'), text, '`npm run bench:page` makes it anew')
  assert.deepEqual(readdirSync(inRepository(CHART_DIR)).sort(), Object.keys(charts).sort())
  for (const [name, svg] of Object.entries(charts)) {
    assert.equal(readFileSync(inRepository(path.join(CHART_DIR, name)), 'utf8'), svg, name)
  }
})
