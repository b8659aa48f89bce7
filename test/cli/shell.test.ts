/** `varve shell` with lines from a pipe: what it prints, how it ends, what it leaves. */
import assert from 'node:assert/strict'
import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { runCommandLine } from '../../src/cli/command-line.js'
import { Varve } from '../../src/index.js'
import { directoryState, stoppedDirectoryState } from '../support/databases/directory-state.js'
import { writeFixture } from '../support/databases/fixture-databases.js'
import { assertGolden } from '../support/harness/golden.js'
import { pipeToVarve, varveHereWith, varveProgram } from '../support/programs/run-program.js'
import { TestTerminal } from '../support/fakes/test-terminal.js'

const root = mkdtempSync(path.join(tmpdir(), 'varve-shell-'))
after(() => rmSync(root, { recursive: true, force: true }))

let dirCount = 0
const newDir = () => path.join(root, `db ${++dirCount}`)

/** The lines in one process; in it, output and errors stand in the order of the commands. */
async function runLines(dir: string, lines: string[], option = '--create'): Promise<{ code: number; text: string }> {
  let text = ''
  const terminal = new TestTerminal(lines.join('\n'))
  terminal.out = terminal.error = (part) => void (text += part)
  const code = await runCommandLine(['shell', dir, option], terminal)
  return { code, text }
}

/** Without what differs from run to run: times, sizes, when a log is made or deleted, when a table is moved. */
function steady(text: string, dir: string): string {
  return text
    .replaceAll(dir, 'DIR')
    .replace(/in [\d.]+ [mµ]?s\b(, [\d,]+ entries\/s)?/g, 'in TIME')
    .replace(/(manifest \S+) [\d,]+ bytes, groups \d+/g, '$1 N bytes')
    .replace(/next file number \d+/g, 'next file number N')
    .replace(/level \d/g, 'level N')
    .replace(/lineage \d+/g, 'lineage N')
    .replace(/flush statistics.*/g, 'flush statistics')
    .replace(/^ {2}\d+\.wal .*\n/gm, '')
}

async function contentOf(dir: string): Promise<string[][]> {
  const db = await Varve.open(dir, { createIfMissing: false })
  const latin1 = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1')
  const entries = [...db.entriesSync()].map((entry) => entry.map(latin1))
  await db.close()
  return entries
}

