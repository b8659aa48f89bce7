/**
 * `varve stats` as a user runs it: on databases that are closed, crashed, being written and damaged. Each
 * time the directory is compared before and after: names, modes, sizes, times, contents.
 */
import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Varve } from '../../src/index.js'
import type { Stats } from '../../src/index.js'
import { directoryState, stoppedDirectoryState } from '../support/databases/directory-state.js'
import { runVarve, varveHere } from '../support/programs/run-program.js'
import type { ProgramResult } from '../support/programs/run-program.js'

const root = mkdtempSync(path.join(tmpdir(), 'varve-cli-'))
after(() => rmSync(root, { recursive: true, force: true }))

let dirCount = 0
const newDir = () => path.join(root, `db ${++dirCount}`)

async function filledDir(entryCount = 1500): Promise<string> {
  const dir = newDir()
  const db = await Varve.open(dir, { writeBufferSize: 64 * 1024, workers: 0, compaction: { style: 'none' } })
  for (let i = 0; i < entryCount; i++) db.putSync(`key ${i}`, 'v'.repeat(100))
  await db.close()
  return dir
}

/** Runs `varve stats` in this process and proves that it changed nothing. */
async function statsOf(dir: string, ...more: string[]): Promise<ProgramResult> {
  const before = directoryState(dir)
  const result = await varveHere('stats', dir, ...more)
  assert.deepEqual(directoryState(dir), before)
  return result
}

type Holder = { lock: { holder: { pid: number } | null } }

async function statsJson(dir: string): Promise<Stats & Holder> {
  const { code, out, error } = await statsOf(dir, '--json')
  assert.deepEqual([code, error], [0, ''])
  return JSON.parse(out) as Stats & Holder
}

async function startWriter(dir: string): Promise<ChildProcess> {
  const writer = fork(fileURLToPath(new URL('./busy-writer.js', import.meta.url)), [dir])
  for (let count: unknown = 0; !(Number(count) > 1000);) [count] = await once(writer, 'message')
  return writer
}

async function kill(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL')
  await once(child, 'exit')
}

const entries = (stats: Stats) => stats.levels.reduce((sum, level) => sum + level.entryCount, 0)

describe('varve stats', () => {
  it('prints a closed database and its last run', async () => {
    const dir = await filledDir()
    const { code, out, error } = await statsOf(dir)
    assert.deepEqual([code, error], [0, ''])
    assert.ok(out.startsWith(`varve ${dir}\nstate       OPEN, read-only  sequence 1,500  lock not held\n`), out)
    assert.match(out, /^last run {4}generation 1 /m)
    assert.match(out, /^build +[1-9]/m)
    assert.match(out, /^total +\d+ +[\d.]+ KiB +[\d.]+ KiB +1,500 +0$/m)
    const stats = await statsJson(dir)
    assert.equal(entries(stats), 1500)
    assert.equal(stats.lastRun?.flush.completed, stats.levels[0]!.tableCount)
    assert.equal(stats.lock.holder, null)
    const before = directoryState(dir)
    const { code: sameCode, out: same } = await runVarve('stats', '--json', '--workdir', dir)
    assert.deepEqual([sameCode, directoryState(dir)], [0, before], 'as a process of its own')
    assert.deepEqual(Object.keys(JSON.parse(same) as object), Object.keys(stats))
  })

  it('works beside a process that writes, and names it', async () => {
    const dir = newDir()
    const writer = await startWriter(dir)
    try {
      for (let i = 0; i < 2; i++) {
        const { code, out, error } = await (i === 0 ? runVarve : varveHere)('stats', dir, '--json')
        assert.deepEqual([code, error], [0, ''])
        assert.equal((JSON.parse(out) as Holder).lock.holder?.pid, writer.pid)
      }
      // Stopped in the middle of whatever it does, nothing but the reader can change the directory.
      for (let i = 0; i < 2; i++) {
        writer.kill('SIGSTOP')
        await stoppedDirectoryState(dir)
        assert.ok((await statsJson(dir)).database.visibleSeq > 1000)
        writer.kill('SIGCONT')
        await once(writer, 'message')
      }
    } finally {
      await kill(writer)
    }
  })

  it('shows what a killed process left', async () => {
    const dir = newDir()
    await kill(await startWriter(dir))
    const stats = await statsJson(dir)
    assert.equal(stats.lock.isHeld, false)
    assert.ok(stats.flush.pending >= 1)
    assert.equal(entries(stats) + stats.recovery!.replayedEntryCount, stats.database.visibleSeq)
    assert.equal((await Varve.open(dir).then(closeAfter)), stats.database.visibleSeq)
  })

  it('says where a file is damaged', async () => {
    const dir = await filledDir()
    const table = readdirSync(dir).find((name) => name.endsWith('.table'))!
    const bytes = readFileSync(path.join(dir, table))
    bytes[bytes.length - 20]! ^= 1
    writeFileSync(path.join(dir, table), bytes)
    const { code, out, error } = await statsOf(dir)
    assert.deepEqual([code, out], [1, ''])
    assert.match(error, new RegExp(`^varve: CORRUPTION: .*\n  file    ${table}\n  offset  \\d+\n  hint    .+\n$`))
    const json = await statsOf(dir, '--json')
    assert.equal(json.code, 1)
    assert.equal((JSON.parse(json.out) as { error: { file: string } }).error.file, table)
  })

  it('says which file is missing', async () => {
    const dir = await filledDir()
    const table = readdirSync(dir).find((name) => name.endsWith('.table'))!
    rmSync(path.join(dir, table))
    const { code, error } = await statsOf(dir)
    assert.equal(code, 1)
    const expected = new RegExp(`^varve: MISSING_FILE: .*\n  file    ${table}\n  cause   ENOENT: .*\n  hint    .+\n$`)
    assert.match(error, expected)
  })

  it('makes nothing where there is no database', async () => {
    const empty = mkdtempSync(path.join(root, 'empty-'))
    const { code, error } = await statsOf(empty)
    assert.equal(code, 1)
    assert.match(error, /^varve: NOT_FOUND: the database in .* does not exist/)
    const missing = path.join(root, '\u001b[31mmissing')
    const namesBefore = readdirSync(root)
    const result = await varveHere('stats', missing)
    assert.equal(result.code, 1)
    assert.match(result.error, /^varve: NOT_FOUND: .*\\x1b\[31mmissing does not exist\n$/)
    assert.deepEqual(readdirSync(root), namesBefore)
    const long = await varveHere('stats', path.join(root, 'x'.repeat(300)))
    assert.equal(long.code, 1)
    assert.match(long.error, /^varve: IO_ERROR: .*ENAMETOOLONG\n {2}file {4}\.\n {2}cause {3}ENAMETOOLONG: /)
  })
})

async function closeAfter(db: Varve): Promise<number> {
  const { visibleSeq } = db.stats().database
  await db.close()
  return visibleSeq
}
