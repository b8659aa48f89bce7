// @ts-check
// Each rule of tidy finds its breach in a small made-up file, and nothing in a clean one.
import { test } from 'node:test'
import assert from 'node:assert/strict'
import { parseTree } from './source-tree.mjs'
import { applyExceptions, checkTidy } from './tidy.mjs'
import { checkComments } from './tidy-comments.mjs'
import { checkInvariants } from './tidy-invariants.mjs'
import { checkMentions } from './tidy-mentions.mjs'
import { checkUnused } from './tidy-unused.mjs'

/** @param {string} text @param {string} [file] */
function problemsOf(text, file = 'src/base/x.ts') {
  return checkTidy(parseTree({ [file]: text }), [], undefined).map((p) => `${p.rule}: ${p.text}`)
}

const clean = `/** A journey, sharding aside; TODOs are gone. */
import { a } from './a.js'

export function add(bytes: Uint8Array, start: number, end: number, at: number, step: number): number {
  if (start > end) throw new RangeError("it's wrong")
  for (let i = start; i < end; i++) bytes[at] = a
  while (bytes[at]! > step);
  return at
}
`

test('a clean file has no problem', () => {
  assert.deepEqual(problemsOf(clean), [])
})

const breaches = [
  ['long line', `// ${'x'.repeat(118)}\n`, /^line-length: 121/],
  ['long file', '// x\n'.repeat(401), /^file-length: 401/],
  ['long function', `export function f() {\n${'  f()\n'.repeat(69)}}\n`, /^function-length: f has 71 lines/],
  ['long arrow function', `const f = () => {\n${'  f()\n'.repeat(69)}}\n`, /^function-length: f has 71 lines/],
  ['parameters', 'function f(a: X, b: X, c: X, d: X, e: X) {}\n', /^parameters: f takes 5/],
  ['many parameters', `function f(a: number, ${'b: number, '.repeat(8)}) {}\n`, /^parameters: f takes 9/],
  ['time', 'export const t = Date.now()\n', /^platform: Date.now/],
  ['date', 'export const t = new Date()\n', /^platform: new Date/],
  ['timer', 'setTimeout(f, 1)\n', /^platform: setTimeout/],
  ['chance', 'export const r = Math.random()\n', /^platform: Math.random/],
  ['left-over', `// ${'TO'}DO later\n`, /^word/],
  ['second name', '// an SST\n', /^word/],
  ['second name, other case', 'const fooJournal = 1 // Journal\n', /^word/],
  ['any', 'export const x: any = 1\n', /^any/],
  ['default export', 'export default function f() {}\n', /^default-export/],
  ['default export of a value', 'export default 1\n', /^default-export/],
  ['enum', 'enum E { a }\n', /^enum/],
  ['semicolon', 'const a = 1;\n', /^layout: semicolon/],
  ['quotes', 'const a = "b"\n', /^layout: "b"/],
  ['tab', '\tconst a = 1\n', /^layout: tab/],
  ['space at the end', 'const a = 1 \n', /^layout: white space/],
  ['no line feed', 'const a = 1', /^layout: no line feed/],
  ['empty name', 'class FileManager {}\n', /^name/],
]
for (const [name, text, expected] of /** @type {[string, string, RegExp][]} */ (breaches)) {
  test(`found: ${name}`, () => {
    const problems = problemsOf(text)
    assert.equal(problems.length, 1, problems.join('\n'))
    assert.match(problems[0], expected)
  })
}

