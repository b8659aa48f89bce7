/** The commands that write, as users run them: what they do, what they refuse, how they end. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { PassThrough } from 'node:stream'
import { after, describe, it } from 'node:test'
import { parseFileName } from '../../src/base/index.js'
import { runCommandLine } from '../../src/cli/command-line.js'
import { Varve } from '../../src/index.js'
import { CLI_OPTIONS, HOSTILE, HOSTILE_KEY, LONG_KEY, makeCliDatabase } from '../support/databases/cli-database.js'
import { directoryState } from '../support/databases/directory-state.js'
import { TestTerminal, TypingTerminal } from '../support/fakes/test-terminal.js'
import { packageDir } from '../support/harness/golden.js'
import { pipeToVarve, runVarve, varveHere, varveHereWith, varveProgram } from '../support/programs/run-program.js'

const root = mkdtempSync(path.join(tmpdir(), 'varve-write-'))
after(() => rmSync(root, { recursive: true, force: true }))

let dirCount = 0
const newDir = () => path.join(root, `db ${++dirCount}`)
const hostileHex = `0x${Buffer.from(HOSTILE_KEY).toString('hex')}`

async function emptyDir(): Promise<string> {
  const dir = newDir()
  await (await Varve.open(dir, CLI_OPTIONS)).close()
  return dir
}

async function entriesOf(dir: string): Promise<string[][]> {
  const db = await Varve.open(dir, { readOnly: true })
  const entries = [...db.entriesSync()].map((entry) => entry.map((bytes) => Buffer.from(bytes).toString('latin1')))
  await db.close()
  return entries
}

/** Runs a command that works. */
async function done(...args: string[]): Promise<string> {
  const { code, out, error } = await varveHere(...args)
  assert.equal(code, 0, `${args.join(' ')}: ${error}`)
  return out
}

