/** Lines into words, and words into lines: what the shell prints, it reads back as the same bytes. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SeededRandom } from '../../base/index.js'
import { UsageError } from '../command.js'
import { parseWords, quoted } from './words.js'

const bytesOf = (text: string) => new TextEncoder().encode(text)
const parse = (line: string) => parseWords(bytesOf(line)).map((word) => Buffer.from(word).toString('latin1'))

describe('words', () => {
  it('are separated by blanks; a comment ends the line', () => {
    assert.deepEqual(parse(''), [])
    assert.deepEqual(parse(' \t '), [])
    assert.deepEqual(parse('put a  b\t c '), ['put', 'a', 'b', 'c'])
    assert.deepEqual(parse('get a#b # c'), ['get', 'a#b'])
    assert.deepEqual(parse('get "#" \\#'), ['get', '#', '#'])
  })

  it('keep blanks in quotes, also in the middle', () => {
    assert.deepEqual(parse(`"a b" 'c d' e" "f' 'g "" ''`), ['a b', 'c d', 'e f g', '', ''])
    assert.deepEqual(parse(`"it's" 'say "x"' 'a\\x41'`), ["it's", 'say "x"', 'a\\x41'])
  })

  it('have bytes and special characters behind a backslash', () => {
    assert.deepEqual(parse('\\x00\\xfF\\x5c a\\ b "\\"\\\\" \\n\\r\\t \\\''), ['\0\xff\\', 'a b', '"\\', '\n\r\t', "'"])
  })

  it('are refused when they make no sense', () => {
    const wrong = ['"a', "'a", 'a"b', '"a\\"', '\\', 'a\\', '\\x', '\\x4', '\\x4g', '\\q', '"\\u0041"', "'\\'b'"]
    for (const line of wrong) assert.throws(() => parse(line), UsageError, line)
  })

  it('come back from what is printed, byte for byte, and print nothing but safe characters', () => {
    const random = new SeededRandom(3)
    const alphabet = bytesOf('ab \t\n\r"\'\\#xä\u0085\u202e🧀\u00a0\0')
    for (let i = 0; i < 3000; i++) {
      const bytes = new Uint8Array(random.u32() % 12)
      random.fill(bytes)
      if (i % 2 === 0) bytes.forEach((byte, k) => (bytes[k] = alphabet[byte % alphabet.length]!))
      const text = quoted(bytes)
      assert.doesNotMatch(text, /[\u0000-\u001f\u007f-\u009f\u2028-\u202e]/)
      assert.deepEqual(parseWords(bytesOf(`put ${text} x`)), [bytesOf('put'), bytes, bytesOf('x')], text)
    }
  })
})
