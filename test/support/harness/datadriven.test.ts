import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseCases } from './datadriven.js'

describe('datadriven', () => {
  it('reads comments, arguments, input and what is expected', () => {
    const text = '# First,\n# of two.\npick quiet=yes all\n0: a-z\n1: b\n----\nnothing\nmore\n\npick\n----\n'
    const [first, second, ...rest] = parseCases(text, 'x')
    assert.deepEqual(rest, [])
    assert.deepEqual([...first!.args], [['quiet', 'yes'], ['all', '']])
    assert.deepEqual([first!.title, first!.command, first!.line], ['First, of two.', 'pick', 3])
    assert.deepEqual([first!.input, first!.expected], [['0: a-z', '1: b'], 'nothing\nmore'])
    assert.deepEqual([second!.title, second!.input, second!.expected], ['pick', [], ''])
  })

  it('names the place where the separator is missing', () => {
    assert.throws(() => parseCases('\npick\na\n', 'x'), /test\/data\/x:2: no ---- behind the command/)
  })
})
