/** `varve shell` where somebody sits and types: prompt, Ctrl-C, Ctrl-D, completion, history. */
import assert from 'node:assert/strict'
import {
  mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, beforeEach, describe, it } from 'node:test'
import { runCommandLine } from '../../src/cli/command-line.js'
import { TypingTerminal } from '../support/fakes/test-terminal.js'

const root = mkdtempSync(path.join(tmpdir(), 'varve-keys-'))
after(() => rmSync(root, { recursive: true, force: true }))

const [CTRL_C, CTRL_D, UP] = ['\u0003', '\u0004', '\u001b[A']

let count = 0
let dir = ''
let stateDir = ''

beforeEach(() => {
  count++
  dir = path.join(root, `db${count}`)
  stateDir = path.join(root, `state${count}`)
  process.env['XDG_STATE_HOME'] = stateDir
})

function start(): { terminal: TypingTerminal; ended: Promise<number> } {
  const terminal = new TypingTerminal()
  return { terminal, ended: runCommandLine(['shell', dir, '--create'], terminal) }
}

/** Types the lines, each when the one before is done, and Ctrl-D. */
async function typeLines(...lines: string[]): Promise<TypingTerminal> {
  const { terminal, ended } = start()
  for (const line of lines) {
    await terminal.sees('varve> ')
    terminal.type(`${line}\r`)
  }
  await terminal.sees('varve> ')
  terminal.type(CTRL_D)
  assert.deepEqual([await ended, terminal.errorText.includes('INTERNAL')], [0, false], terminal.errorText)
  return terminal
}

