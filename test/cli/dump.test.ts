/**
 * `varve dump` as a user runs it: whole, damaged, growing and wrong files. Each time the directory is
 * compared before and after.
 */
import assert from 'node:assert/strict'
import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parseFileName } from '../../src/base/index.js'
import { runCommandLine } from '../../src/cli/command-line.js'
import { OutputClosed } from '../../src/cli/command.js'
import { Varve } from '../../src/index.js'
import { directoryState, stoppedDirectoryState } from '../support/databases/directory-state.js'
import { writeFixture } from '../support/databases/fixture-databases.js'
import { assertGolden } from '../support/harness/golden.js'
import { runVarve, varveHere, varveProgram } from '../support/programs/run-program.js'
import type { ProgramResult } from '../support/programs/run-program.js'
import { TestTerminal } from '../support/fakes/test-terminal.js'

const root = mkdtempSync(path.join(tmpdir(), 'varve-dump-'))
after(() => rmSync(root, { recursive: true, force: true }))

let dirCount = 0

/** A database that was killed: two tables, logs with every kind of entry. */
async function killedDatabase(): Promise<string> {
  const dir = path.join(root, `db ${++dirCount}`)
  await writeFixture('killed', dir)
  return dir
}

/** Runs `varve dump KIND FILE …` in this process and proves that it changed nothing. */
const dump = (...args: DumpArgs): Promise<ProgramResult> => dumpWith(varveHere, args)
/** Starts the program `varve dump KIND FILE …` and proves that it changed nothing. */
const dumpProgram = (...args: DumpArgs): Promise<ProgramResult> => dumpWith(runVarve, args)

type DumpArgs = [kind: string, file: string, ...more: string[]]

async function dumpWith(run: typeof runVarve, [kind, file, ...more]: DumpArgs): Promise<ProgramResult> {
  const before = directoryState(path.dirname(file))
  const result = await run('dump', kind, file, ...more)
  assert.deepEqual(directoryState(path.dirname(file)), before)
  return result
}

interface DumpJson {
  kind: string
  file: string
  bytes: number
  sections: { title: string; offset: number; bytes: number; data: Record<string, unknown>; fields?: object[] }[]
  problems: { offset: number; message: string }[]
}

const FILES = [['log', '000005.wal'], ['manifest', '000001.manifest'], ['table', '000004.table']] as const

