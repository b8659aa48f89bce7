/**
 * The commands that only look, as users run them: what they print, as text and as JSON, and that they agree with what
 * the database itself says. Each time the directory is compared before and after.
 */
import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { readersOf } from '../../src/api/index.js'
import { decodeFileHeader, encodeFileHeader, FILE_HEADER_BYTES, runSync, SeededRandom } from '../../src/base/index.js'
import { Varve } from '../../src/index.js'
import { readMarker } from '../../src/directory/index.js'
import { allTables, applyEdit, createManifest, ManifestHistory, readManifest } from '../../src/manifest/index.js'
import type { Version } from '../../src/manifest/index.js'
import { findKey } from '../../src/read/index.js'
import { NodeVfs } from '../../src/vfs/index.js'
import {
  CLI_OPTIONS, HOSTILE, HOSTILE_KEY, LONG_KEY, makeCliDatabase, steadyText,
} from '../support/databases/cli-database.js'
import { directoryState, stoppedDirectoryState } from '../support/databases/directory-state.js'
import { assertGolden } from '../support/harness/golden.js'
import { drawnNumbers } from '../support/harness/share.js'
import { runVarve, varveHere } from '../support/programs/run-program.js'
import type { ProgramResult } from '../support/programs/run-program.js'
import { sampleBase, sampleOptions, sampleTable } from '../support/samples/manifest-samples.js'

const root = mkdtempSync(path.join(tmpdir(), 'varve-look-'))
after(() => rmSync(root, { recursive: true, force: true }))

let dirCount = 0
let sample: Promise<string> | null = null

/** A copy of the sample database, which is made once. */
async function sampleDir(): Promise<string> {
  sample ??= (async () => {
    const dir = path.join(root, 'sample')
    await makeCliDatabase(dir)
    return dir
  })()
  const dir = path.join(root, `db ${++dirCount}`)
  cpSync(await sample, dir, { recursive: true })
  return dir
}

/** Runs a command in this process, and proves that it changed nothing. */
async function look(dir: string, name: string, ...more: string[]): Promise<ProgramResult> {
  const before = directoryState(dir)
  const result = await varveHere(name, dir, ...more)
  assert.deepEqual(directoryState(dir), before, name)
  return result
}

async function linesOf<T>(dir: string, name: string, ...more: string[]): Promise<T[]> {
  const { code, out, error } = await look(dir, name, ...more, '--json')
  assert.deepEqual([code, error], [0, ''], `${name} ${more.join(' ')}`)
  return out.trim().split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as T)
}

async function objectOf<T>(dir: string, name: string, ...more: string[]): Promise<T> {
  const { code, out, error } = await look(dir, name, ...more, '--json')
  assert.deepEqual([code, error], [0, ''], `${name} ${more.join(' ')}`)
  return JSON.parse(out) as T
}

/** Every command that looks, with arguments that work. */
const LOOKS: readonly (readonly string[])[] = [
  ['get', 'user:3:13'], ['scan', '--prefix', 'user:3'], ['scan', '--limit', '2', '--reverse', '--keys-only'],
  ['count'], ['find', 'user:3:13'], ['find', 'user:2:12'], ['find', 'big'], ['find', 'temporary'], ['find', 'nobody'],
  ['history'], ['history', '--brief'], ['files'], ['files', '--keys'], ['sizes'], ['sizes', '--exact', '--depth', '2'],
  ['compact', '--dry-run'], ['flush', '--dry-run'], ['destroy', '--dry-run'],
]

