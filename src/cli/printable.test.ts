/** Whatever stands in a file or a key, a terminal sees harmless characters. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { printable, printableBytes, printableJson } from './printable.js'

describe('printable', () => {
  it('keeps text that is only text', () => {
    assert.equal(printable('käse/日本/🧀 "x" \'y\''), 'käse/日本/🧀 "x" \'y\'')
  })

  it('writes out what could act on a terminal, so that it can be told apart', () => {
    assert.equal(printable('a\u001b[31mb\r\n\u009b\u007f'), 'a\\x1b[31mb\\x0d\\x0a\\x9b\\x7f')
    assert.equal(printable('\u202egnp.exe\u2028\ud800'), '\\u{202e}gnp.exe\\u{2028}\\u{d800}')
    assert.equal(printable('\\x1b'), '\\\\x1b')
  })

  it('shows bytes that are not UTF-8', () => {
    assert.equal(printableBytes(new TextEncoder().encode('né\n')), 'né\\x0a')
    assert.equal(printableBytes(Uint8Array.of(0x61, 0xff, 0x80, 0x00, 0x5c)), 'a\\xff\\x80\\x00\\\\')
    assert.equal(printableBytes(new TextEncoder().encode('ä\u0085\u202e')), 'ä\\xc2\\x85\\xe2\\x80\\xae')
  })

  it('leaves no unsafe character in JSON, and JSON it is', () => {
    const every = Array.from({ length: 0x10000 }, (_, code) => String.fromCharCode(code)).join('')
    const text = printableJson({ [every]: every })
    assert.deepEqual(JSON.parse(text), { [every]: every })
    assert.doesNotMatch(text.replaceAll('\n', ''), /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/)
  })
})