describe('varve dump', () => {
  it('prints every byte of a good file, as text, as data and in brief', async () => {
    const dir = await killedDatabase()
    let golden = ''
    for (const [kind, name] of FILES) {
      const file = path.join(dir, name)
      const text = await dumpProgram(kind, file)
      assert.deepEqual([text.code, text.error], [0, ''])
      const brief = await dump(kind, file, '--brief')
      assert.deepEqual([brief.code, brief.error], [0, ''])
      const titles = text.out.split('\n').filter((line) => /^\S/.test(line))
      assert.deepEqual(brief.out.trimEnd().split('\n'), titles)
      golden += `${name}\n${brief.out}\n`

      const json = await dump(kind, file, '--json')
      assert.deepEqual([json.code, json.error], [0, ''])
      const data = JSON.parse(json.out) as DumpJson
      assert.deepEqual([data.kind, data.file, data.problems], [kind, file, []])
      assert.equal(data.sections.reduce((sum, { bytes }) => sum + bytes, 0), data.bytes)
      assert.equal(data.bytes, readFileSync(file).length)
      assert.ok(data.sections.every(({ fields }) => Array.isArray(fields)))
      const briefJson = JSON.parse((await dump(kind, file, '--json', '--brief')).out) as DumpJson
      assert.deepEqual(briefJson.sections, data.sections.map(({ fields, ...rest }) => rest))
    }
    assertGolden('dump-brief.txt', golden)
  })

  it('prints a damaged file as far as it can, and says what is wrong and where', async () => {
    const dir = await killedDatabase()
    let golden = ''
    for (const [kind, name] of FILES) {
      const file = path.join(dir, name)
      const bytes = readFileSync(file)
      bytes[kind === 'log' ? 268 : 400]! ^= 1
      writeFileSync(file, bytes)
      const { code, out, error } = await dump(kind, file, '--brief')
      assert.equal(code, 1)
      golden += `${out}${error}\n`.replaceAll(`${dir}/`, '')
      const whole = await dumpProgram(kind, file)
      assert.deepEqual([whole.code, whole.error], [1, error])
      const json = await dump(kind, file, '--json')
      assert.deepEqual([json.code, json.error], [1, ''])
      const { problems } = JSON.parse(json.out) as DumpJson
      assert.deepEqual(error, `varve: 1 problem in ${file}\n  ${problems[0]!.message}\n`)
    }
    assertGolden('dump-damaged.txt', golden)
  })

  it('says clearly which file is no such file', async () => {
    const dir = await killedDatabase()
    const table = path.join(dir, '000004.table')
    const asLog = await dump('log', table)
    assert.deepEqual([asLog.code, asLog.out], [1, ''])
    assert.match(asLog.error, /^varve: INVALID_ARGUMENT: .*\.table is a table, not a log\n.*\n {2}hint .* table\n$/)
    const json = await dump('manifest', table, '--json')
    assert.equal(json.code, 1)
    assert.match((JSON.parse(json.out) as { error: { message: string } }).error.message, /is a table, not a manifest$/)

    const missing = await dump('log', path.join(dir, '\u001b[1m.wal'))
    assert.deepEqual([missing.code, missing.out], [1, ''])
    assert.match(missing.error, /^varve: NOT_FOUND: .*\\x1b\[1m\.wal does not exist\n/)
    const directory = await varveHere('dump', 'log', dir)
    assert.match(directory.error, /^varve: INVALID_ARGUMENT: .* is not a file\n/)

    const letter = path.join(dir, 'letter.txt')
    writeFileSync(letter, 'dear reader, '.repeat(50))
    const foreign = await dump('table', letter)
    assert.equal(foreign.code, 1)
    assert.match(foreign.out, /^file header.*\n {2}! .* does not begin with 'varvetab': not such a file, or damaged\n/)
    writeFileSync(letter, '')
    const empty = await dump('log', letter, '--brief')
    assert.equal(empty.code, 1)
    assert.match(empty.error, /file header is cut short/)
  })

  it('shows names and bytes so that a terminal is safe from them', async () => {
    const dir = await killedDatabase()
    const evil = path.join(dir, 'a\u001b]0;x\u0007\n.wal')
    symlinkSync(path.join(dir, '000005.wal'), evil)
    for (const more of [[], ['--json'], ['--brief']]) {
      const { code, out, error } = await dump('log', evil, ...more)
      assert.deepEqual([code, error], [0, ''])
      assert.doesNotMatch(out.replaceAll('\n', ''), /[\u0000-\u001f\u007f-\u009f]/)
    }
    rmSync(path.join(dir, '000005.wal'))
    const { error } = await varveHere('dump', 'log', evil)
    assert.doesNotMatch(error.replaceAll('\n', ''), /[\u0000-\u001f]/)
  })

  it('works beside a process that writes', async () => {
    const dir = path.join(root, 'busy')
    const writer = fork(fileURLToPath(new URL('./busy-writer.js', import.meta.url)), [dir])
    try {
      for (let count: unknown = 0; !(Number(count) > 3000);) [count] = await once(writer, 'message')
      writer.kill('SIGSTOP')
      // Stopped in the middle of whatever it does: only the reader can change anything now.
      await stoppedDirectoryState(dir)
      const names = readdirSync(dir)
      let found = ''
      for (const kind of ['log', 'manifest', 'table'] as const) {
        for (const name of names.filter((each) => parseFileName(each)?.kind === kind).slice(-5)) {
          const { code, out, error } = await dump(kind, path.join(dir, name), '--brief')
          assert.deepEqual([code, error], [0, ''], name)
          found += out
        }
      }
      for (const part of ['frame: batch', 'frame: editGroup', 'block 0', 'footer']) {
        assert.ok(found.includes(`\n${part}`), part)
      }
      writer.kill('SIGCONT')
      await once(writer, 'message')
      const manifest = path.join(dir, names.find((name) => name.endsWith('.manifest'))!)
      assert.match((await varveHere('dump', 'manifest', manifest, '--brief')).out, /frame: editGroup/)
    } finally {
      writer.kill('SIGKILL')
      await once(writer, 'exit')
    }
  })

  it('ends quietly when its reader has enough', async () => {
    const dir = path.join(root, 'long')
    const db = await Varve.open(dir, { workers: 0, flushOnClose: false })
    for (let i = 0; i < 5000; i++) db.putSync(`key ${i}`, 'v'.repeat(100))
    await db.close()
    const files = readdirSync(dir).map((name) => path.join(dir, name))
    const log = files.find((name) => statSync(name).size > 500_000)!
    const child = spawn(process.execPath, [varveProgram, 'dump', 'log', log], { stdio: ['ignore', 'pipe', 'pipe'] })
    let error = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => (error += text))
    child.stdout.destroy()
    const [code] = await once(child, 'exit')
    assert.deepEqual([code, error], [0, ''])

    for (const more of [[], ['--json'], ['--brief']]) {
      const terminal = new ClosedTerminal()
      assert.equal(await runCommandLine(['dump', 'log', log, ...more], terminal), 0)
      assert.deepEqual([terminal.outCount, terminal.errorText], [1, ''])
    }
  })
})

/** Its reader goes after the first part. */
class ClosedTerminal extends TestTerminal {
  outCount = 0

  override out(): void {
    this.outCount++
  }

  override printed(): Promise<void> {
    return Promise.reject(new OutputClosed())
  }
}