describe('commands that look', () => {
  it('print these texts', async () => {
    const dir = await sampleDir()
    let text = ''
    for (const [name, ...more] of LOOKS) {
      const { code, out, error } = await look(dir, name!, ...more)
      assert.deepEqual([code, error], name === 'get' && code === 1 ? [1, error] : [0, ''], name)
      text += `$ varve ${[name, 'DIR', ...more].join(' ')}\n${out}\n`
    }
    assertGolden('cli-look.txt', steadyText(text, dir).replace(/K{60,}/g, 'K…'))
    const wide = text.split('\n').filter((line) => line.length > 80 && !/^(\S+\.table|file) .* (to|keys)/.test(line))
    assert.deepEqual(wide, [], 'at most 80 columns, but for keys of tables')
  })

  it('print JSON of these shapes', async () => {
    const dir = await sampleDir()
    let text = ''
    for (const [name, ...more] of LOOKS) {
      const { out } = await look(dir, name!, ...more, '--json')
      const isLines = ['scan', 'history', 'files'].includes(name!)
      const values = isLines ? out.trim().split('\n').map((line) => JSON.parse(line) as unknown) : [JSON.parse(out)]
      const shapes = [...new Set(values.map(shapeOf))].sort()
      text += `$ varve ${[name, 'DIR', ...more].join(' ')} --json\n${shapes.join('\n')}\n\n`
    }
    assertGolden('cli-json.txt', text)
  })

  it('never send what acts on a terminal, and cut keys of 64 KiB where a table shows them', async () => {
    const dir = await sampleDir()
    const hex = `0x${Buffer.from(HOSTILE_KEY).toString('hex')}`
    const long = Buffer.from(LONG_KEY).toString('latin1')
    const more = [
      ['find', hex], ['find', long], ['scan'], ['scan', '--keys-only'], ['sizes', '--exact', '--length', '40'],
      ['sizes', '--separator', '0x1b'], ['history', '--at', '3'], ['get', 'x\u001b[31m'], ['find', 'x\u202e'],
      ['count', '--from', hex], ['get', hex, '--hex'], ['scan', '--hex'], ['scan', '--base64'], ['scan', '--at', '9'],
    ]
    for (const args of [...LOOKS, ...more]) {
      for (const json of [[], ['--json']]) {
        const { out, error } = await varveHere(args[0]!, dir, ...args.slice(1), ...json)
        // A value goes to a pipe as it is.
        if (args[0] !== 'get' || args.includes('--hex')) assert.doesNotMatch(out, HOSTILE, args.join(' '))
        assert.doesNotMatch(error, HOSTILE, args.join(' '))
        if (json.length === 0 && ['find', 'files', 'history', 'sizes'].includes(args[0]!)) {
          assert.ok(out.length < 20_000, args.slice(0, 1).join(' '))
        }
      }
    }
  })

  it('get gives the bytes and nothing else; a key may look like an option, or be given in digits', async () => {
    const dir = await sampleDir()
    assert.equal((await look(dir, 'get', 'user:3:13')).out, 'newest')
    assert.equal((await look(dir, 'get', '--', '--json')).out, 'a key that looks like an option')
    assert.match((await look(dir, 'get', '--jsn')).error, /^varve: unknown option '--jsn'/)
    const hex = Buffer.from(HOSTILE_KEY).toString('hex')
    for (const args of [[`0x${hex}`], [hex, '--hex'], [Buffer.from(HOSTILE_KEY).toString('base64'), '--base64']]) {
      const json = await objectOf<{ k64: string; v64: string; seq: number }>(dir, 'get', ...args)
      assert.deepEqual(Buffer.from(json.k64, 'base64'), Buffer.from(HOSTILE_KEY))
      assert.deepEqual(Buffer.from(json.v64, 'base64'), Buffer.from([...HOSTILE_KEY, 1, 2]))
    }
    assert.equal((await runVarve('get', dir, 'big')).out, 'b'.repeat(20_000))
    assert.match((await look(dir, 'get', '0x6g')).error, /no even number of hexadecimal digits/)
    for (const gone of ['user:1:11', 'user:2:12', 'nobody', '0x', '']) {
      const { code, out, error } = await look(dir, 'get', gone)
      assert.deepEqual([code, out], [1, ''])
      assert.match(error, /^varve: NOT_FOUND: there is no key /)
    }
  })

  it('scan gives what the database gives, in every direction, and lines that come back', async () => {
    const dir = await sampleDir()
    const db = await Varve.open(dir, { readOnly: true })
    const all = [...db.entriesSync()].map((entry) => entry.map((bytes) => Buffer.from(bytes)))
    await db.close()
    const fields = (k: string, line: Record<string, string>) =>
      line[k] === undefined ? Buffer.from(line[`${k}64`]!, 'base64') : Buffer.from(line[k])
    const lines = await linesOf<Record<string, string>>(dir, 'scan')
    assert.deepEqual(lines.map((line) => [fields('k', line), fields('v', line)]), all)
    const backwards = await linesOf<Record<string, string>>(dir, 'scan', '--reverse', '--keys-only')
    assert.deepEqual(backwards.map((line) => fields('k', line)), all.map(([key]) => key!).reverse())
    const part = await linesOf<{ k: string }>(dir, 'scan', '--from', 'user:1', '--to', 'user:3:13', '--limit', '12')
    const inPart = all.map(([key]) => key!.toString()).filter((key) => key >= 'user:1' && key < 'user:3:13')
    assert.deepEqual(part.map(({ k }) => k), inPart.slice(0, 12))
    assert.equal((await look(dir, 'count')).out, `${all.length}\n`)
    assert.equal((await look(dir, 'count', '--prefix', 'user:3:')).out, '10\n')
    assert.equal((await look(dir, 'scan', '--prefix', 'a', '--from', 'b')).code, 2)
  })

  it('--at shows a moment that the logs still have, and says so of one that is past', async () => {
    const dir = await sampleDir()
    const { seq } = await objectOf<{ seq: number }>(dir, 'get', 'user:3:13')
    assert.equal((await look(dir, 'get', 'user:3:13', '--at', String(seq))).out, 'newest')
    assert.equal((await look(dir, 'get', 'user:3:13', '--at', String(seq - 1))).out, 'newer')
    assert.equal((await look(dir, 'count', '--prefix', 'user:9', '--at', String(seq))).out, '0\n')
    const past = await look(dir, 'scan', '--at', '3')
    assert.equal(past.code, 1)
    assert.match(past.error, /^varve: SNAPSHOT_GONE: .*\n.*the logs have every version of \d+ to \d+/)
    assert.match((await look(dir, 'scan', '--at', '999999')).error, /above the last one/)
  })

  it('files lists every name in the directory, and every table of the version', async () => {
    const dir = await sampleDir()
    for (const name of ['notes.txt', '000777.table.tmp.1.2', 'marker.000000.000001', '000999.table', 'x\u001b[31m']) {
      writeFileSync(path.join(dir, name), 'text')
    }
    type Line = {
      file: string; kind: string; bytes: number; level: number | null; neededBy: string[]; wasteBytes: number
    }
    const lines = await linesOf<Line>(dir, 'files')
    assert.deepEqual(lines.map(({ file }) => file), readdirSync(dir).sort())
    for (const { file, bytes } of lines) assert.equal(bytes, lstatSync(path.join(dir, file)).size, file)
    const kinds = new Map(lines.map(({ file, kind }) => [file, kind]))
    assert.equal(kinds.get('notes.txt'), 'foreign')
    assert.equal(kinds.get('000777.table.tmp.1.2'), 'unfinished')
    const db = await Varve.open(dir, { readOnly: true })
    const { version } = readersOf(db).view.state
    const listed = version.levels.flatMap(({ tables }, level) => tables.map(({ fileNum }) => [fileNum, level]))
    await db.close()
    const tables = lines.filter(({ kind }) => kind === 'table')
    assert.deepEqual(tables.map(({ file, level }) => [Number.parseInt(file, 10), level]).sort(), listed.sort())
    const unneeded = lines.filter(({ neededBy, wasteBytes }) => neededBy.length === 0 && wasteBytes > 0)
    assert.deepEqual(unneeded.map(({ file }) => file), ['000777.table.tmp.1.2', '000999.table', 'marker.000000.000001'])
  })

  it('sizes --exact counts every byte; without it the estimate has every block', async () => {
    const dir = await sampleDir()
    const db = await Varve.open(dir, { readOnly: true })
    const entries = [...db.entriesSync()]
    const tableBytes = readersOf(db).view.state.version.levels.flatMap(({ tables }) => tables)
      .reduce((sum, { bytes }) => sum + bytes, 0)
    await db.close()
    type Sizes = { prefixes: { prefix?: string; entries: number; bytes: number; valueBytes: number }[] }
    type Exact = Sizes & {
      histogram: { belowBytes: number; keys: number; values: number }[]; biggestValues: { k: string; bytes: number }[]
    }
    const exact = await objectOf<Exact>(dir, 'sizes', '--exact')
    const total = (of: (row: Sizes['prefixes'][number]) => number) =>
      exact.prefixes.reduce((sum, row) => sum + of(row), 0)
    assert.equal(total((row) => row.entries), entries.length)
    assert.equal(total((row) => row.bytes), entries.reduce((sum, [key]) => sum + key.length, 0))
    assert.equal(total((row) => row.valueBytes), entries.reduce((sum, [, value]) => sum + value.length, 0))
    assert.deepEqual(exact.biggestValues[0], { k: 'big', bytes: 20_000 })
    assert.equal(exact.histogram.reduce((sum, { keys }) => sum + keys, 0), entries.length)
    assert.equal(exact.histogram.at(-1)!.belowBytes, 65_536)
    const { prefixes } = await objectOf<Sizes>(dir, 'sizes')
    const estimate = prefixes.reduce((sum, { bytes }) => sum + bytes, 0)
    assert.ok(estimate > tableBytes / 2 && estimate < tableBytes * 1.1, `${estimate} of ${tableBytes}`)
  })
})

