/**
 * Each example of the guides runs as it stands and prints what the page says: what stands behind `console.log(…)   // `
 * is a line of its output, or the block that follows is all of it. An example whose first line is `// name` is that
 * file of a directory which the page's named examples share, in their order; any other has a directory of its own. In a
 * `console` block stand commands of `varve` and what they print. A short run draws some of the pages.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import { transformSync } from 'esbuild'
import { packageDir } from './support/harness/golden.js'
import { takesHeavy } from './support/harness/share.js'

const run = promisify(execFile)
const lab = mkdtempSync(path.join(tmpdir(), 'varve-guides-'))
after(() => rmSync(lab, { recursive: true }))

/** What a reader has installed. */
const INSTALLED = [
  '@opentelemetry', 'abstract-level', 'charwise', 'express-session', 'keyv', 'msgpackr', 'ordered-binary', 'undici',
  'unstorage',
]
writeFileSync(path.join(lab, 'package.json'), '{ "private": true }\n')
mkdirSync(path.join(lab, 'node_modules'))
symlinkSync(packageDir, path.join(lab, 'node_modules/varve'), 'dir')
for (const name of INSTALLED) {
  symlinkSync(path.join(packageDir, 'node_modules', name), path.join(lab, 'node_modules', name), 'dir')
}

interface Example {
  heading: string
  language: string
  code: string
  /** The block that follows, without a language: what is printed. */
  printed: string | undefined
}

/** The examples of a page that are whole: those that import something of Varve, and say what they print. */
function examplesIn(page: string): Example[] {
  let heading = page
  const examples: Example[] = []
  const text = readFileSync(path.join(packageDir, page), 'utf8')
  const pattern = /^## (.*)$|^```(js|ts|console)\n([\s\S]*?)^```$(?:\n\n```\n([\s\S]*?)^```$)?/gm
  for (const [, title, language, code, printed] of text.matchAll(pattern)) {
    if (title !== undefined) heading = title
    else if (language === 'console') examples.push({ heading, language, code: code!, printed: undefined })
    else if (isWhole(code!, printed)) {
      examples.push({ heading, language: language!, code: code!, printed })
    }
  }
  return examples
}

function isWhole(code: string, printed: string | undefined): boolean {
  return /from 'varve|require\('varve/.test(code) && (printed !== undefined || code.includes('console.log('))
}

/** Gives the lines that an example says that it prints. */
function expectedOf({ code, printed }: Example): string[] {
  if (printed !== undefined) return printed.trimEnd().split('\n')
  const expected = [...code.matchAll(/^ *console\.log\(.*\) +\/\/ (.*)$/gm)].map(([, line]) => line!)
  assert.ok(expected.length > 0, 'it prints something')
  assert.equal(expected.length, code.split('console.log(').length - 1, 'each line says what it prints')
  return expected
}

/** Runs the commands of a `console` block. */
async function runCommands(code: string, cwd: string): Promise<void> {
  for (const part of code.split(/^\$ /m).slice(1)) {
    const [command, ...expected] = part.trimEnd().split('\n')
    const [npx, varve, ...args] = command!.split(' ')
    assert.deepEqual([npx, varve], ['npx', 'varve'])
    const { stdout } = await run(process.execPath, [path.join(packageDir, 'lib/cli.js'), ...args], { cwd })
    assert.deepEqual(stdout.trimEnd().split('\n'), expected, command)
  }
}

async function runProgram(example: Example, cwd: string, name: string): Promise<void> {
  const { code, language } = example
  const isTyped = language === 'ts'
  const file = isTyped ? name.replace(/\.ts$/, '.mjs') : name
  writeFileSync(path.join(cwd, file), isTyped ? transformSync(code, { loader: 'ts', format: 'esm' }).code : code)
  const { stdout, stderr } = await run(process.execPath, [file], { cwd })
  assert.deepEqual(stdout.trimEnd().split('\n'), expectedOf(example))
  assert.equal(stderr, '')
}

/** Pages, and how many examples each has. */
const pages = {
  'README.md': 3, 'docs/first-steps.md': 12, 'docs/modelling-keys.md': 11, 'docs/reading-while-writing.md': 8,
  'docs/views.md': 4, 'docs/durability.md': 2, 'docs/tuning.md': 2, 'docs/many-databases.md': 2,
  'docs/containers.md': 1, 'docs/monitoring.md': 8, 'docs/inspector.md': 1, 'docs/backup.md': 2,
  'docs/migration.md': 1, 'docs/compaction.md': 1, 'docs/faq.md': 2, 'docs/followers.md': 2, 'docs/bulk-load.md': 2,
  'docs/export-import.md': 1, 'docs/verify.md': 2, 'docs/level.md': 1, 'docs/blob-cache.md': 6, 'docs/adapters.md': 4,
}

for (const [page, count] of Object.entries(pages)) {
  const examples = examplesIn(page)
  test(`${page} has its examples`, () => assert.equal(examples.length, count))
  if (!takesHeavy(page)) continue
  for (const [i, example] of examples.entries()) {
    test(`${page}: ${example.heading}`, async () => {
      const name = /^\/\/ (\S+\.\w+)\n/.exec(example.code)?.[1]
      const isShared = name !== undefined || example.language === 'console'
      const dir = path.join(lab, `${path.basename(page)}-${isShared ? 'named' : i}`)
      mkdirSync(dir, { recursive: true })
      if (example.language === 'console') await runCommands(example.code, dir)
      else await runProgram(example, dir, name ?? 'example.mjs')
    })
  }
}