describe('put, del and batch', () => {
  it('store and delete what they are given, byte for byte', async () => {
    const dir = await emptyDir()
    const long = Buffer.from(LONG_KEY).toString()
    assert.equal(await done('put', dir, 'a', 'text'), '')
    await done('put', dir, hostileHex, '0x00ff')
    await done('put', dir, 'AGE=', '/wA=', '--base64')
    await done('put', dir, '--utf8', '0x61', '0x')
    await done('put', dir, long, '')
    await done('put', dir, '--', '--key', '-v')
    const bytes = (from: Uint8Array) => Buffer.from(from).toString('latin1')
    const expected = [
      [bytes(HOSTILE_KEY), '\0\xff'], ['\0a', '\xff\0'], ['0x61', '0x'], ['--key', '-v'], ['a', 'text'], [long, ''],
    ]
    const sorted = (entries: string[][]) => entries.sort(([a], [b]) => (a! < b! ? -1 : 1))
    assert.deepEqual(await entriesOf(dir), sorted(expected))
    assert.deepEqual(JSON.parse(await done('del', dir, hostileHex, '0x0061', 'absent', '--json')), { count: 3 })
    await done('del', dir, '--utf8', '--', '0x61', '--key')
    assert.deepEqual(await entriesOf(dir), sorted([['a', 'text'], [long, '']]))
    await done('put', dir, 'short', 'lived', '--ttl', '1ms')
    await done('put', dir, 'longer', 'lived', '--ttl', '2h')
    const { exp } = JSON.parse(await done('get', dir, 'longer', '--json')) as { exp: number }
    assert.ok(exp > Date.now() + 7_000_000 && exp < Date.now() + 7_300_000)
  })

  it('put takes a value of any length from standard input', async () => {
    const dir = await emptyDir()
    const value = Buffer.alloc(1_500_000, 'bytes \0\xff\n')
    assert.deepEqual(await pipeToVarve(value, 'put', dir, 'file'), { code: 0, out: '', error: '' })
    await varveHereWith('', 'put', dir, 'empty')
    const db = await Varve.open(dir, { readOnly: true })
    assert.ok(value.equals(db.getSync('file')!))
    assert.equal(db.getSync('empty')?.length, 0)
    await db.close()
  })

  it('batch writes all operations or none, and takes what scan gives', async () => {
    const [dir, source] = [await emptyDir(), newDir()]
    await makeCliDatabase(source)
    const scanned = await done('scan', source, '--json')
    const first = await varveHereWith(scanned, 'batch', dir)
    assert.deepEqual(first, { code: 0, out: '35 operations\n', error: '' })
    assert.deepEqual(await entriesOf(dir), await entriesOf(source))
    assert.equal(await done('scan', dir, '--json'), scanned, 'expiry too')
    const lines = [
      '{"k":"new","v":"1"}', '', '{"op":"del","k":"big"}', '{"op":"delRange","from":"user:","to":"user:3"}',
      '{"op":"put","k64":"/w==","v64":"AA=="}',
    ]
    const second = await varveHereWith(lines.join('\r\n'), 'batch', dir, '--json')
    assert.deepEqual(JSON.parse(second.out), { isDry: false, operationCount: 4 })
    const keys = (await entriesOf(dir)).map(([key]) => key!)
    assert.ok(keys.includes('new') && keys.includes('\xff') && !keys.includes('big') && !keys.includes('user:0:10'))
    const before = directoryState(dir)
    const wrong = [
      '{"k":"a"}', '{"v":"a"}', '[1]', 'null', '"text"', '{', '{"op":"get","k":"a"}', '{"k":"a","v":"b","x":1}',
      '{"k":1,"v":"b"}', '{"k":"\\ud800","v":"b"}', '{"k":"a","k64":"YQ==","v":"b"}', '{"k64":"?","v":"b"}',
      '{"k":"a","v":"b","exp":"soon"}', Buffer.from([0x7b, 0xff, 0x7d]),
    ]
    for (const line of wrong) {
      const input = Buffer.concat([Buffer.from('{"k":"good","v":"1"}\n'), Buffer.from(line)])
      const { code, out, error } = await varveHereWith(input, 'batch', dir)
      assert.deepEqual([code, out], [1, ''], String(line))
      assert.match(error, /^varve: INVALID_ARGUMENT: line 2 /, String(line))
      assert.doesNotMatch(error, HOSTILE)
    }
    assert.match((await varveHereWith('{"k":"a","v":"1"}', 'batch', dir, '--dry-run')).out, /^1 operation, not written/)
    assert.deepEqual(directoryState(dir), before, 'nothing was opened for writing')
  })

  it('make no database where there is none, and tell wrong command lines', async () => {
    const absent = path.join(root, 'absent')
    for (const args of [['put', absent, 'k', 'v'], ['del', absent, 'k'], ['compact', absent], ['flush', absent]]) {
      const { code, error } = await varveHere(...args)
      assert.equal(code, 1, args[0])
      assert.match(error, /^varve: NOT_FOUND: /, args[0])
    }
    assert.match((await varveHereWith('{"k":"a","v":"b"}', 'batch', absent)).error, /^varve: NOT_FOUND: /)
    assert.ok(!existsSync(absent))
    const wrong = [
      ['put'], ['put', 'a'], ['put', 'a', 'k', 'v', 'x'], ['put', 'a', 'k', 'v', '--ttl', '1y'], ['put', '', 'k', 'v'],
      ['put', 'a', 'k', 'v', '--hex', '--base64'], ['put', 'a', '0xabc', 'v'], ['del', 'a'], ['del'], ['batch'],
      ['put', 'a', '???', 'v', '--base64'], ['compact', 'a', 'b'], ['compact', 'a', '--from'], ['flush', 'a', '--now'],
      ['destroy', 'a'], ['destroy'], ['destroy', 'a', '--json'], ['scan', 'a', '--limit', '-1'], ['scan'],
      ['scan', 'a', '--limit', '1', '--limit', '2'], ['count', 'a', '--at', '1.5'], ['find', 'a'], ['files'],
      ['sizes', 'a', '--depth', '0'], ['history', 'a', '--at', 'last'], ['blob', 'ls'], ['blob'], ['blob', 'list'],
    ]
    for (const args of wrong) {
      const { code, out, error } = await varveHere(...args)
      assert.deepEqual([code, out], [2, ''], args.join(' '))
      assert.match(error, /^varve: .+\nTry 'varve help \w+'\.\n$/, args.join(' '))
    }
    assert.ok(!existsSync(path.join(packageDir, 'a')))
  })

  it('take paths as they are, those of Windows too', async () => {
    const name = 'C:\\data\\my db'
    const dir = path.join(root, name)
    mkdirSync(dir)
    await (await Varve.open(dir, CLI_OPTIONS)).close()
    await done('put', dir, 'C:\\key', '\\value')
    assert.equal(await done('get', dir, 'C:\\key'), '\\value')
    assert.equal(await done('get', path.join(root, '.', name), 'C:\\key'), '\\value')
    assert.match((await varveHere('stats', 'Z:\\no\\such')).error, /NOT_FOUND: .*Z:\\\\no\\\\such does not exist/)
  })
})