/** The names and types in a value: what scripts rely on. */
function shapeOf(value: unknown): string {
  if (Array.isArray(value)) return `[${[...new Set(value.map(shapeOf))].sort().join(' | ')}]`
  if (typeof value !== 'object' || value === null) return value === null ? 'null' : typeof value
  return `{ ${Object.entries(value).map(([name, each]) => `${name}: ${shapeOf(each)}`).join(', ')} }`
}

describe('commands that look, where something is wrong', () => {
  it('a damaged block ends a scan behind what stands before it, with exit code 3', async () => {
    const dir = path.join(root, 'damaged')
    const db = await Varve.open(dir, CLI_OPTIONS)
    for (let i = 0; i < 3000; i++) db.putSync(`key ${10_000 + i}`, `value ${i} ${'x'.repeat(60)}`)
    await db.compact()
    await db.close()
    const good = (await look(dir, 'scan')).out
    const table = path.join(dir, readdirSync(dir).filter((name) => name.endsWith('.table')).at(-1)!)
    const bytes = readFileSync(table)
    bytes[Math.floor(bytes.length / 2)]! ^= 1
    writeFileSync(table, bytes)
    const { code, out, error } = await look(dir, 'scan')
    assert.equal(code, 3)
    assert.ok(out.length > 1000 && good.startsWith(out) && out.endsWith('\n'))
    assert.match(error, /^varve: CORRUPTION: .*\n {2}file {4}\d+\.table\n {2}offset {2}\d+/)
    const json = await look(dir, 'scan', '--json')
    assert.deepEqual([json.code, json.error], [3, ''])
    const lines = json.out.trim().split('\n').map((line) => JSON.parse(line) as { error?: { code: string } })
    assert.equal(lines.at(-1)!.error?.code, 'CORRUPTION')
    assert.equal(lines.length - 1, out.trim().split('\n').length)
    assert.equal((await look(dir, 'sizes', '--exact')).code, 3)
    assert.equal((await look(dir, 'sizes')).code, 0, 'the indexes are whole')
  })

  it('a manifest of a later version is refused by the name of the bit', async () => {
    const dir = await sampleDir()
    const name = readdirSync(dir).find((each) => each.endsWith('.manifest'))!
    const bytes = readFileSync(path.join(dir, name))
    const header = decodeFileHeader(bytes, 'varveman', name)
    encodeFileHeader({ ...header, features: { ...header.features, mustKnow: 2 } }, bytes.subarray(0, FILE_HEADER_BYTES))
    writeFileSync(path.join(dir, name), bytes)
    for (const args of LOOKS) {
      if (args[0] === 'destroy') continue
      const { code, out, error } = await look(dir, args[0]!, ...args.slice(1))
      assert.deepEqual([code, out], [1, ''], args[0])
      assert.match(error, /^varve: UNSUPPORTED_FORMAT: .*merge operands/, args[0])
    }
  })

  it('a torn or damaged manifest: history tells all before it', async () => {
    const dir = await sampleDir()
    const name = readdirSync(dir).find((each) => each.endsWith('.manifest'))!
    const whole = (await look(dir, 'history')).out
    const groups = await linesOf<{ offset: number }>(dir, 'history')
    const bytes = readFileSync(path.join(dir, name))
    bytes[groups[1]!.offset + 60]! ^= 1
    writeFileSync(path.join(dir, name), bytes)
    const { code, out, error } = await look(dir, 'history')
    assert.equal(code, 3, error)
    assert.ok(out.startsWith('group 1 at 128: whole version') && whole.startsWith(out))
    assert.match(error, /^varve: CORRUPTION: .*manifest/)
    assert.equal((await look(dir, 'history', '--at', '9999')).code, 3)
  })

  it('work beside a process that writes, and change nothing of it', async () => {
    const dir = path.join(root, 'busy')
    const writer = fork(fileURLToPath(new URL('./busy-writer.js', import.meta.url)), [dir])
    try {
      for (let count: unknown = 0; !(Number(count) > 2000);) [count] = await once(writer, 'message')
      const looks = [
        ['get', 'key 00000001'], ['scan'], ['count'], ['find', 'key 00000001'], ['history'], ['files'], ['sizes'],
        ['sizes', '--exact'], ['compact', '--dry-run'], ['flush', '--dry-run'],
      ]
      for (const args of looks) {
        const { code, error } = await varveHere(args[0]!, dir, ...args.slice(1))
        assert.deepEqual([code, error], [0, ''], args.join(' '))
        await once(writer, 'message')
      }
      writer.kill('SIGSTOP')
      await stoppedDirectoryState(dir)
      for (const args of looks) assert.equal((await look(dir, args[0]!, ...args.slice(1))).code, 0, args.join(' '))
      const writes = [
        ['put', 'k', 'v'], ['del', 'k'], ['batch'], ['compact'], ['flush'], ['gc'], ['destroy', '--yes'],
      ]
      for (const args of writes) {
        const { code, out, error } = await varveHere(args[0]!, dir, ...args.slice(1))
        assert.deepEqual([code, out.replace(/^(.*: \d+ files of .*\n(  .*\n)*)/, '')], [1, ''], args[0])
        assert.match(error, new RegExp(`varve: LOCKED: .* process ${writer.pid} on [^]*while it is open, `), args[0])
      }
    } finally {
      writer.kill('SIGKILL')
      await once(writer, 'exit')
    }
  })
})

