// @ts-check
// Writes test/fixtures/<format>/database-*: small databases as this version makes them, for the test that
// later versions still open them. A file that is there already is never written again: a released format
// does not change. Run after a build: node scripts/make-fixtures.mjs
import { existsSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { FORMAT_VERSION } from '../dist/src/base/index.js'
import { fixtureEndings, writeFixture } from '../dist/test/support/databases/fixture-databases.js'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))

for (const ending of fixtureEndings) {
  const dir = path.join(root, `test/fixtures/format-${FORMAT_VERSION}/database-${ending}`)
  if (existsSync(dir)) {
    console.log(`${dir} is there already`)
    continue
  }
  const content = await writeFixture(ending, dir)
  writeFileSync(`${dir}.json`, `${JSON.stringify(content, null, 1)}\n`)
  console.log(`${dir} written`)
}
