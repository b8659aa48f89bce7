/** What the documents say about the code is true where a machine can tell: examples, options, codes, paths. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, it } from 'node:test'
import {
  BATCH_BYTES_MAX, BATCH_COUNT_MAX, GiB, KEY_BYTES_MAX, MiB, POSITION_BYTES_MAX, SEQ_NUM_MAX, VALUE_BYTES_MAX,
  WRITE_BUFFER_BYTES_MAX, WRITE_BUFFER_BYTES_MIN,
} from '../src/base/index.js'
import { resolveOptions } from '../src/engine/options.js'
import { packageDir } from './support/harness/golden.js'
import { varveHere } from './support/programs/run-program.js'

const read = (name: string) => readFileSync(path.join(packageDir, name), 'utf8')

function matches(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map((match) => match[1]!)
}

describe('the documents', () => {
  it('have a first example that runs as it stands', () => {
    const dir = mkdtempSync(path.join(tmpdir(), 'varve-readme-'))
    const code = matches(read('README.md'), /```js\n([\s\S]*?)```/g)[0]!.replace("'./my-db'", JSON.stringify(dir))
    assert.ok(code.includes(dir))
    try {
      const args = ['--input-type=module', '-e', code]
      const out = execFileSync(process.execPath, args, { cwd: packageDir, encoding: 'utf8' })
      assert.equal(out, '3.7 million\ncity/berlin 3.7 million\ncity/paris 2.1 million\n')
    } finally {
      rmSync(dir, { recursive: true })
    }
  })

  it('name every option, and no other', () => {
    const table = read('README.md').split('### Options of `open`')[1]!.split('\n#')[0]!
    const named = table.split('\n').filter((line) => line.startsWith('| `')).flatMap((line) => {
      return matches(line.split('|')[1]!, /`(\w+)`/g)
    })
    const parts = ['vfs', 'clock', 'random', 'executor', 'onEvent']
    const options = Object.keys(resolveOptions({}, 4096)).filter((name) => !parts.includes(name))
    assert.deepEqual(named.sort(), [...options, 'components'].sort())
  })

  it('say the limits that the code has', () => {
    const limits = read('README.md').split('### Limits')[1]!.split('\n#')[0]!
    const bytes = [KEY_BYTES_MAX, POSITION_BYTES_MAX, WRITE_BUFFER_BYTES_MIN, WRITE_BUFFER_BYTES_MAX]
    const [key, position, least, most] = bytes.map((count) => count.toLocaleString('en-US'))
    const framing = (BATCH_BYTES_MAX - GiB) / MiB
    for (const expected of [
      `| a key | 0 to ${key} bytes |`, `| a value | 0 bytes to ${VALUE_BYTES_MAX / GiB} GiB |`,
      `| a batch | 2^${Math.log2(BATCH_COUNT_MAX)} operations, 1 GiB + ${framing} MiB with its framing |`,
      `| a position | ${position} bytes |`, `| \`writeBufferSize\` | ${least} to ${most} bytes;`,
      `| writes in the life of a database | 2^${Math.log2(SEQ_NUM_MAX + 1)}: `,
    ]) assert.ok(limits.includes(expected), expected)
  })

  it('explain every error code, and no other', () => {
    const codes = matches(read('src/base/errors.ts'), /^ {2}\| '([A-Z_]+)'/gm)
    assert.ok(codes.length > 15)
    assert.deepEqual(matches(read('docs/errors.md'), /^### ([A-Z_]+)$/gm).sort(), codes.sort())
    for (const code of matches(read('README.md'), /`([A-Z]+_[A-Z]+|LOCKED|BUSY|CORRUPTION)`/g)) {
      assert.ok(codes.includes(code), code)
    }
  })

  it('are named by the way in', () => {
    const pages = readdirSync(path.join(packageDir, 'docs')).filter((name) => name.endsWith('.md'))
    for (const page of pages.filter((name) => name !== 'README.md')) {
      assert.ok(read('docs/README.md').includes(`](${page})`), `docs/README.md names ${page}`)
    }
  })

  it('name files of src that exist', () => {
    for (const file of matches(read('ARCHITECTURE.md'), /`([\w-]+\/[\w-]+\.ts)`/g)) {
      assert.ok(existsSync(path.join(packageDir, 'src', file)), file)
    }
  })

  it('tell the commands of the program as it does itself', async () => {
    const { out: help } = await varveHere('help')
    const [readme, page] = [read('README.md'), read('docs/cli.md')]
    const words = page.replaceAll('\n', ' ')
    for (const usage of matches(help, /^ {2}(varve \w+(?: [A-Z[][\w\]|-]*| \[[^\]]*\])*)/gm)) {
      assert.ok(readme.includes(`\n${usage}`), usage)
      const [, name] = usage.split(' ')
      if (name === 'help' || name === 'blob') continue
      const [synopsis] = (await varveHere('help', name!)).out.slice('Usage: '.length).split('\n\n')
      assert.ok(words.includes(` \`${synopsis!.replace(/\s+/g, ' ')}\`: `), `${name}: ${synopsis}`)
    }
    for (const example of page.split('\n## ').slice(1)) assert.match(example, /\n```\n\$ varve \w+/)
  })
})