/** A life of a small database: writes of all kinds, flushes, merges, reopens. Calls `check` now and then. */
async function live(seed: number, dir: string, check: (db: Varve) => Promise<void> | void): Promise<void> {
  const random = new SeededRandom(seed, 'cli life')
  const styles = ['leveled', 'tiered', 'none'] as const
  const options = { ...CLI_OPTIONS, compaction: { style: random.pick(styles) }, flushOnClose: random.chance(0.5) }
  let db = await Varve.open(dir, options)
  const key = () => `k${random.u32() % 24}`
  for (let step = 0; step < 60; step++) {
    const dice = random.u32() % 100
    if (dice < 45) db.putSync(key(), 'v'.repeat(random.chance(0.1) ? 5000 : random.u32() % 200))
    else if (dice < 55) db.putSync(key(), 'short-lived', { expiresAt: random.chance(0.5) ? 1000 : 4e12 })
    else if (dice < 70) db.delSync(key())
    else if (dice < 76) await db.delRange({ gte: key(), lt: key() }).catch(() => undefined)
    else if (dice < 88) await db.flush()
    else if (dice < 92) await db.compact()
    else if (dice < 95) {
      await db.close()
      db = await Varve.open(dir, options)
    } else await check(db)
  }
  await check(db)
  await db.close()
}

