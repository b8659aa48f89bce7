/** `varve orphans` as a user runs it: names, removes, and refuses whatever is in doubt. */
import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parseFileName } from '../../src/base/index.js'
import { Varve } from '../../src/index.js'
import { directoryState } from '../support/databases/directory-state.js'
import { runVarve, varveHere } from '../support/programs/run-program.js'

const root = mkdtempSync(path.join(tmpdir(), 'varve-orphans-'))
after(() => rmSync(root, { recursive: true, force: true }))

const ORPHAN = '000900.table'
const OPTIONS = { writeBufferSize: 65_536, workers: 0, compaction: { style: 'none' } } as const
let dirCount = 0

const namesOf = (dir: string, kind: string) => readdirSync(dir).filter((name) => parseFileName(name)?.kind === kind)
const isLock = (line: string) => /^\S*lock/.test(line)

async function filledDir(entryCount: number): Promise<string> {
  const dir = path.join(root, `db ${++dirCount}`)
  const db = await Varve.open(dir, OPTIONS)
  for (let i = 0; i < entryCount; i++) db.putSync(`key ${i}`, 'v'.repeat(50))
  await db.close()
  return dir
}

/** A database of 20 entries, and a table with 300 that a power loss might have left. */
async function dirWithOrphan(): Promise<string> {
  const dir = await filledDir(20)
  const later = `${dir} later`
  cpSync(dir, later, { recursive: true })
  const db = await Varve.open(later, OPTIONS)
  for (let i = 0; i < 300; i++) db.putSync(`key ${i}`, 'later')
  await db.compact()
  await db.close()
  cpSync(path.join(later, namesOf(later, 'table').at(-1)!), path.join(dir, ORPHAN))
  return dir
}

async function keyCount(dir: string): Promise<number> {
  const db = await Varve.open(dir, { readOnly: true })
  const count = [...db.keysSync()].length
  await db.close()
  return count
}

/** It fails, and no file but the lock's is changed. */
async function refuses(dir: string, message: RegExp): Promise<void> {
  const before = directoryState(dir).slice(1).filter((line) => !isLock(line))
  const { code, out, error } = await varveHere('orphans', dir, '--delete')
  assert.deepEqual([code, out], [1, ''])
  assert.match(error, message)
  assert.deepEqual(directoryState(dir).slice(1).filter((line) => !isLock(line)), before)
}

