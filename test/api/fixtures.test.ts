/** S08: databases that were written by each format still open, and hold what they held (scripts/make-fixtures.mjs). */
import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { Varve } from '../../src/index.js'
import { newDirectory } from '../support/databases.js'
import { directoryState } from '../support/directory-state.js'
import { packageDir } from '../support/golden.js'

const fixtures = path.join(packageDir, 'test/fixtures')

interface Expected {
  position: string | null
  /** `<key> <value>` in hex, in key order. */
  entries: string[]
}

function readAll(db: Varve): Expected {
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
  return {
    position: db.position === null ? null : Buffer.from(db.position).toString(),
    entries: [...db.entriesSync()].map(([key, value]) => `${hex(key)} ${hex(value)}`),
  }
}

const databases = fs.readdirSync(fixtures, { recursive: true, encoding: 'utf8' })
  .filter((name) => fs.statSync(path.join(fixtures, name)).isDirectory() && path.basename(name).startsWith('database-'))

test('there are fixtures of a killed and of a closed database', () => {
  assert.deepEqual(databases.filter((name) => name.startsWith('format-1')).sort(), [
    'format-1/database-closed', 'format-1/database-killed',
  ])
})

for (const name of databases) {
  test(`${name} opens with what it held, and stays usable`, async () => {
    const expected = JSON.parse(fs.readFileSync(path.join(fixtures, `${name}.json`), 'utf8')) as Expected
    const location = newDirectory()
    fs.cpSync(path.join(fixtures, name), location, { recursive: true })
    const state = directoryState(location)
    const reader = await Varve.open(location, { readOnly: true })
    assert.deepEqual(readAll(reader), expected)
    await reader.close()
    assert.deepEqual(directoryState(location), state)
    const db = await Varve.open(location, { createIfMissing: false })
    assert.deepEqual(readAll(db), expected)
    await db.put('written', 'by this version')
    await db.close()
    const again = await Varve.open(location)
    assert.equal(readAll(again).entries.length, expected.entries.length + 1)
    await again.close()
  })
}
