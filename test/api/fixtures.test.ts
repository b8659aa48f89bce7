/**
 * S08: databases that were written by each format still open, and hold what they held
 * (scripts/make-fixtures.mjs). One of format 1, which was never released, is refused by its name.
 */
import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { Varve } from '../../src/index.js'
import { newDirectory } from '../support/databases/databases.js'
import { directoryState } from '../support/databases/directory-state.js'
import { contentOf, fixtureEndings, writeFixture } from '../support/databases/fixture-databases.js'
import type { FixtureContent } from '../support/databases/fixture-databases.js'
import { packageDir } from '../support/harness/golden.js'

const fixtures = path.join(packageDir, 'test/fixtures')

async function checkOpens(location: string, expected: FixtureContent): Promise<void> {
  const state = directoryState(location)
  const reader = await Varve.open(location, { readOnly: true })
  assert.deepEqual(contentOf(reader), expected)
  await reader.close()
  assert.deepEqual(directoryState(location), state)
  const db = await Varve.open(location, { createIfMissing: false })
  assert.deepEqual(contentOf(db), expected)
  await db.put('written', 'by this version')
  await db.close()
  const again = await Varve.open(location)
  assert.equal(contentOf(again).entries.length, expected.entries.length + 1)
  await again.close()
}

for (const ending of fixtureEndings) {
  test(`what make-fixtures writes of a ${ending} database opens, and is the same each time`, async () => {
    const [one, other] = [newDirectory(), newDirectory()]
    const expected = await writeFixture(ending, one)
    assert.deepEqual(await writeFixture(ending, other), expected)
    assert.deepEqual(fs.readdirSync(one), fs.readdirSync(other))
    assert.ok(expected.entries.length > 40)
    await checkOpens(one, expected)
  })
}

const FORMAT_1 = path.join(fixtures, 'format-1')
const databases = fs.readdirSync(fixtures, { recursive: true, encoding: 'utf8' })
  .map((name) => path.join(fixtures, name))
  .filter((name) => fs.statSync(name).isDirectory() && path.basename(name).startsWith('database-'))

for (const database of databases.filter((name) => !name.startsWith(FORMAT_1))) {
  test(`${path.relative(fixtures, database)} opens with what it held, and stays usable`, async () => {
    const location = newDirectory()
    fs.cpSync(database, location, { recursive: true })
    await checkOpens(location, JSON.parse(fs.readFileSync(`${database}.json`, 'utf8')) as FixtureContent)
  })
}

test('a database of format 1 is refused, and nothing in it is changed', async () => {
  const location = newDirectory()
  fs.cpSync(path.join(FORMAT_1, 'database-killed'), location, { recursive: true })
  const files = () => directoryState(location).slice(1).filter((line) => !/^[\w.]*lock/.test(line))
  const before = files()
  for (const options of [{ readOnly: true }, {}, { createIfMissing: false }]) {
    await assert.rejects(Varve.open(location, options), {
      code: 'UNSUPPORTED_FORMAT', file: '000001.manifest', offset: 8, message: /made before the first release/,
    })
    assert.deepEqual(files(), before)
  }
})