test('found: bad file names, and what is left in tests', () => {
  assert.match(problemsOf('', 'src/base/fooBar.ts').join(), /kebab-case/)
  assert.match(problemsOf('', 'src/base/string-utils.ts').join(), /says nothing/)
  assert.match(problemsOf(`test.${'only'}('x', () => {})\n`, 'test/x.test.ts').join(), /\.only\(/)
  assert.match(problemsOf(`test.${'skip'}('x', () => {})\n`, 'test/x.test.ts').join(), /\.skip\(/)
  assert.match(problemsOf('const r = Math.random()\n', 'test/x.test.ts').join(), /Math.random/)
})

test('allowed: time in the clock and in tests, a long list of tests', () => {
  assert.deepEqual(problemsOf('export const t = Date.now()\n', 'src/base/clock.ts'), [])
  assert.deepEqual(problemsOf('const t = Date.now()\n', 'test/x.test.ts'), [])
  assert.deepEqual(problemsOf(`describe('x', () => {\n${"  test('y', () => {})\n".repeat(80)}})\n`, 'test/x.test.ts'), [])
})

test('exceptions: hold one breach up to its count, and must shrink with it', () => {
  const problem = { file: 'src/a/b.ts', line: 9, rule: 'function-length', text: 'f has 80 lines', count: 80 }
  const exception = { file: 'src/a/b.ts', rule: 'function-length', name: 'f', count: 80, why: 'one table' }
  assert.deepEqual(applyExceptions([problem], [exception]), [])
  assert.equal(applyExceptions([{ ...problem, count: 81, text: 'f has 81 lines' }], [exception]).length, 2)
  assert.match(applyExceptions([problem], [{ ...exception, count: 90 }])[0].text, /can shrink from 90 to 80/)
  assert.match(applyExceptions([], [exception])[0].text, /not needed any more/)
  assert.equal(applyExceptions([{ ...problem, text: 'g has 80 lines' }], [exception]).length, 2)
})

/** @param {string} comment */
function judgeComment(comment) {
  return checkComments({ 'src/vfs/x.ts': `import { a } from './a.js'\n\n  ${comment}\nconst b = a\n` })
    .map((p) => `${p.line} ${p.text}`)
}

test('doc comments: no fragment, and an end of a sentence', () => {
  for (const words of ['Of a table.', 'As above.', 'The same, asynchronously.', 'So many at most.', 'Who only reads.',
    'To be called once.', 'For tests.', '… or fewer.', 'By path.']) {
    assert.deepEqual(judgeComment(`/** ${words} */`), [`3 a fragment: ${words}`])
    assert.deepEqual(judgeComment(`/**\n   * ${words}\n   */`), [`3 a fragment: ${words}`])
  }
  assert.deepEqual(judgeComment('/** Size of the file */'), ['3 no end of a sentence: Size of the file'])
  assert.deepEqual(judgeComment('/**\n   * Size of\n   * the file\n   */'), ['3 no end of a sentence: Size of the file'])
  for (const words of ['Size of the file in bytes.', 'Often there are none.', 'Run: `node x.js [entries]`', 'Gone?',
    '\n * The form:\n *\n *   name=value\n', '@param {string} x', 'Gives a name. @param {string} x  the path', 'Total (in bytes.)', '@internal']) {
    assert.deepEqual(judgeComment(`/** ${words} */`), [], words)
  }
})

/** @param {Record<string, string>} files */
function unusedIn(files) {
  return checkUnused(parseTree(files), new Set(['src/index.ts'])).map((p) => `${p.file} ${p.text}`)
}

test('unused: exports and files, seen through doors', () => {
  const files = {
    'src/index.ts': "export * from './api/index.js'\n",
    'src/api/index.ts': "export { open as start } from './open.js'\nexport * from './close.js'\n",
    'src/api/open.ts': "import { used } from '../base/index.js'\nexport const open = used\nexport const hidden = 1\n",
    'src/api/close.ts': 'export const close = 1\n',
    'src/base/index.ts': "export * from './bytes.js'\n",
    'src/base/bytes.ts': 'export const used = 1\nexport const unused = 2\nexport interface T { t?: T }\n',
    'src/base/lost.ts': 'const x = 1\n',
  }
  assert.deepEqual(unusedIn(files), [
    'src/base/lost.ts nothing imports it',
    'src/api/open.ts hidden is not used elsewhere',
    'src/base/bytes.ts unused is not used elsewhere',
  ])
  const test = { 'src/base/x.test.ts': "import * as bytes from './bytes.js'\nimport { hidden } from '../api/open.js'\n" }
  assert.deepEqual(unusedIn({ ...files, ...test }), [
    'src/base/lost.ts nothing imports it',
    'src/api/open.ts hidden is used by tests only',
    'src/base/bytes.ts unused is used by tests only',
  ])
})

test('files that a comment or a page names are there', () => {
  const tree = parseTree({
    'src/wal/log.ts': '// see wal/log.ts, log.ts and src/base/lost.ts\nexport const a = "gone.ts" // not cut.ts\n',
  })
  const rows = '| `wal/log.ts` | `a` → `away` |'
  const pages = { 'README.md': `old.ts, but \`wal/log.ts\` and\n\`old.ts\`, \`made.mjs\`, \`x.d.ts\`\n${rows}` }
  assert.deepEqual(checkMentions(tree, pages, ['scripts/made.mjs']).map((p) => `${p.file}:${p.line} ${p.text}`), [
    'src/wal/log.ts:1 there is no file src/base/lost.ts',
    'src/wal/log.ts:2 there is no file cut.ts',
    'README.md:2 there is no file old.ts',
    'README.md:3 src/wal/log.ts has no away',
  ])
})

test('invariants: numbers in the code are defined, defined ones are tested', () => {
  const page = '# Invariants\n\n**WAL-1** a\n\n| WAL-2 | b |\n- WAL-3: c\n\nsee WAL-9\n'
  /** @param {string} code @param {string} tests */
  const judge = (code, tests) => checkInvariants(parseTree({ 'src/a/x.ts': code, 'src/a/x.test.ts': tests }), page)
    .map((p) => `${p.file}:${p.line} ${p.text}`)
  const all = '// WAL-1, 2, 3\n'
  assert.deepEqual(judge('// keeps WAL-1 with CRC-32 and UTF-8\n', all), [])
  assert.deepEqual(judge('// WAL-4\n', all), ['src/a/x.ts:1 WAL-4 is not in docs/invariants.md'])
  assert.deepEqual(judge('/**\n * Invariants:  FLUSH-1\n */\n', all), ['src/a/x.ts:2 FLUSH-1 is not in docs/invariants.md'])
  assert.deepEqual(judge('', '// WAL-1–2\n'), ['docs/invariants.md:6 WAL-3 is named in no test'])
  const cases = { 'test/data/x.txt': '# WAL-1, 2: a title\npick\n----\nWAL-3 WAL-5\n\n# WAL-4\npick\n----\n' }
  assert.deepEqual(checkInvariants(parseTree({}), page, cases).map((p) => `${p.file}:${p.line} ${p.text}`), [
    'test/data/x.txt:6 WAL-4 is not in docs/invariants.md', 'docs/invariants.md:6 WAL-3 is named in no test',
  ])
})