describe('compact and flush', () => {
  it('tell what there is to do, and do it', async () => {
    const dir = newDir()
    await makeCliDatabase(dir)
    const before = directoryState(dir)
    const plan = 'flushes 2 entries from 336 B of logs\n'
    assert.equal(await done('flush', dir, '--dry-run'), plan)
    assert.match(await done('compact', dir, '--dry-run', '--to', 'c'), /\nmerges at most 3 tables of /)
    assert.deepEqual(directoryState(dir), before)
    const all = await entriesOf(dir)
    const flushed = await varveHere('flush', dir)
    assert.equal(flushed.error, plan)
    assert.match(flushed.out, /^flushed 2 entries in [\d.]+ [mµ]?s\n$/)
    assert.equal(await done('flush', dir, '--dry-run'), 'nothing to flush\n')
    const { code, out, error } = await runVarve('compact', dir)
    assert.equal(code, 0)
    assert.match(error, /^nothing to flush\nmerges at most \d tables? of [\d.]+ KiB in levels? \d(, \d)*\n$/)
    assert.match(out, /^\d+ steps? in [\d.]+ [mµ]?s, read [\d.]+ \w+, wrote [\d.]+ \w+\n$/)
    const json = JSON.parse(await done('compact', dir, '--json')) as { plan: object; stepCount: number }
    assert.deepEqual(Object.keys(json), [
      'isDry', 'plan', 'readBytes', 'writtenBytes', 'movedBytes', 'stepCount', 'durationMs',
    ])
    const { places } = JSON.parse(await done('find', dir, 'user:3:13', '--json')) as { places: object[] }
    assert.equal(places.length, 1)
    assert.deepEqual(await entriesOf(dir), all)
  })
})

describe('destroy', () => {
  it('removes what is of Varve, and nothing else', async () => {
    const dir = newDir()
    await makeCliDatabase(dir)
    writeFileSync(path.join(dir, 'notes.txt'), 'mine')
    const before = directoryState(dir)
    for (const args of [[], ['--dry-run'], ['--yes'], ['--yes', '--json']]) {
      const { code, error, out } = await varveHere('destroy', dir, ...args)
      assert.equal(code, args.length === 0 ? 2 : args[0] === '--dry-run' ? 0 : 1, args.join())
      if (args[0] === '--yes') assert.match(error + out, /not of Varve: notes\.txt/)
    }
    assert.deepEqual(directoryState(dir), before)
    const { isDestroyed, foreign } = JSON.parse(await done('destroy', dir, '--yes', '--keep-foreign', '--json')) as {
      isDestroyed: boolean; foreign: string[]
    }
    assert.deepEqual([isDestroyed, foreign], [true, ['notes.txt']])
    assert.deepEqual(readdirSync(dir), ['notes.txt'])
    assert.match((await varveHere('destroy', dir, '--yes', '--keep-foreign')).error, /^varve: NOT_FOUND: /)
  })

  it('asks at a terminal', async () => {
    const dir = newDir()
    await makeCliDatabase(dir)
    for (const [answer, expected] of [['no', 1], ['y', 1], ['yes', 0]] as const) {
      const terminal = new TypingTerminal()
      const running = runCommandLine(['destroy', dir], terminal)
      await terminal.sees('Type "yes": ')
      terminal.type(`${answer}\r`)
      assert.equal(await running, expected, answer)
      assert.equal(existsSync(dir), expected === 1)
      assert.match(terminal.outText, /: \d+ files of [\d.]+ KiB\n/)
    }
  })
})

