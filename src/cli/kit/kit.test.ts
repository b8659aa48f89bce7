/** What commands are declared with: quantities, keys, tables, the line of progress, and the pages of help. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SeededRandom } from '../../base/index.js'
import { TestTerminal } from '../../../test/support/fakes/test-terminal.js'
import { EXIT_DAMAGE, UsageError } from '../command.js'
import {
  bytesField, bytesText, choiceOption, defineCommand, durationOption, flag, numberOption, shortBytesText, sizeOption,
  tableText, textsOption, word, words, amountText,
} from './index.js'
import { displayWidth } from './text-table.js'
import { readBytes } from './key-bytes.js'
import { ProgressBar } from './progress-bar.js'
import { readDuration, readNumber, readSize } from './quantities.js'

describe('quantities', () => {
  it('are read in their units, and nothing else is', () => {
    const sizes = { 0: 0, 4096: 4096, '64k': 65_536, '1.5MiB': 1_572_864, '2GB': 2e9, '1 g': 2 ** 30, '3b': 3 }
    for (const [text, bytes] of Object.entries(sizes)) assert.equal(readSize(text, '--size'), bytes, text)
    const durations = { '500ms': 500, '90s': 90_000, '5m': 300_000, '2h': 7_200_000, '1w': 604_800_000 }
    for (const [text, ms] of Object.entries(durations)) assert.equal(readDuration(text, '--age'), ms, text)
    for (const text of ['', '-1', '1y', '1e3', 'k', '1kk', ' 1', '1k ', '0x10', 'Infinity', '1__0', 'constructor']) {
      assert.throws(() => readSize(text, '--size'), UsageError, text)
      assert.throws(() => readDuration(text, '--age'), UsageError, text)
      assert.throws(() => readNumber(text, '--n', { min: 0, max: 9 }), UsageError, text)
    }
    assert.throws(() => readDuration('5', '--age'), UsageError, 'no unit')
    assert.throws(() => readNumber('10', '--n', { min: 0, max: 9 }), /--n takes a whole number from 0 to 9, not '10'/)
    const amounts = [0, 1023, 1024, 1.5 * 2 ** 20, 2 ** 41].map(amountText)
    assert.deepEqual(amounts, ['0 B', '1023 B', '1.0 KiB', '1.5 MiB', '2.0 TiB'])
    for (const unit of [2 ** 10, 2 ** 20, 2 ** 30, 2 ** 40]) {
      for (const less of [0, 1, 40, unit / 1e5, unit / 1e4, unit / 1e3]) {
        assert.doesNotMatch(amountText(unit - less), /^1024\.\d /, `${unit} - ${less}`)
      }
    }
  })
})

describe('keys', () => {
  it('come back from how they are shown and from JSON, whatever bytes they have', () => {
    const random = new SeededRandom(5, 'keys')
    for (let i = 0; i < 2000; i++) {
      const bytes = new Uint8Array(random.u32() % 9)
      random.fill(bytes)
      if (i % 3 === 0) bytes.forEach((byte, k) => (bytes[k] = byte & 0x7f))
      for (const form of ['hex', 'base64'] as const) {
        assert.deepEqual(readBytes(bytesText(bytes, form), form, 'KEY'), bytes)
      }
      assert.deepEqual(readBytes(bytesText(bytes, 'hex'), 'auto', 'KEY'), bytes)
      const { k, k64 } = bytesField('k', bytes)
      assert.equal(k === undefined, k64 !== undefined)
      assert.deepEqual(k === undefined ? Buffer.from(k64!, 'base64') : Buffer.from(k), Buffer.from(bytes))
    }
    assert.deepEqual(readBytes('0x61', 'utf8', 'KEY'), new TextEncoder().encode('0x61'))
    for (const text of ['0x1', '0xgg']) assert.throws(() => readBytes(text, 'auto', 'KEY'), UsageError)
    for (const text of ['?', 'A', 'AB=C']) assert.throws(() => readBytes(text, 'base64', 'KEY'), UsageError)
  })

  it('are cut where they are long, and say how long they are', () => {
    const long = new Uint8Array(65_535).fill(0x61)
    assert.equal(shortBytesText(long, 'auto', 24), `${'a'.repeat(10)}…(65535 bytes)`)
    assert.equal(shortBytesText(new TextEncoder().encode('short'), 'auto', 24), 'short')
    assert.ok(shortBytesText(new Uint8Array(100), 'hex', 24).length <= 24)
  })
})

describe('tables', () => {
  it('stand in columns, whatever characters they have', () => {
    assert.equal(displayWidth('日本'), 4)
    assert.equal(displayWidth('é'), 1)
    assert.equal(displayWidth('👍x'), 3)
    const text = tableText([{ title: 'key' }, { title: 'n', isRight: true }, { title: '' }], [
      ['日本', '1', 'x'], ['e\u0301', '100', ''], ['plain', '20', 'y'],
    ])
    assert.equal(text, 'key      n\n日本     1  x\ne\u0301      100\nplain   20  y\n')
  })
})

describe('the line of progress', () => {
  it('tells share, rate and time left, in one line that is never too long', () => {
    let shown = ''
    let ms = 0
    const clock = { nowMs: () => ms } as never
    const screen = { columns: 100, write: (text: string) => (shown = text) }
    const bar = new ProgressBar(screen, clock, 'copying')
    bar.show({ doneBytes: 0, totalBytes: 100 * 2 ** 20, doneCount: 0, totalCount: 4 })
    ms = 2000
    bar.show({ doneBytes: 20 * 2 ** 20, totalBytes: 100 * 2 ** 20, doneCount: 1, totalCount: 4 })
    const expected = 'copying  [####................]  20 %  20.0 MiB of 100.0 MiB  1 of 4  10.0 MiB/s  8 s left'
    assert.equal(shown, `\r\u001b[2K${expected}`)
    screen.columns = 20
    bar.show({ doneBytes: 20 * 2 ** 20, totalBytes: null, doneCount: 1, totalCount: null })
    assert.equal(displayWidth(shown.slice(5)), 19)
    bar.end()
    assert.equal(shown, '\r\u001b[2K')
    new ProgressBar(null, clock, 'nowhere').show({ doneBytes: 1, totalBytes: null, doneCount: 1, totalCount: null })
  })
})

const sample = defineCommand({
  name: 'sample',
  group: 'Other',
  summary: 'Do nothing',
  positionals: { dir: word('DIR', 'a directory', 'the directory'), rest: words('NAME', 'names', 'more of them') },
  options: {
    dryRun: flag('only look'), size: sizeOption('SIZE', 'how much'), age: durationOption('TIME', 'how old'),
    kind: choiceOption('KIND', 'which', ['a', 'b']), name: textsOption('TEXT', 'again and again'),
    count: numberOption('N', ['how many,', 'at most'], { min: 1, max: 5 }),
  },
  details: ['More to know.'],
  json: 'object',
  onInterrupt: 'abort',
  async run(given, context) {
    if (given.dir === 'wrong') throw new Error('it is wrong')
    context.result(given, () => 'done\n')
    return EXIT_DAMAGE
  },
})

async function run(...args: string[]): Promise<{ code: number; terminal: TestTerminal }> {
  const terminal = new TestTerminal('')
  return { code: await sample.run(args, terminal), terminal }
}

describe('a declared command', () => {
  it('gets its arguments by their names, wherever they stand', async () => {
    const options = ['--kind=b', '--name', 'x', '--age', '2h', '--name', 'y', '--json']
    const { code, terminal } = await run('--size', '4k', 'd', ...options, 'e', '--', '--f')
    assert.equal(code, EXIT_DAMAGE)
    assert.deepEqual(JSON.parse(terminal.outText), {
      dir: 'd', rest: ['e', '--f'], dryRun: false, size: 4096, age: 7_200_000, kind: 'b', name: ['x', 'y'],
    })
    assert.equal((await run('d', '--dry-run')).terminal.outText, 'done\n')
  })

  it('refuses what it does not take', async () => {
    const wrong = [
      [], [''], ['d', ''], ['d', '--size', 'x'], ['d', '--kind', 'c'], ['d', '--count', '6'],
      ['d', '--count', '1', '--count', '2'], ['d', '--hex'], ['d', '--dryRun'], ['d', '--dry-run=yes'],
    ]
    for (const args of wrong) {
      await assert.rejects(run(...args), (error) => {
        const code = (error as { code?: string }).code ?? ''
        return error instanceof UsageError || code.startsWith('ERR_PARSE_ARGS')
      }, args.join(' '))
    }
  })

  it('has a page of help, and errors as JSON', async () => {
    const { terminal, code } = await run('--help')
    assert.equal(code, 0)
    assert.equal(terminal.outText, sample.help())
    assert.equal(sample.help(), [
      'Usage: varve sample DIR [NAME…] [--dry-run] [--size SIZE] [--age TIME] [--kind KIND] [--name TEXT]',
      '        [--count N] [--json]', '', 'Do nothing', '',
      '  DIR            the directory', '  [NAME…]        more of them', '  --dry-run      only look',
      '  --size SIZE    how much', '  --age TIME     how old', '  --kind KIND    which',
      '  --name TEXT    again and again',
      '  --count N      how many,', '                 at most',
      '  --json         one JSON object; on an error, an object with the one key "error"', '', 'More to know.', '',
    ].join('\n'))
    const failed = await run('wrong', '--json')
    assert.equal(failed.code, 1)
    assert.equal((JSON.parse(failed.terminal.outText) as { error: { message: string } }).error.message, 'it is wrong')
    assert.match((await run('wrong')).terminal.errorText, /^varve: INTERNAL: it is wrong\n/)
  })
})