describe('what they tell is true', () => {
  it('find agrees with get, for whatever was written', async () => {
    for (const seed of drawnNumbers('find', 24)) {
      await live(seed, path.join(root, `find ${seed}`), (db) => {
        for (let i = 0; i < 24; i++) {
          const key = Buffer.from(`k${i}`)
          const places = findKey(readersOf(db).view.state, key)
          const entry = db.entrySync(key)
          const [winner] = places
          const isLive = winner?.what === 'put' && !(winner.expiresMs !== 0 && winner.expiresMs <= Date.now())
          assert.equal(isLive, entry !== undefined, `seed ${seed}, ${key}`)
          const numbers = places.map(({ seqNum }) => seqNum)
          assert.deepEqual(numbers, [...numbers].sort((a, b) => b - a))
          if (entry === undefined) continue
          assert.deepEqual([winner!.seqNum, winner!.valueBytes], [entry.seqNum, entry.value.length], `seed ${seed}`)
        }
      })
      const dir = path.join(root, `find ${seed}`)
      const { state } = await objectOf<{ state: string }>(dir, 'find', 'k1')
      assert.equal((await look(dir, 'get', 'k1')).code, state === 'value' ? 0 : 1, `seed ${seed}: ${state}`)
    }
  })

  it('find gives every version that there is, also the hidden ones', async () => {
    const dir = path.join(root, 'versions')
    const db = await Varve.open(dir, { ...CLI_OPTIONS, flushOnClose: false })
    const snapshots = ['1', '22', '333'].map((value) => (db.putSync('k', value), db.snapshot()))
    db.delSync('k')
    const places = () => findKey(readersOf(db).view.state, Buffer.from('k'))
    const whats = () => places().map(({ what, valueBytes }) => valueBytes ?? what)
    const expected = ['del', 3, 2, 1]
    assert.deepEqual(whats(), expected, 'in a log')
    await db.flush()
    assert.deepEqual(whats(), expected, 'in a table')
    for (const snapshot of snapshots) snapshot.release()
    await db.close()
  })

  it('history replayed to its end is the version, at every group', async () => {
    for (const seed of drawnNumbers('history', 12)) {
      const dir = path.join(root, `history ${seed}`)
      await live(seed, dir, () => undefined)
      const vfs = new NodeVfs()
      const { manifest } = readMarker(readdirSync(dir))!
      const { version } = runSync(readManifest(vfs, dir, manifest))
      const history = runSync(ManifestHistory.read(vfs, dir, manifest))
      const groups = [...history.groups()]
      assert.deepEqual(history.versionAt(groups.length), version)
      const tallyOf = ({ levels }: Version) => levels.map(({ tables }) => {
        return { tables: tables.length, bytes: tables.reduce((sum, { bytes }) => sum + bytes, 0) }
      })
      for (const { number, levels } of groups) {
        const expected = tallyOf(history.versionAt(number))
        assert.deepEqual(levels, expected.slice(0, levels.length), `seed ${seed}, group ${number}`)
      }
      type Line = { job: string; added: { file: string }[]; removed: { file: string }[] }
      const tables = new Set<string>()
      for (const { job, added, removed } of await linesOf<Line>(dir, 'history')) {
        for (const { file } of removed) assert.ok(tables.delete(file))
        for (const { file } of added) tables.add(file)
        if (added.length > 0) assert.match(job, /^(whole version|flush|compaction|move|value collection)(, |$)/)
      }
      assert.equal(tables.size, allTables(version).length)
    }
  })

  it('history of a long manifest is told without a state for each group', async () => {
    const dir = mkdtempSync(path.join(root, 'long-'))
    const vfs = new NodeVfs()
    const log = runSync(createManifest(vfs, dir, sampleOptions(7), applyEdit(sampleBase, {})))
    const count = 300
    for (let i = 0; i < count; i++) {
      const facts = sampleTable(20 + i, `k${10_000 + i}-k${10_000 + i}z`)
      runSync(log.append([{ nextFileNum: 21 + i, addTables: [{ level: 1, facts }] }]))
    }
    runSync(log.close())
    writeFileSync(path.join(dir, 'marker.000001.000007'), '')
    const lines = (await look(dir, 'history', '--brief')).out.trim().split('\n')
    assert.equal(lines.length, count + 1)
    assert.match(lines.at(-1)!, /levels 1: 300 of 1\.\d MiB$/)
    const last = (await look(dir, 'history', '--brief', '--last', '3')).out.trim().split('\n')
    assert.deepEqual(last, lines.slice(-3))
  })
})
