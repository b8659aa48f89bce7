/** Bytes and trees as text. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BadBytes } from '../base/index.js'
import { sectionsText } from '../../test/support/text/sections-text.js'
import { Annotator } from './annotate.js'
import { printBytes } from './hex-dump.js'
import { treeText } from './tree-printer.js'

const bytes = Uint8Array.from({ length: 40 }, (_, i) => i + 0x58)

test('bytes are shown as text only when a terminal is safe from them', () => {
  const show = (text: string) => printBytes(new TextEncoder().encode(text))
  assert.equal(show('apple "x"'), '"apple \\"x\\""')
  assert.equal(show('grün'), '"grün"')
  assert.equal(show(''), '""')
  assert.equal(show('\u001b[31m'), '0x1b5b33316d')
  assert.equal(show('a\u009bb'), '0x61c29b62')
  assert.equal(show('\u202eabc'), '0xe280ae616263')
  assert.equal(printBytes(new Uint8Array([0xff, 0x41])), '0xff41')
  assert.equal(printBytes(bytes, 2), '"XY"… (40 bytes)')
})

test('fields stand beside their bytes; a long one is cut', () => {
  const long = new Uint8Array(100)
  const it = new Annotator(long, 0)
  it.u8('kind', (n) => `value (${n})`)
  it.u16('size')
  it.raw(97, 'rest')
  const data = {}
  const rest = { summary: '', content: long, problems: [] }
  const section = { title: 'entry', offset: 0, bytes: 100, fields: it.fields, data, ...rest }
  const lines = sectionsText([section]).split('\n')
  assert.equal(lines[0], 'entry, 100 bytes at 0')
  assert.equal(lines[1], '  00000000  00                       kind: value (0)')
  assert.equal(lines[2], '  00000001  00 00                    size: 0')
  assert.match(lines[3]!, /^  00000003  00 00 00 00 00 00 00 00  rest: 0x0+… \(97 bytes\)$/)
  assert.equal(lines[11], '  00000043  … 33 bytes more')
})

test('a field past the end is refused, and so is one of negative length', () => {
  const it = new Annotator(bytes.subarray(36), 36, 3)
  assert.throws(() => it.u32('number'), BadBytes)
  assert.throws(() => it.raw(-1, 'rest'), BadBytes)
  assert.equal(it.left, 3)
})

test('a tree is drawn with lines', () => {
  const root = {
    label: 'root',
    children: [
      { label: 'a', children: [{ label: 'b' }, { label: 'c' }] },
      { label: 'd', children: [{ label: 'e' }] },
    ],
  }
  assert.equal(treeText(root), 'root\n├─ a\n│  ├─ b\n│  └─ c\n└─ d\n   └─ e\n')
})
