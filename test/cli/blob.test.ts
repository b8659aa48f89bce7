/**
 * `varve blob` as a user runs it: on caches that are closed, being written, killed and damaged. The directory is
 * compared before and after.
 */
import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { SeededRandom } from '../../src/base/index.js'
import { BlobCache } from '../../src/blob-cache.js'
import { MovedClock } from '../support/blob-cache/public-cache.js'
import { directoryState, stoppedDirectoryState } from '../support/databases/directory-state.js'
import { runVarve, varveHere } from '../support/programs/run-program.js'
import type { ProgramResult } from '../support/programs/run-program.js'

const root = mkdtempSync(path.join(tmpdir(), 'varve-blob-cli-'))
after(() => rmSync(root, { recursive: true, force: true }))

let dirCount = 0
const newDir = () => path.join(root, `cache ${++dirCount}`)
/** A value that cannot be compressed. */
const huge = new Uint8Array(700_001)
new SeededRandom(1, 'huge').fill(huge)
const valueOf = (i: number) => Buffer.alloc(300 + i * 11, `${i} `)

/** Made once, two hours ago by its clock; each test has a copy. */
let closed: Promise<string> | null = null

async function closedCache(): Promise<string> {
  closed ??= makeClosedCache()
  const dir = newDir()
  cpSync(await closed, dir, { recursive: true })
  return dir
}

/**
 * A cache that was closed: 40 blobs that are compressed, three overwritten, two deleted, one expired, one with an end,
 * and one that has a segment of its own.
 */
async function makeClosedCache(): Promise<string> {
  const dir = newDir()
  const past = new MovedClock()
  past.movedMs = -2 * 3600_000
  const components = { clock: past.clock }
  const cache = await BlobCache.open(dir, { maxBytes: 32 * 2 ** 20, compression: 'deflate', components })
  for (let i = 0; i < 40; i++) await cache.put(`key ${i}`, valueOf(i))
  for (const i of [3, 4, 5]) await cache.put(`key ${i}`, valueOf(100 + i))
  for (const i of [7, 8]) await cache.delete(`key ${i}`)
  await cache.put('large', Buffer.alloc(261_983, 'large '))
  assert.ok((await cache.put('huge', huge)).stored)
  await cache.put('short-lived', 'value', { ttl: 3 })
  await cache.put('until 2100', 'value', { expiresAt: Date.UTC(2100, 0, 1), namespace: 'n' })
  await cache.close()
  return dir
}

/** Runs `varve blob` in this process, and proves that it changed nothing. */
async function blob(part: string, dir: string, ...more: string[]): Promise<ProgramResult> {
  const before = directoryState(dir)
  const result = await varveHere('blob', part, dir, ...more)
  assert.deepEqual(directoryState(dir), before)
  return result
}

async function blobJson<T>(part: string, dir: string, ...more: string[]): Promise<T> {
  const { code, out, error } = await blob(part, dir, '--json', ...more)
  assert.deepEqual([code, error], [0, ''])
  return JSON.parse(out) as T
}

interface Check {
  files: {
    file: string; kind: string; bytes: number; headerBytes: number; contentBytes: number; footerBytes: number
    unfinishedBytes: number; badBytes: number; problems: string[]
  }[]
  bytes: number
  problemCount: number
}

const sumOf = (file: Check['files'][number]) =>
  file.headerBytes + file.contentBytes + file.footerBytes + file.unfinishedBytes + file.badBytes

/** Proves that each byte of each file is in the ledger once. */
function checkLedger(dir: string, { files, bytes }: Check): void {
  for (const file of files) {
    assert.equal(sumOf(file), file.bytes, file.file)
    assert.equal(statSync(path.join(dir, file.file)).size, file.bytes, file.file)
  }
  const names = readdirSync(dir).filter((name) => /^\d+\./.test(name))
  assert.deepEqual(files.map(({ file }) => file).sort(), names.sort())
  assert.equal(bytes, files.reduce((sum, file) => sum + file.bytes, 0))
}

