/** Help, version, exit codes: what scripts rely on. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, it } from 'node:test'
import { packageDir } from '../support/harness/golden.js'
import { runVarve, varveHere, varveProgram } from '../support/programs/run-program.js'

describe('varve', () => {
  it('is a program that tells its version', async () => {
    const { version } = JSON.parse(readFileSync(path.join(packageDir, 'package.json'), 'utf8')) as { version: string }
    assert.deepEqual(await runVarve('--version'), { code: 0, out: `${version}\n`, error: '' })
    assert.match(readFileSync(varveProgram, 'utf8'), /^#!\/usr\/bin\/env node\n/)
  })

  it('tells how to use it', async () => {
    for (const args of [['help'], ['--help'], ['-h']]) {
      const { code, out, error } = await varveHere(...args)
      assert.deepEqual([code, error], [0, ''])
      assert.match(out, /^Usage: varve COMMAND …\n\nLook:\n {2}varve get DIR KEY /)
    }
    for (const args of [['help', 'stats'], ['stats', '--help'], ['stats', 'dir', '-h']]) {
      const { code, out } = await varveHere(...args)
      assert.equal(code, 0)
      assert.match(out, /^Usage: varve stats DIR \[--json\]\n/)
    }
  })

  it('asks whether another command was meant', async () => {
    for (const [typed, meant] of [['stast', 'stats'], ['shel', 'shell'], ['DUMP', 'dump'], ['hel', 'help']] as const) {
      const { error } = await varveHere(typed)
      assert.equal(error, `varve: unknown command '${typed}': did you mean '${meant}'?\nTry 'varve help'.\n`)
    }
    assert.equal((await varveHere('xyzzy')).error, "varve: unknown command 'xyzzy'\nTry 'varve help'.\n")
    const mistyped = "varve: unknown option '--jsn': did you mean '--json'?\nTry 'varve help stats'.\n"
    assert.equal((await varveHere('stats', 'a', '--jsn')).error, mistyped)
    const { error } = await varveHere('stats', 'a', '--json=yes')
    assert.match(error, /^varve: Option '--json' does not take an argument\nTry 'varve help stats'\.\n$/)
  })

  it('ends with 2, and prints nothing on stdout, when the command line is wrong', async () => {
    const wrong = [
      [], ['nonsense'], ['\u001b]0;title\u0007'], ['help', 'nonsense'], ['help', 'stats', 'stats'],
      ['stats'], ['stats', ''], ['stats', 'a', 'b'], ['stats', 'a', '--workdir', 'b'], ['stats', '--workdir'],
      ['stats', 'a', '--jsn'], ['stats', 'a', '--json=yes'],
      ['shell'], ['shell', ''], ['shell', 'a', 'b'], ['shell', 'a', '--readonly'],
      ['shell', 'a', '--create', '--read-only'], ['shel', 'a'],
      ['dump'], ['dump', 'file'], ['dump', 'log'], ['dump', 'log', ''], ['dump', 'blob', 'a'],
      ['gc'], ['gc', 'a', 'b'], ['gc', 'a', '--ratio', '2'],
      ['unlock'], ['unlock', ''], ['unlock', 'a', 'b'], ['unlock', 'a', '--force'],
      ['dump', 'log', 'a', 'b'], ['dump', 'log', 'a', '--bref'],
    ]
    for (const args of wrong) {
      const { code, out, error } = await varveHere(...args)
      assert.deepEqual([code, out], [2, ''], args.join(' '))
      assert.match(error, /^(varve: .+\nTry 'varve help( \w+)?'\.\n$|Usage:)/, args.join(' '))
      assert.ok(!error.includes('\u001b'))
    }
  })
})