describe('signals and pipes', () => {
  it('Ctrl-C ends a put that waits for its input, and leaves nothing', async () => {
    const dir = await emptyDir()
    const child = spawn(process.execPath, [varveProgram, 'put', dir, 'key'], { stdio: 'pipe' })
    let error = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => (error += text))
    child.stdin.on('error', () => {}).write(Buffer.alloc(6_000_000, 'x'))
    while (!readdirSync(dir).some((name) => name.includes('.vlog.tmp.'))) await new Promise((go) => setTimeout(go, 10))
    child.kill('SIGINT')
    const [code, signal] = (await once(child, 'exit')) as [number | null, string | null]
    assert.deepEqual([code, signal], [1, null])
    assert.match(error, /^varve: ABORTED: interrupted\n/)
    assert.deepEqual(readdirSync(dir).filter((name) => parseFileName(name)?.kind === 'temp'), [])
    assert.deepEqual(await entriesOf(dir), [])
  })

  it('Ctrl-C ends a batch that waits, and a compaction with what it was told', async () => {
    const dir = await emptyDir()
    const input = new PassThrough()
    const waiting = new TestTerminal(input)
    const reading = runCommandLine(['batch', dir], waiting)
    input.write('{"k":"a","v":"1"}\n')
    await waiting.printed()
    waiting.pressInterrupt!()
    assert.equal(await reading, 1)
    assert.match(waiting.errorText, /^varve: ABORTED: interrupted\n/)
    assert.deepEqual(await entriesOf(dir), [])
    const listening = new TestTerminal('')
    await makeCliDatabase(path.join(root, 'interrupted'))
    const running = runCommandLine(['compact', path.join(root, 'interrupted'), '--json'], listening)
    listening.pressInterrupt!()
    assert.equal(await running, 1)
    assert.equal((JSON.parse(listening.outText) as { error: { code: string } }).error.code, 'ABORTED')
    assert.equal(listening.pressInterrupt, null, 'nobody listens any more')
  })

  it('Ctrl-C ends a scan at once', async () => {
    const dir = await emptyDir()
    const db = await Varve.open(dir, CLI_OPTIONS)
    for (let i = 0; i < 3000; i++) db.putSync(`key ${i}`, 'v'.repeat(100))
    await db.close()
    const before = directoryState(dir)
    const child = spawn(process.execPath, [varveProgram, 'scan', dir], { stdio: 'pipe' })
    await once(child.stdout, 'readable') // and nobody reads on: the pipe is full
    child.kill('SIGINT')
    const [code, signal] = (await once(child, 'exit')) as [number | null, string | null]
    assert.deepEqual([code, signal], [null, 'SIGINT'])
    assert.deepEqual(directoryState(dir), before)
    for (const args of [['scan', dir], ['scan', dir, '--json'], ['history', dir], ['files', dir]]) {
      const reader = spawn(process.execPath, [varveProgram, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
      let error = ''
      reader.stderr.setEncoding('utf8').on('data', (text: string) => (error += text))
      reader.stdout.destroy()
      assert.deepEqual(await once(reader, 'close'), [0, null], args.join(' '))
      assert.equal(error, '', args.join(' '))
    }
  })

  it('a terminal gets what is safe, a bar on its standard error alone, and no colours', async () => {
    const dir = newDir()
    await makeCliDatabase(dir)
    cpSync(dir, `${dir} copy`, { recursive: true })
    const shown = new TestTerminal('')
    shown.isShown = true
    assert.equal(await runCommandLine(['get', dir, hostileHex], shown), 0)
    assert.doesNotMatch(shown.outText, HOSTILE)
    assert.ok(shown.outText.endsWith('\\x01\\x02\n'))
    let bar = ''
    const watched = new TestTerminal('')
    watched.errorScreen = { columns: 40, write: (text: string) => (bar += text) }
    assert.equal(await runCommandLine(['sizes', dir, '--exact'], watched), 0)
    assert.equal(await runCommandLine(['count', dir], watched), 0)
    assert.match(bar, /^\r\u001b\[2Kcounting[^]*\r\u001b\[2K$/)
    assert.doesNotMatch(watched.outText + watched.errorText, /\u001b/)
    for (const line of bar.split('\r')) assert.ok(line.length <= 44)
    assert.doesNotMatch(bar, /\u001b\[[\d;]*m/, 'NO_COLOR holds: there is none')
  })
})