describe('varve blob', () => {
  it('tells what a closed cache holds', async () => {
    const dir = await closedCache()
    const { code, out, error } = await blob('stats', dir)
    assert.deepEqual([code, error], [0, ''])
    assert.ok(out.startsWith(`varve blob cache ${dir}\ncatalog     `), out)
    assert.match(out, /^total +\d +[\d.]+ MiB +47 +41 +[\d.]+ MiB$/m)
    const index = readdirSync(dir).find((each) => each.endsWith('.index'))!
    assert.match(out, new RegExp(`^index       ${index}, [\\d,]+ bytes, of the last close$`, 'm'))
    const stats = await blobJson<{ items: number; records: number; holder: null }>('stats', dir)
    assert.deepEqual([stats.items, stats.records, stats.holder], [41, 47, null])
    const same = await runVarve('blob', 'stats', dir, '--json')
    assert.deepEqual([same.code, JSON.parse(same.out)], [0, stats], 'as a process of its own')
  })

  it('lists the keys that are there, and no others', async () => {
    const dir = await closedCache()
    const { out } = await blob('ls', dir)
    const expected = [...Array.from({ length: 40 }, (_, i) => `key ${i}`), 'large', 'huge', 'until 2100']
      .filter((key) => key !== 'key 7' && key !== 'key 8')
    assert.deepEqual(out.trimEnd().split('\n').sort(), expected.sort())
    const some = await blob('ls', dir, '--prefix', 'key 1', '--limit', '4')
    assert.equal(some.out.trimEnd().split('\n').length, 4)
    const long = await blob('ls', dir, '--long', '--prefix', 'until')
    assert.match(long.out, /^ +\d+ {2}2100-01-01T00:00:00\.000Z +\d+ {2}until 2100\n$/)
    const json = await blob('ls', dir, '--json', '--prefix', 'until')
    const listed = JSON.parse(json.out) as { key: string; expires: string }
    assert.deepEqual([listed.key, listed.expires], ['until 2100', '2100-01-01T00:00:00.000Z'])
  })

  it('gives the bytes of a blob, to the output or into a new file', async () => {
    const dir = await closedCache()
    for (const [key, value] of [['key 1', valueOf(1)], ['key 4', valueOf(104)]] as const) {
      const { code, out } = await blob('get', dir, key)
      assert.deepEqual([code, out], [0, value.toString('latin1')])
    }
    const large = Buffer.alloc(261_983, 'large ')
    const file = path.join(root, 'large.bin')
    assert.equal((await blob('get', dir, 'large', '--out', file)).code, 0)
    assert.deepEqual(readFileSync(file), large)
    assert.ok(Buffer.from((await blob('get', dir, 'huge')).out, 'latin1').equals(huge))
    const again = await blob('get', dir, 'key 1', '--out', file)
    assert.equal(again.code, 1)
    assert.deepEqual(readFileSync(file), large, 'a file that is there is not touched')
    const { base64 } = await blobJson<{ base64: string }>('get', dir, 'large')
    assert.deepEqual(Buffer.from(base64, 'base64'), large)
    for (const key of ['key 7', 'short-lived', 'nothing']) {
      const { code, out, error } = await blob('get', dir, key)
      assert.deepEqual([code, out], [1, ''])
      assert.match(error, /^varve: NOT_FOUND: there is no blob under the key /)
    }
  })

  it('accounts for every byte of a whole cache', async () => {
    const dir = await closedCache()
    const check = await blobJson<Check>('verify', dir)
    assert.equal(check.problemCount, 0)
    checkLedger(dir, check)
    const { code, out } = await blob('verify', dir)
    assert.equal(code, 0)
    assert.match(out, /\d bytes in \d+ files: each is what was written, or does not count\n$/)
  })

  it('finds each byte of a sealed segment that is not what was written', async () => {
    const dir = newDir()
    const cache = await BlobCache.open(dir, { maxBytes: 32 * 2 ** 20 })
    for (let i = 0; i < 6; i++) await cache.put(`key ${i}`, Buffer.alloc(100_003, `${i} `))
    await cache.close()
    const name = readdirSync(dir).find((each) => each.endsWith('.segment'))!
    const file = path.join(dir, name)
    const bytes = readFileSync(file)
    for (let at = 0; at < bytes.length; at += at < 1000 || at > bytes.length - 700 ? 7 : 9973) {
      const flipped = Buffer.from(bytes)
      flipped[at]! ^= 1 << (at % 8)
      writeFileSync(file, flipped)
      const { code, out } = await varveHere('blob', 'verify', dir, '--json')
      const check = JSON.parse(out) as Check
      const isTold = check.files.some(({ kind, problems }) => kind === 'segment' && problems.length > 0)
      assert.ok(code === 1 && isTold, `byte ${at} of ${bytes.length}`)
      checkLedger(dir, check)
      if (at % 5 === 0) await varveHere('blob', 'stats', dir)
    }
    writeFileSync(file, bytes.subarray(0, bytes.length - 1))
    assert.equal((await blob('verify', dir)).code, 1, 'a byte less')
    writeFileSync(file, Buffer.concat([bytes, Buffer.alloc(8)]))
    assert.equal((await blob('verify', dir)).code, 1, 'more than there was')
    rmSync(file)
    const missing = await blob('verify', dir)
    assert.deepEqual([missing.code, missing.out.includes('! the file is missing')], [1, true])
    assert.match((await blob('stats', dir)).out, /^! segment \d+: missing$/m)
  })

  it('finds a flipped byte in the snapshot of the index, and what it does not agree with', async () => {
    const dir = await closedCache()
    const file = path.join(dir, readdirSync(dir).find((each) => each.endsWith('.index'))!)
    const bytes = readFileSync(file)
    const ledgerOf = async () => {
      const { code, out } = await varveHere('blob', 'verify', dir, '--json')
      const check = JSON.parse(out) as Check
      checkLedger(dir, check)
      const found = check.files.find(({ kind }) => kind === 'index')!
      assert.equal(code, check.problemCount > 0 ? 1 : 0)
      assert.equal(check.problemCount, found.problems.length)
      return found
    }
    assert.deepEqual((await ledgerOf()).problems, [])
    for (let at = 0; at < bytes.length; at += 41) {
      const flipped = Buffer.from(bytes)
      flipped[at]! ^= 1 << (at % 8)
      writeFileSync(file, flipped)
      assert.equal((await ledgerOf()).problems.length, 1, `byte ${at}`)
    }
    writeFileSync(file, bytes)
    const segment = path.join(dir, readdirSync(dir).filter((each) => each.endsWith('.segment'))[0]!)
    rmSync(segment)
    const { out } = await varveHere('blob', 'verify', dir)
    assert.match(out, /! \d+ items of which no segment tells/)
  })

  it('never gives a byte that is not what was written', async () => {
    const dir = newDir()
    const cache = await BlobCache.open(dir, { maxBytes: 32 * 2 ** 20 })
    const value = Buffer.alloc(250_000, 'value ')
    for (let i = 0; i < 3; i++) await cache.put(`key ${i}`, value)
    await cache.close()
    const file = path.join(dir, readdirSync(dir).find((each) => each.endsWith('.segment'))!)
    const bytes = readFileSync(file)
    bytes[bytes.indexOf('key 1') + 100_000]! ^= 1
    writeFileSync(file, bytes)
    const { code, error, out } = await varveHere('blob', 'get', dir, 'key 1')
    assert.deepEqual([code, out], [1, ''])
    assert.match(error, /^varve: (CORRUPTION|NOT_FOUND): /)
    assert.equal((await varveHere('blob', 'get', dir, 'key 0')).out, value.toString('latin1'))
  })

  it('dumps the catalog and its segments', async () => {
    const dir = await closedCache()
    const { code, out } = await blob('dump', dir, '--brief')
    assert.equal(code, 0)
    assert.match(out, /^── \d+\.catalog\n/)
    assert.match(out, /^── \d+\.segment\n/m)
    assert.match(out, /^── \d+\.index\n/m)
    const name = readdirSync(dir).find((each) => each.endsWith('.segment'))!
    const one = await blob('dump', dir, name, '--json')
    assert.equal((JSON.parse(one.out) as { kind: string }).kind, 'segment')
    assert.equal((await blob('dump', dir, '000999.segment')).code, 2)
    rmSync(path.join(dir, name))
    const without = await blob('dump', dir, '--brief')
    assert.equal(without.code, 1)
    assert.match(without.error, new RegExp(`^varve: 1 problem in ${name}\n  the file is missing\n$`))
    assert.equal(without.out.split('── ').length, out.split('── ').length, 'the other files are dumped all the same')
    const missing = JSON.parse((await blob('dump', dir, name, '--json')).out) as { problems: unknown[] }
    assert.equal(missing.problems.length, 1)
  })

  it('works beside a process that has the cache, and after it was killed', async () => {
    const dir = newDir()
    const writer = fork(fileURLToPath(new URL('./busy-cache.js', import.meta.url)), [dir])
    try {
      for (let count: unknown = 0; !(Number(count) > 2500);) [count] = await once(writer, 'message')
      for (const part of ['stats', 'ls', 'verify', 'stats', 'verify', 'ls', 'verify']) {
        const { code, error, out } = await varveHere('blob', part, dir)
        assert.deepEqual([code, error], [0, ''], out)
      }
      for (let i = 0; i < 5; i++) {
        const { code, error } = await varveHere('blob', 'dump', dir)
        assert.deepEqual([code, error], [0, ''])
      }
      for (let i = 0; i < 2; i++) {
        writer.kill('SIGSTOP')
        await stoppedDirectoryState(dir)
        const { items, holder } = await blobJson<{ items: number; holder: { pid: number } }>('stats', dir)
        assert.ok(items > 100)
        assert.equal(holder.pid, writer.pid)
        const check = await blobJson<Check>('verify', dir)
        assert.equal(check.problemCount, 0)
        checkLedger(dir, check)
        writer.kill('SIGCONT')
        await once(writer, 'message')
      }
    } finally {
      writer.kill('SIGKILL')
      await once(writer, 'exit')
    }
    const { items } = await blobJson<{ items: number }>('stats', dir)
    assert.equal((await blobJson<Check>('verify', dir)).problemCount, 0)
    const cache = await BlobCache.open(dir, { maxBytes: 32 * 2 ** 20 })
    assert.equal(cache.stats().items, items, 'what is shown is what an open finds')
    await cache.close()
  })

  it('makes a catalog of the segments where it was lost', async () => {
    const dir = newDir()
    const cache = await BlobCache.open(dir, { maxBytes: 32 * 2 ** 20 })
    for (let i = 0; i < 20; i++) await cache.put(`key ${i}`, valueOf(i))
    await cache.close()
    rmSync(path.join(dir, readdirSync(dir).find((name) => name.endsWith('.catalog'))!))
    const { code, out, error } = await varveHere('blob', 'rebuild', dir)
    assert.deepEqual([code, error], [0, ''])
    assert.match(out, /^20 blobs in \d segments?\n$/)
    assert.equal((await blob('get', dir, 'key 3')).out, valueOf(3).toString('latin1'))
    assert.equal((await blob('verify', dir)).code, 0)
  })

  it('refuses what is no cache, and a wrong command line', async () => {
    const empty = mkdtempSync(path.join(root, 'empty-'))
    for (const part of ['stats', 'verify', 'ls', 'dump']) {
      const { code, error } = await blob(part, empty)
      assert.equal(code, 1)
      assert.match(error, /^varve: NOT_FOUND: there is no blob cache in /)
    }
    const json = await varveHere('blob', 'verify', path.join(root, 'missing'), '--json')
    assert.deepEqual([json.code, (JSON.parse(json.out) as { error: { code: string } }).error.code], [1, 'NOT_FOUND'])
    const wrong = [
      [], ['list', empty], ['stats'], ['stats', empty, 'more'], ['get', empty], ['ls', empty, '--limit', 'x'],
    ]
    for (const args of wrong) assert.equal((await varveHere('blob', ...args)).code, 2, args.join(' '))
  })
})
