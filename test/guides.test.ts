/**
 * Each example of the guides runs as it stands, in a directory of its own, and prints what it says: what stands behind
 * `console.log(…)   // ` is a line of its output.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import { packageDir } from './support/harness/golden.js'

const run = promisify(execFile)
const lab = mkdtempSync(path.join(tmpdir(), 'varve-guides-'))
after(() => rmSync(lab, { recursive: true }))

/** What a reader has installed. */
writeFileSync(path.join(lab, 'package.json'), '{ "private": true }\n')
mkdirSync(path.join(lab, 'node_modules'))
symlinkSync(packageDir, path.join(lab, 'node_modules/varve'), 'dir')
for (const name of ['@opentelemetry', 'express-session', 'keyv', 'msgpackr', 'ordered-binary', 'undici', 'unstorage']) {
  symlinkSync(path.join(packageDir, 'node_modules', name), path.join(lab, 'node_modules', name), 'dir')
}

function examplesIn(page: string, imported: string): { heading: string; code: string }[] {
  let heading = page
  const examples: { heading: string; code: string }[] = []
  const text = readFileSync(path.join(packageDir, page), 'utf8')
  for (const [, title, code] of text.matchAll(/^## (.*)$|^```js\n([\s\S]*?)^```/gm)) {
    if (title !== undefined) heading = title
    else if (code!.includes(imported)) examples.push({ heading, code: code! })
  }
  return examples
}

/** Pages, how many examples each has, and what these import. */
const pages = [
  ['docs/blob-cache.md', 6, "'varve/"], ['docs/adapters.md', 4, "'varve/"], ['README.md', 1, "'varve/"],
  ['docs/verify.md', 2, "'varve'"], ['docs/inspector.md', 1, "'varve/"], ['docs/views.md', 3, "'varve'"],
  ['docs/monitoring.md', 7, "from 'varve"], ['docs/tuning.md', 2, "from 'varve"],
  ['docs/durability.md', 2, "from 'varve"], ['docs/many-databases.md', 2, "from 'varve"],
  ['docs/faq.md', 2, "from 'varve"],
] as const

for (const [page, count, imported] of pages) {
  const examples = examplesIn(page, imported).filter(({ code }) => !code.includes('varve/level'))
  test(`${page} has its examples`, () => assert.equal(examples.length, count))
  for (const [i, { heading, code }] of examples.entries()) {
    test(`${page}: ${heading}`, async () => {
      const dir = path.join(lab, `${path.basename(page)}-${i}`)
      mkdirSync(dir)
      writeFileSync(path.join(dir, 'example.mjs'), code)
      const { stdout, stderr } = await run(process.execPath, ['example.mjs'], { cwd: dir })
      const expected = [...code.matchAll(/^ *console\.log\(.*\) +\/\/ (.*)$/gm)].map(([, line]) => line)
      assert.ok(expected.length > 0, 'it prints something')
      assert.equal(expected.length, code.split('console.log(').length - 1, 'each line says what it prints')
      assert.deepEqual(stdout.trimEnd().split('\n'), expected)
      assert.equal(stderr, '')
    })
  }
}
