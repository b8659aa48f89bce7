// @ts-check
// Pages that are made from comments are what the comments say; links of pages lead somewhere; what is absent is absent.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { it } from 'node:test'
import { API_PAGE, apiReport } from './api-report.mjs'
import { anchorsOf, deadLinks, linksIn, pages, withoutBlocks } from './links.mjs'
import { REFERENCE_PAGE, referencePage } from './reference-page.mjs'
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

it(`${REFERENCE_PAGE} is what the comments say, each name once`, () => {
  const page = referencePage()
  assert.equal(readFileSync(path.join(root, REFERENCE_PAGE), 'utf8'), page, 'npm run docs writes it anew')
  for (const name of ['Varve', 'VarveOptions', 'VarveError', 'BlobCache', 'VarveLevel', 'SimVfs']) {
    assert.equal(page.split(`\n### ${name}\n`).length, 2, name)
  }
  for (const row of page.split('\n').filter((line) => line.startsWith('| `'))) assert.match(row, /^\| `[^`]+` \| [A-Z].* \|$/)
})

it('what docs/coming.md calls absent is absent, and where it says that there is room there is', () => {
  const page = readFileSync(path.join(root, 'docs/coming.md'), 'utf8')
  const rows = page.split('\n').filter((line) => line.startsWith('| ')).slice(1).map((line) => line.split(' | '))
  assert.ok(rows.length > 4)
  const api = apiReport()
  for (const [what = '', call = '', , room = ''] of rows) {
    const name = /^`(?:db\.)?(\w+)`$/.exec(call)?.[1] ?? ''
    assert.notEqual(name, '', `${what}: what it would be`)
    assert.doesNotMatch(api, new RegExp(`^ {4}(?:readonly )?${name}[?(<:]`, 'm'), `${what}: ${name} is there`)
    const [, file, word] = /^`(.*)`: `(.*)`/.exec(room) ?? []
    if (file === undefined) continue
    const source = readFileSync(path.join(root, 'src', file), 'utf8')
    assert.match(source, new RegExp(`Reserved\\. \\*/\\n\\s+${word}: \\d`), `${file} keeps room for ${word}`)
  }
})

it('every link of every page leads to a file, and to a heading in it', () => {
  const all = pages()
  for (const page of ['README.md', 'docs/README.md', 'docs/api.md', 'docs/format/log.md']) assert.ok(all.includes(page), page)
  const texts = all.map((page) => ({ page, text: readFileSync(path.join(root, page), 'utf8') }))
  assert.ok(texts.reduce((sum, { text }) => sum + linksIn(text).length, 0) > 300)
  assert.deepEqual(texts.flatMap(({ page, text }) => deadLinks(page, text)), [])
})

it('a link that leads nowhere is found', () => {
  const text = '# A `b/c`, d\n\n## Twice\n\n## Twice\n\n[x](#a-bc-d) [y](faq.md#how-large-may-it-get) ![z](pictures/no.png) [`q`](faq.md#no)\n'
  assert.deepEqual([...anchorsOf(text)], ['a-bc-d', 'twice', 'twice-1'])
  assert.deepEqual(deadLinks('docs/x.md', `${text}\`[n](o)\` [w](https://x.example/#y)\n`), [
    'docs/x.md: pictures/no.png', 'docs/x.md: faq.md#no',
  ])
  assert.deepEqual(deadLinks('docs/x.md', '[x](#twice)'), ['docs/x.md: #twice'])
})

it('no page says a sentence twice, as two changes of one place do that were put together by lines', () => {
  const made = [STATS_PAGE, API_PAGE, REFERENCE_PAGE]
  for (const page of pages().filter((page) => !made.includes(page))) {
    const text = withoutBlocks(readFileSync(path.join(root, page), 'utf8'))
    const lines = text.split('\n').map((line) => line.trim()).filter((line) => line.length > 50 && !line.startsWith('|'))
    assert.deepEqual(lines.filter((line, i) => lines.indexOf(line) !== i), [], page)
    const subjects = lines.filter((line) => line.startsWith('- ')).map((line) => line.slice(0, 40))
    assert.deepEqual(subjects.filter((subject, i) => subjects.indexOf(subject) !== i), [], page)
  }
})
