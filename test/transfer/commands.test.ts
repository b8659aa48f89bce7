/** `varve export` and `varve import`, as somebody types them. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { spawn } from 'node:child_process'
import { test } from 'node:test'
import { Varve } from '../../src/index.js'
import { newDirectory } from '../support/databases/databases.js'
import { pipeToVarve, runVarve, varveHere, varveHereWith, varveProgram } from '../support/programs/run-program.js'

async function database(): Promise<string> {
  const dir = newDirectory()
  const db = await Varve.open(dir)
  await db.batch([
    { type: 'put', key: 'user:1', value: '{"name":"Ada"}' }, { type: 'put', key: 'user:2', value: '=1+1' },
    { type: 'put', key: Buffer.of(0xff), value: Buffer.of(0xfe) },
  ])
  await db.close()
  return dir
}

async function valuesOf(dir: string): Promise<string[]> {
  const db = await Varve.open(dir, { readOnly: true })
  const values = [...db.entriesSync()].map(([key, value]) => `${Buffer.from(key)}=${Buffer.from(value)}`)
  await db.close()
  return values
}

test('to a file and back, with the counts, and as JSON', async () => {
  const dir = await database()
  const file = `${dir}.varve`
  const { code, out, error } = await varveHere('export', dir, file)
  assert.deepEqual([code, error], [0, ''])
  assert.match(out, /^exported 3 entries, \d+ bytes\n$/)
  const copy = newDirectory()
  const imported = await varveHere('import', copy, file)
  assert.match(imported.out, /^imported 3 entries of \d+ bytes\n$/)
  assert.deepEqual(await valuesOf(copy), await valuesOf(dir))
  const again = await varveHere('import', copy, file, '--json')
  assert.equal(again.code, 1)
  assert.equal((JSON.parse(again.out) as { error: { code: string } }).error.code, 'ALREADY_EXISTS')
  assert.match((await varveHere('import', copy, file)).error, /\n {2}hint .*--existing/)
  assert.match((await varveHere('export', dir, `${dir}.csv`)).error, /\n {2}hint .*--key-encoding/)
  assert.match((await varveHere('put', `${dir}-none`, 'k', 'v')).error, /\n {2}hint .*varve shell --create/)
  const kept = JSON.parse((await varveHere('import', copy, file, '--existing', '--only-missing', '--json')).out) as {}
  assert.deepEqual({ ...kept, ...{ keptCount: 3, entryCount: 0, format: 'varve', ok: true, tool: 'import' } }, kept)
  const dumped = await varveHere('dump', 'export', file, '--brief')
  assert.equal(dumped.code, 0)
  assert.match(dumped.out, /^file header, 128 bytes at 0\nframe: exportRecords.*\nframe: exportEnd/)
})

test('standard output has the stream alone; the count is told on standard error', async () => {
  const dir = await database()
  const lines = await varveHere('export', dir, '--format', 'jsonl', '--prefix', 'user:', '--value', 'json')
  assert.equal(lines.out, '{"k":"user:1","json":{"name":"Ada"}}\n{"k":"user:2","v":"=1+1"}\n{"end":true,"count":2}\n')
  assert.match(lines.error, /^exported 2 entries, \d+ bytes\n$/)
  const range = ['--from', 'user:1', '--to', 'user:3']
  const cells = await varveHere('export', dir, '-', '--format', 'csv', ...range, '--safe-cells')
  assert.equal(cells.out, 'key,value\r\nuser:1,"{""name"":""Ada""}"\r\nuser:2,\'=1+1\r\n')
  const refused = await varveHere('export', dir, '--format', 'csv')
  assert.equal(refused.code, 1)
  assert.match(refused.error, /INVALID_ARGUMENT: the key 0xff is not UTF-8/)
  const copy = newDirectory()
  assert.equal((await varveHereWith(lines.out, 'import', copy, '-')).code, 0)
  assert.equal((await valuesOf(copy)).length, 2)
})

test('options that are missing or unknown are told with those that there are', async () => {
  const db = await Varve.open(newDirectory())
  const hint = /^its options are format, .*range/
  const without = db.export as (path: string) => Promise<unknown>
  await assert.rejects(without.call(db, 'x'), { code: 'INVALID_ARGUMENT', message: 'export needs options', hint })
  const unknown = { format: 'csv', prefix: 'a' } as const
  await assert.rejects(db.export('x', unknown), { message: 'unknown export option "prefix"', hint })
  const args = [db.location, 'set'] as unknown as Parameters<typeof Varve.backup>
  await assert.rejects(Varve.backup(...args), { code: 'INVALID_ARGUMENT', hint: /readOnly: true/ })
  await db.close()
})

test('the name of a file tells its format, and an option tells otherwise', async () => {
  const dir = await database()
  const range = ['--prefix', 'user:']
  for (const [name, begins, ...more] of [
    ['a.csv', 'key,value\r\n'], ['b.jsonl', '{"k":'], ['c.NDJSON', '{"k":'], ['d.out', 'varve'],
    ['e.csv', 'varve', '--format', 'varve'],
  ] as const) {
    const file = `${dir}-${name}`
    assert.equal((await varveHere('export', dir, file, ...range, ...more)).code, 0)
    assert.ok(readFileSync(file, 'latin1').startsWith(begins), name)
  }
})

test('an import whose arguments are swapped says which comes first', async () => {
  const [dir, copy] = [await database(), newDirectory()]
  const swapped = await varveHere('import', dir, `${copy}-none`)
  assert.equal(swapped.code, 1)
  assert.match(swapped.error, /hint {4}the target is named first: varve import TARGET SOURCE\n$/)
})

test('as programs, through a pipe', async () => {
  const dir = await database()
  const { code, out, error } = await runVarve('export', dir, '--format', 'jsonl')
  assert.equal(code, 0, error)
  const copy = newDirectory()
  const imported = await pipeToVarve(out, 'import', copy, '-', '--sorted')
  assert.equal(imported.code, 0, imported.error)
  assert.deepEqual(await valuesOf(copy), await valuesOf(dir))
})

test('E1: what was cut off, and what has bad lines, ends with 3; a wrong line with 2', async () => {
  const copy = newDirectory()
  const cut = await varveHereWith('{"k":"a","v":"b"}\n', 'import', copy, '-')
  assert.equal(cut.code, 3)
  assert.match(cut.error, /CORRUPTION: the stream at offset 18: the stream is cut off here/)
  assert.match(cut.error, /behind N lines of another program put the line {"end":true,"count":N}/)
  const lines = '{"k":"a","v":"b"}\nbad\n{"end":true,"count":2}\n'
  const bad = await varveHereWith(lines, 'import', copy, '-', '--max-errors', '1')
  assert.equal(bad.code, 3)
  assert.match(bad.out, /^imported 1 entries .*\n {2}1 lines were no entries\n {2}! the stream at offset 18: no '{'\n$/)
  for (const args of [
    ['export'], ['export', copy, 'x', '--format', 'xml'], ['export', copy, '--expiry', '--no-expiry'], ['import', copy],
    ['import', copy, 'x', '--only-missing'], ['import', copy, 'x', '--max-errors', '-1'],
  ]) {
    assert.equal((await varveHere(...args)).code, 2, args.join(' '))
  }
  assert.equal((await varveHere('export', copy, '--format', 'varve', `${copy}.out`)).code, 0)
})

test('E1: an export whose reader goes away does not end with 0', { skip: process.platform === 'win32' }, async () => {
  const dir = newDirectory()
  const db = await Varve.open(dir)
  for (let i = 0; i < 40; i++) await db.put(`key ${i}`, Buffer.alloc(100_000, i))
  await db.close()
  const args = [varveProgram, 'export', dir, '--format', 'jsonl']
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  child.stdout.once('data', () => child.stdout.destroy())
  let error = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (error += text))
  const code = await new Promise((resolve) => child.on('close', resolve))
  assert.equal(code, 1)
  assert.match(error, /^varve: IO_ERROR: the reader of standard output went away before the end of the export\n$/)
})

test('an import into a name that is a file, and a file that holds nothing, change nothing', async () => {
  const file = `${newDirectory()}.txt`
  writeFileSync(file, 'mine')
  assert.equal((await varveHereWith('', 'import', file, '-')).code, 1)
  assert.equal(readFileSync(file, 'utf8'), 'mine')
})
