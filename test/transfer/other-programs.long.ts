/** E5: tables of cells as Python's csv and SQLite's .import read and write them, each where it is there. */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { Varve } from '../../src/index.js'
import { newDirectory } from '../support/databases/databases.js'
import { heldBy, hostileEntries, putAll } from '../support/databases/transfers.js'
import type { Held } from '../support/databases/transfers.js'

const has = (program: string): boolean => spawnSync(program, ['--version']).status === 0

/** Text that these programs can hold: UTF-8 without NUL. */
function textEntries(): Held[] {
  return hostileEntries().filter(({ key, value }) => [key, value].every((bytes) => {
    return Buffer.from(bytes.toString()).equals(bytes) && !bytes.includes(0)
  }))
}

const hexOf = (entries: readonly Held[]): string[][] =>
  entries.map(({ key, value }) => [key.toString('hex'), value.toString('hex')])

const READ = `
import csv, sys, json
csv.field_size_limit(1 << 30)
rows = list(csv.reader(open(sys.argv[1], newline='', encoding='utf-8'), strict=True))
print(json.dumps([[cell.encode('utf-8').hex() for cell in row] for row in rows[1:]]))`
const WRITE = `
import csv, sys, json
rows = json.load(open(sys.argv[1]))
out = csv.writer(open(sys.argv[2], 'w', newline='', encoding='utf-8'))
out.writerow(['key', 'value'])
for row in rows: out.writerow([bytes.fromhex(cell).decode('utf-8') for cell in row])`

test('Python reads what is exported, and what it writes is imported', { skip: !has('python3') }, async () => {
  const dir = newDirectory()
  const db = await Varve.open(dir)
  const entries = textEntries()
  await putAll(db, entries)
  const run = (code: string, ...args: string[]): string =>
    execFileSync('python3', ['-c', code, ...args], { encoding: 'utf8', maxBuffer: 1 << 28 })
  await db.export(`${dir}.csv`, { format: 'csv' })
  assert.deepEqual(JSON.parse(run(READ, `${dir}.csv`)), hexOf(entries))
  writeFileSync(`${dir}.json`, JSON.stringify(hexOf(entries)))
  run(WRITE, `${dir}.json`, `${dir}.python.csv`)
  await Varve.import(`${dir}.copy`, `${dir}.python.csv`)
  const copy = await Varve.open(`${dir}.copy`)
  assert.deepEqual(heldBy(copy), entries)
  await copy.close()

  // Lines of JSON are JSON for it too, and say the same.
  await db.export(`${dir}.jsonl`, { format: 'jsonl' })
  const lines = readFileSync(`${dir}.jsonl`, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line) as object)
  assert.deepEqual(lines.at(-1), { end: true, count: entries.length })
  assert.deepEqual(lines.slice(0, -1), entries.map(({ key, value }) => ({ k: `${key}`, v: `${value}` })))
  await db.close()
})

test('SQLite imports what is exported', { skip: !has('sqlite3') }, async () => {
  const dir = newDirectory()
  const db = await Varve.open(dir)
  const entries = textEntries()
  await putAll(db, entries)
  await db.export(`${dir}.csv`, { format: 'csv' })
  await db.close()
  const script = `.mode csv\n.import ${dir}.csv t\nselect hex(key) || ',' || hex(value) from t order by rowid;\n`
  const out = execFileSync('sqlite3', [':memory:'], { input: script, encoding: 'utf8', maxBuffer: 1 << 28 })
  const rows = out.trim().split(/\r?\n/).map((row) => row.replaceAll('"', '').toLowerCase().split(','))
  assert.deepEqual(rows, hexOf(entries))
})