describe('a shell that somebody types in', () => {
  it('greets, prompts, goes on after an error, and closes at Ctrl-D with 0', async () => {
    const terminal = await typeLines('put k v', 'nonsense', 'get k')
    assert.match(terminal.outText, /^\S+: sequence 0, 0 tables\n"help" lists the commands, Ctrl-D closes\.\nk=v\n\n$/)
    assert.match(terminal.errorText, /^made a new database in .*\nvarve: unknown command 'nonsense' \(try "help"\)\n$/)
    const again = await typeLines('get k')
    assert.match(again.outText, /: sequence 1, 1 tables\n/)
    assert.equal(again.errorText, '')
  })

  it('clears the line at Ctrl-C', async () => {
    const { terminal, ended } = start()
    await terminal.sees('varve> ')
    terminal.type(`put k wrong${CTRL_C}`)
    await terminal.sees('varve> ')
    terminal.type('put k right\r')
    await terminal.sees('varve> ')
    terminal.type('get k\r')
    await terminal.sees('\nk=right\n')
    terminal.type('quit\r')
    assert.equal(await ended, 0)
    assert.equal(terminal.errorText.split('\n').length, 2)
  })

  it('ends a scan, a fill and a dump at Ctrl-C, and takes the next command', async () => {
    const { terminal, ended } = start()
    await terminal.sees('varve> ')
    terminal.type('fill 1 100000\r')
    await terminal.sees('entries/s')
    terminal.type('scan\r')
    await terminal.sees('\n1009 ')
    terminal.type(CTRL_C)
    await terminal.sees(' entries\n')
    const scanned = Number(/([\d,]+) entries\n$/.exec(terminal.outText)![1]!.replaceAll(',', ''))
    assert.ok(scanned >= 100 && scanned < 100_000, String(scanned))
    await terminal.sees('varve> ')
    terminal.type('fill 200000 999999999999\r')
    await terminal.sees('\n')
    terminal.type(`get never${CTRL_C}`)
    await terminal.sees('entries/s')
    await terminal.sees('varve> ')
    const log = readdirSync(dir).filter((name) => name.endsWith('.wal')).sort()[0]!
    terminal.type(`dump log ${log}\r`)
    await terminal.sees('frame: batch')
    terminal.type(`get never\r${CTRL_C}`)
    await terminal.sees('varve> ')
    terminal.type('get 1\r')
    await terminal.sees('1=value1@1\n')
    terminal.hangUp()
    assert.equal(await ended, 0)
    assert.equal(terminal.errorText.match(/^interrupted$/gm)?.length, 2)
    assert.ok(!terminal.errorText.includes('never') && !terminal.outText.includes('zeros, '))
  })

  it('gives up a compaction at Ctrl-C', async () => {
    const { terminal, ended } = start()
    for (const line of ['fill 1 2000', 'flush', 'fill 1 2000']) {
      await terminal.sees('varve> ')
      terminal.type(`${line}\r`)
    }
    await terminal.sees('entries/s')
    await terminal.sees('varve> ')
    terminal.type('compact\r')
    await terminal.printed()
    terminal.type(CTRL_C)
    await terminal.sees(' MiB\n')
    terminal.hangUp()
    assert.equal(await ended, 0)
    assert.match(terminal.errorText, /\ninterrupted\n$/)
  })

  it('completes commands, kinds and files', async () => {
    const { terminal, ended } = start()
    await terminal.sees('varve> ')
    const typeAndTab = async (begun: string, completion: string) => {
      terminal.type(begun)
      await terminal.sees(begun)
      await terminal.tab(completion)
    }
    await typeAndTab('fi', 'll ')
    terminal.type('1 9\r')
    await terminal.sees('entries/s')
    await typeAndTab('he', 'lp ')
    await typeAndTab('sta', 'ts ')
    terminal.type('\r')
    await terminal.sees('Print what is in the database')
    terminal.type('flush\r')
    await terminal.sees('flushed in')
    await typeAndTab('du', 'mp ')
    await typeAndTab('tab', 'le ')
    await typeAndTab('0', '00004.table ')
    terminal.type('\r')
    await terminal.sees('file header, 128 bytes at 0')
    terminal.type(`\r${CTRL_D}`)
    assert.equal(await ended, 0)
  })

  it('remembers lines in a file of the user alone', async () => {
    await typeLines('put k secret', 'get k', 'get k', '  ')
    const file = path.join(stateDir, 'varve/history')
    assert.equal(readFileSync(file, 'utf8'), 'put k secret\nget k\n')
    assert.equal(statSync(file).mode & 0o777, 0o600)
    assert.equal(statSync(path.dirname(file)).mode & 0o777, 0o700)
    const terminal = await typeLines(`${UP}${UP}`, 'get k')
    assert.match(terminal.outText, /\nk=secret\n/)
    assert.equal(readFileSync(file, 'utf8'), 'put k secret\nget k\nput k secret\nget k\n')
    writeFileSync(file, Array.from({ length: 2000 }, (_, i) => `get ${i}\n`).join(''), { mode: 0o644 })
    await typeLines('stats')
    const lines = readFileSync(file, 'utf8').split('\n')
    assert.deepEqual([lines.length, lines[0], lines[999]], [1001, 'get 1001', 'stats'])
    assert.equal(statSync(file).mode & 0o777, 0o600)
  })

  it('leaves no history in a database, and works where there can be none', async () => {
    await typeLines('put k v')
    const names = readdirSync(dir).filter((name) => !/^\d|^varve\.lock|^marker/.test(name))
    assert.deepEqual(names, [])
    for (const place of [dir, path.join(root, `link${count}`)]) {
      process.env['XDG_STATE_HOME'] = place
      if (place !== dir) symlinkSync(dir, place)
      await typeLines('put k secret')
      assert.ok(!readdirSync(dir).includes('varve'))
    }
    mkdirSync(stateDir, { recursive: true })
    rmSync(path.join(stateDir, 'varve'), { recursive: true })
    writeFileSync(path.join(stateDir, 'varve'), 'in the way')
    process.env['XDG_STATE_HOME'] = stateDir
    assert.equal((await typeLines('get k')).errorText, '')
  })
})