describe('varve shell', () => {
  it('does what the lines say, in their order', async () => {
    const dir = newDir()
    let transcript = ''
    for (const line of [
      'fill 8 12', 'scan 10 9', 'put "a key" a\\ value', 'get "a key"',
      'put \\xff\\x00 "\\x1b[31m"', 'put k ""', 'get k', 'scan a \\xff\\xff', 'del k', 'del k', 'get k', 'scan',
      'scan z zz', 'flush', '# a comment', '', 'fill 11 13', 'get 13', 'nonsense', 'gte 13', 'comp', 'put a', 'get',
      'fill 2 1', 'fill -1 x', 'fill 1 1000000000000000', 'put "a b', 'get \\q', 'get \\', 'dump log', 'dump vlog x',
      'dump log nothing.wal', 'help',
      'help scan', 'help nonsense', 'help a b', 'quit now',
    ]) {
      // Each alone: the state is on disk in between.
      const { code, text } = await runLines(dir, [line])
      transcript += `> ${line}\n${steady(text, dir)}${code === 0 ? '' : `(exit code ${code})\n`}`
    }
    assertGolden('shell.txt', transcript)
  })

  it('goes through the example of the mini-lsm course', async () => {
    const dir = newDir()
    const lines = [
      'fill 1000 3000', 'get 2333', 'flush', 'fill 1000 3000', 'get 2333', 'flush', 'get 2333', 'scan 2000 2333',
    ]
    const { code, text } = await runLines(dir, lines)
    assert.equal(code, 0)
    assertGolden('shell-course.txt', steady(text, dir))
  })

  it('makes no database where none was asked for', async () => {
    const dir = newDir()
    for (const lines of [[], ['put k v'], ['fill 1 2', 'flush']]) {
      const { code, out, error } = await varveHereWith(lines.join('\n'), 'shell', dir)
      assert.deepEqual([code, out], [1, ''])
      assert.match(error, /^varve: NOT_FOUND: .*\n {2}hint {4}to make a database there: varve shell --create .*\n$/)
      assert.ok(!existsSync(dir))
    }
    mkdirSync(dir)
    assert.equal((await varveHereWith('put k v', 'shell', dir)).code, 1)
    assert.deepEqual(readdirSync(dir), [])
    assert.equal((await varveHereWith('put k v', 'shell', dir, '--create')).code, 0)
    assert.deepEqual(await varveHereWith('get k', 'shell', dir), { code: 0, out: 'k=v\n', error: '' })
    assert.deepEqual(await varveHereWith('get k', 'shell', '--create', dir), { code: 0, out: 'k=v\n', error: '' })
  })

  it('prints the same from a pipe, errors apart, and gives the exit code of the first failure', async () => {
    const [one, other] = [newDir(), newDir()]
    const lines = ['fill 1 5', 'get nothing', 'nonsense', 'put k v', 'scan', 'flush', 'dump', 'exit', 'put never x']
    const { code, out, error } = await pipeToVarve(lines.join('\n'), 'shell', one, '--create')
    assert.equal(code, 1)
    assert.match(error, /^made a new database in .*\nthere is no key nothing\nvarve: unknown command 'nonsense' \(/)
    const here = await varveHereWith(lines.join('\r\n'), 'shell', '--create', other)
    assert.equal(here.code, 1)
    assert.equal(steady(out, one), steady(here.out, other))
    assert.equal((await contentOf(one)).length, 6)
    assert.equal((await varveHereWith('nonsense\nget nothing', 'shell', one)).code, 2)
    assert.deepEqual(await varveHereWith('get k', 'shell', one), { code: 0, out: 'k=v\n', error: '' })
    assert.deepEqual(await pipeToVarve('', 'shell', one), { code: 0, out: '', error: '' })
  })

  it('dumps the database, files of it, and others', async () => {
    const dir = newDir()
    const other = newDir()
    await writeFixture('closed', other)
    const { code, text } = await runLines(dir, [
      'fill 1 3', 'put \\x1b x', 'flush', 'put k v', 'dump', 'dump table 000004.table',
      `dump manifest "${path.join(other, '000001.manifest')}"`,
    ])
    assert.equal(code, 0)
    const [database, table, manifest] = text.split('flushed in')[1]!.split(/^(?=file header)/m)
    assertGolden('shell-dump.txt', steady(`flushed in${database!}`, dir))
    assert.match(database!, /^ {2}000003\.wal {2}256 bytes, a reopen replays it$/m)
    assert.match(table!, /^block 0, .*: 4 entries, prefix ""$/m)
    assert.match(table!, /^footer, /m)
    assert.match(manifest!, /^frame: editGroup, /m)
    const wrong = await runLines(dir, ['dump log 000004.table'])
    assert.deepEqual([wrong.code, /INVALID_ARGUMENT: .* is a table, not a log\n/.test(wrong.text)], [1, true])
  })

  it('compacts a range, or everything', async () => {
    const dir = newDir()
    const lines = ['fill 1 500', 'flush', 'fill 1 500', 'compact 1 2', 'full_compaction', 'dump']
    const { code, text } = await runLines(dir, lines)
    assert.equal(code, 0, text)
    assert.match(text, /^1 step in .*, read [\d.]+ MiB, wrote [\d.]+ MiB\n0 steps in /m)
    assert.match(text, /─ level [1-9]\n.*─ table \d+: "1" to "99", .* 500 entries/)
    assert.equal((await contentOf(dir)).length, 500)
  })

  it('keeps bytes as they are, whatever they are', async () => {
    const dir = newDir()
    const separators = 'a\u2028b\u2029c\u0085d'
    const line = Buffer.concat([
      Buffer.from('put '), Buffer.of(0xff, 0xfe, 0xc3), Buffer.from(' "'), Buffer.of(0x80, 0x01), Buffer.from('"\n'),
      Buffer.from(`put käse ${separators}\nget käse\nscan`),
    ])
    const { code, out } = await pipeToVarve(line, 'shell', '--create', dir)
    assert.equal(code, 0)
    const shown = 'a\\xe2\\x80\\xa8b\\xe2\\x80\\xa9c\\xc2\\x85d'
    assert.equal(out, `käse=${shown}\nkäse ${shown}\n\\xff\\xfe\\xc3 \\x80\\x01\n2 entries\n`)
    const latin1 = (text: string) => Buffer.from(text).toString('latin1')
    assert.deepEqual(await contentOf(dir), [[latin1('käse'), latin1(separators)], ['\xff\xfe\xc3', '\x80\x01']])
    // What a scan prints is what put takes.
    const copy = newDir()
    const entries = out.split('\n').slice(1, 3)
    assert.equal((await runLines(copy, entries.map((entry) => `put ${entry}`))).code, 0)
    assert.deepEqual(await contentOf(copy), await contentOf(dir))
  })

  it('fills with the numbers as they are said', async () => {
    const dir = newDir()
    const most = '999999999999999'
    const { text } = await runLines(dir, ['fill 0 0', 'fill 999 2001', 'fill 007 7', `fill ${most} ${most}`])
    assert.match(text, /^1 entry in .*\n1,003 entries in .*, [\d,]+ entries\/s\n1 entry in /m)
    const expected = [0, ...Array.from({ length: 1003 }, (_, i) => 999 + i), 7, 999_999_999_999_999]
      .map((n) => [String(n), `value${n}@${n === 0 ? 1 : n === 7 ? 3 : n > 9999 ? 4 : 2}`])
    assert.deepEqual(await contentOf(dir), expected.sort(([a], [b]) => (a! < b! ? -1 : 1)))
  })

  it('ends at quit, also while its input stays open', async () => {
    const args = [varveProgram, 'shell', newDir(), '--create']
    const child = spawn(process.execPath, args, { stdio: ['pipe', 'ignore', 'ignore'] })
    child.stdin.write('fill 1 3\nquit\n')
    assert.deepEqual(await once(child, 'exit'), [0, null])
  })

  it('closes the database and ends quietly when its reader has enough', async () => {
    const dir = newDir()
    assert.equal((await runLines(dir, ['fill 1 20000'])).code, 0)
    const child = spawn(process.execPath, [varveProgram, 'shell', dir], { stdio: 'pipe' })
    let error = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => (error += text))
    child.stdout.destroy()
    child.stdin.write('put before x\nscan\nput after x\n')
    assert.deepEqual([await once(child, 'exit'), error], [[0, null], ''])
    const { text } = await runLines(dir, ['get before', 'get after', 'stats'])
    assert.match(text, /^before=x\nthere is no key after\n/)
    assert.match(text, /replayed 0 entries/)
  })

  it('only reads with --read-only, beside a writer too', async () => {
    const dir = newDir()
    const writer = fork(fileURLToPath(new URL('./busy-writer.js', import.meta.url)), [dir])
    try {
      for (let count: unknown = 0; !(Number(count) > 1000);) [count] = await once(writer, 'message')
      writer.kill('SIGSTOP')
      const before = await stoppedDirectoryState(dir)
      const lines = ['get "key 00000007"', 'put a b', 'del a', 'fill 1 2', 'flush', 'stats', 'dump', 'scan a b']
      const { code, text } = await runLines(dir, lines, '--read-only')
      assert.equal(code, 1)
      assert.match(text, /^"key 00000007"=x{100}\n(varve: READ_ONLY: .*\n){4}varve .*\nstate +OPEN, read-only/)
      assert.match(text, /^manifest 000001\.manifest: /m)
      assert.match(text, /\n0 entries\n$/)
      assert.deepEqual(directoryState(dir), before)
      const locked = await runLines(dir, ['put a b'])
      assert.deepEqual([locked.code, locked.text.startsWith('varve: LOCKED: ')], [1, true])
    } finally {
      writer.kill('SIGKILL')
      await once(writer, 'exit')
    }
    const missing = newDir()
    assert.match((await runLines(missing, ['stats'], '--read-only')).text, /^varve: NOT_FOUND: /)
    assert.ok(!existsSync(missing))
  })
})