describe('varve orphans', () => {
  it('names what is kept, and changes nothing; --delete removes it, and nothing else', async () => {
    const dir = await dirWithOrphan()
    writeFileSync(path.join(dir, 'notes.txt'), 'mine')
    const before = directoryState(dir)
    const named = await runVarve('orphans', dir)
    assert.deepEqual([named.code, named.error], [0, ''])
    assert.match(named.out, /^000900\.table: [\d,]+ bytes, 300 entries, sequence numbers 21 to 320; it holds writes/)
    const json = JSON.parse((await varveHere('orphans', dir, '--json')).out) as { isDeleted: boolean; files: object[] }
    assert.deepEqual([json.isDeleted, json.files.length], [false, 1])
    assert.deepEqual(directoryState(dir), before)

    const { code, out, error } = await runVarve('orphans', dir, '--delete')
    assert.deepEqual([code, out, error], [0, `removed ${named.out}`, ''])
    assert.ok(!existsSync(path.join(dir, ORPHAN)) && existsSync(path.join(dir, 'notes.txt')))
    const rest = (lines: string[]) => lines.slice(1).filter((line) => !isLock(line) && !line.startsWith(ORPHAN))
    assert.deepEqual(rest(directoryState(dir)), rest(before))
    assert.equal(await keyCount(dir), 20)
    assert.deepEqual((await varveHere('orphans', dir)).out, 'no orphans\n')
  })

  it('names a table of another database', async () => {
    const [dir, other] = [await filledDir(20), await filledDir(30)]
    cpSync(path.join(other, namesOf(other, 'table')[0]!), path.join(dir, ORPHAN))
    const { out } = await varveHere('orphans', dir)
    assert.match(out, /^000900\.table: .* 30 entries.*; it belongs to another database\n$/)
    assert.equal((await varveHere('orphans', dir, '--delete', '--json')).code, 0)
    assert.equal(existsSync(path.join(dir, ORPHAN)), false)
  })

  it('refuses to delete when a table is missing or has one wrong byte, or history is cut', async () => {
    const missing = await dirWithOrphan()
    rmSync(path.join(missing, namesOf(missing, 'table')[0]!))
    await refuses(missing, /^varve: MISSING_FILE/)

    const damaged = await dirWithOrphan()
    const table = path.join(damaged, namesOf(damaged, 'table')[0]!)
    const bytes = readFileSync(table)
    bytes[140]! ^= 1 // in the first block: an open does not look there
    writeFileSync(table, bytes)
    assert.equal((await varveHere('orphans', damaged)).code, 0)
    await refuses(damaged, /^varve: CORRUPTION/)

    const torn = await dirWithOrphan()
    const db = await Varve.open(torn, { ...OPTIONS, flushOnClose: false })
    await db.put('last', 'v')
    const log = namesOf(torn, 'log').find((name) => statSync(path.join(torn, name)).size > 200)!
    const image = `${torn} torn`
    cpSync(torn, image, { recursive: true })
    await db.close()
    const logBytes = readFileSync(path.join(image, log))
    writeFileSync(path.join(image, log), logBytes.subarray(0, logBytes.length - 3))
    for (const name of readdirSync(image)) if (isLock(name)) rmSync(path.join(image, name))
    await refuses(image, /^varve: CORRUPTION: history ends in /)
  })

  it('refuses to delete when a value log is missing, or has one wrong byte in a value, and says which', async () => {
    const dir = path.join(root, 'values')
    const db = await Varve.open(dir, { ...OPTIONS, valueThreshold: 4096 })
    for (let i = 0; i < 4; i++) db.putSync(`key ${i}`, 'v'.repeat(20_000))
    await db.flush()
    db.putSync('key 1', 'the value before is in a table, and nobody sees it')
    const { fileNum } = db.stats().valueLog.files[0]!
    await db.close()
    cpSync(path.join(await dirWithOrphan(), ORPHAN), path.join(dir, ORPHAN)) // of another database
    const log = path.join(dir, `${String(fileNum).padStart(6, '0')}.wal`)
    const good = readFileSync(log)
    const bad = Buffer.from(good)
    bad[good.indexOf('v'.repeat(20), 20_000 + 300)]! ^= 1
    writeFileSync(log, bad)
    assert.deepEqual(await runVarve('orphans', dir).then(({ code, error }) => [code, error]), [0, ''])
    await refuses(dir, /^varve: CORRUPTION: value of key "key 1": \d+\.wal at offset \d+: the checksum/)
    rmSync(log)
    await refuses(dir, /^varve: MISSING_FILE: \d+\.wal is missing/)
    writeFileSync(log, good)
    assert.deepEqual(await runVarve('orphans', dir, '--delete').then(({ code, error }) => [code, error]), [0, ''])
    assert.equal(existsSync(path.join(dir, ORPHAN)), false)
  })

  it('refuses to delete beside a writer, and where there is no database', async () => {
    const dir = path.join(root, 'busy')
    const writer = fork(fileURLToPath(new URL('./busy-writer.js', import.meta.url)), [dir])
    try {
      await once(writer, 'message')
      const { code, error } = await runVarve('orphans', dir, '--delete')
      assert.equal(code, 1)
      assert.match(error, /^varve: LOCKED/)
      assert.equal((await varveHere('orphans', dir)).code, 0)
    } finally {
      writer.kill('SIGKILL')
      await once(writer, 'exit')
    }
    const empty = mkdtempSync(path.join(root, 'empty-'))
    assert.match((await varveHere('orphans', empty, '--delete')).error, /^varve: NOT_FOUND/)
    assert.deepEqual(readdirSync(empty), [])
    for (const args of [[], ['a', 'b'], [empty, '--wrong'], ['']]) {
      assert.equal((await varveHere('orphans', ...args)).code, 2, args.join())
    }
  })
})
