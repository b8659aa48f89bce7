/** Each command with a place that holds no database: one error that names it, exit code 1, nothing made or changed. */
import assert from 'node:assert/strict'
import {
  lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, describe, it } from 'node:test'
import { varveHereWith } from '../support/programs/run-program.js'

const root = mkdtempSync(path.join(tmpdir(), 'varve-place-'))
after(() => rmSync(root, { recursive: true, force: true }))

const FILE_KINDS = ['log', 'manifest', 'table']

/** What stands at the place, and the code that a command on a database, or on a file, tells of it. */
const PLACES: readonly { name: string; make: (place: string) => void; database: RegExp; file: RegExp }[] = [
  { name: 'nothing', make: () => {}, database: /NOT_FOUND/, file: /NOT_FOUND/ },
  { name: 'nothing in nothing', make: () => {}, database: /NOT_FOUND/, file: /NOT_FOUND/ },
  { name: 'empty directory', make: (place) => mkdirSync(place), database: /NOT_FOUND/, file: /INVALID_ARGUMENT/ },
  { name: 'file', make: (place) => writeFileSync(place, 'text'), database: /INVALID_ARGUMENT/, file: /./ },
  { name: 'empty file', make: (place) => writeFileSync(place, ''), database: /INVALID_ARGUMENT/, file: /./ },
  { name: 'link to nothing', make: (place) => symlinkSync('gone', place), database: /NOT_FOUND/, file: /NOT_FOUND/ },
  { name: 'LevelDB', make: makeLevelDb, database: /NOT_FOUND|UNSUPPORTED_FORMAT/, file: /INVALID_ARGUMENT/ },
]

function makeLevelDb(place: string): void {
  mkdirSync(place)
  for (const name of ['LOCK', 'LOG', '000003.log', '000005.ldb']) writeFileSync(path.join(place, name), '')
  writeFileSync(path.join(place, 'MANIFEST-000004'), 'VersionEdit')
  writeFileSync(path.join(place, 'CURRENT'), 'MANIFEST-000004\n')
}

/** What is below it. */
function contentOf(dir: string): string[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' }).sort()
    .filter((name) => !path.basename(name).startsWith('varve.lock'))
    .map((name) => {
      const place = path.join(dir, name)
      return lstatSync(place).isFile() ? `${name} ${readFileSync(place, 'latin1')}` : name
    })
}

describe('a place that holds no database', () => {
  for (const { name, make, database, file } of PLACES) {
    it(name, async () => {
      const home = mkdtempSync(path.join(root, 'home-'))
      const place = path.join(home, ...(name === 'nothing in nothing' ? ['absent', 'db'] : ['db']))
      make(place)
      const before = contentOf(home)
      const lines = [
        ...[['shell', place], ['shell', place, '--read-only'], ['stats', place]]
          .map((args) => ({ args, expected: database })),
        ...FILE_KINDS.map((kind) => ({ args: ['dump', kind, place], expected: file })),
      ]
      for (const { args, expected } of lines) {
        const { code, out, error } = await varveHereWith('get k\n', ...args)
        assert.equal(code, 1, args.join(' '))
        assert.match(error, expected, args.join(' '))
        assert.ok(error.includes(place), `${args.join(' ')}: ${error}`)
        if (args[0] !== 'dump') assert.equal(out, '')
        if (args[0] === 'shell') continue
        const json = await varveHereWith('get k\n', ...args, '--json')
        assert.deepEqual([json.code, json.error], [1, ''])
        assert.doesNotThrow(() => JSON.parse(json.out))
      }
      assert.deepEqual(contentOf(home), before)
    })
  }
})
