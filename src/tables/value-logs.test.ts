/** Which value logs may be read, by whom, and when a file is nobody's any more. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { expectError } from '../../test/support/harness/expect-error.js'
import { DATABASE_ID, makeDatabase, sampleEntries, valueOf } from '../../test/support/databases/value-databases.js'
import { recordCalls } from '../../test/support/fakes/watched-vfs.js'
import { valueLogFileName } from '../base/index.js'
import type { FileNum } from '../base/index.js'
import type { ValueLogFacts, Version } from '../manifest/index.js'
import { FilePool, MemoryVfs } from '../vfs/index.js'
import { OpenValueLogs } from './value-logs.js'

const DIR = '/db'

interface Scene {
  vfs: MemoryVfs
  version: Version
  calls: string[]
  logs: OpenValueLogs
  files: FilePool
}

function newScene(options: { max?: number; isKeeping?: boolean } = {}, databaseId = DATABASE_ID): Scene {
  const vfs = new MemoryVfs()
  vfs.mkdirSync(DIR)
  const { version } = makeDatabase(vfs, DIR, { entries: sampleEntries(12) })
  const calls: string[] = []
  const files = new FilePool(options)
  const logs = new OpenValueLogs({ vfs: recordCalls(vfs, calls), dir: DIR, databaseId, files })
  return { vfs, version, calls, logs, files }
}

/** Value logs of these numbers and live counts, as a version has them. */
function mapOf(counts: Record<number, number>): Map<FileNum, ValueLogFacts> {
  return new Map(Object.entries(counts).map(([number, liveCount]) => {
    const fileNum = Number(number)
    const facts = {
      fileNum, isLog: false, bytes: 1000, salt: new Uint8Array(8), putCount: 9, putBytes: 900, namedInLog: 0, liveCount,
      liveBytes: 100 * liveCount,
    }
    return [fileNum, facts]
  }))
}

/** Retires files, and gives the list of those that nobody needs any more. */
function retire(logs: OpenValueLogs, ...fileNums: FileNum[]): FileNum[] {
  const unused: FileNum[] = []
  for (const fileNum of fileNums) logs.retire(fileNum, () => unused.push(fileNum))
  return unused
}

test('A10, VLG-8: a file waits for the read states that reach it, and for no others', () => {
  const { logs } = newScene()
  const first = logs.enter(mapOf({ 1: 5 }))
  const second = logs.enter(mapOf({ 1: 2, 2: 5 }))
  const third = logs.enter(mapOf({ 3: 1 }))
  const unused = retire(logs, 1, 2)
  assert.deepEqual([unused, logs.retiredNums()], [[], [1, 2]])
  logs.leave(second)
  // The first one is older than file 2: however long it lives, it never reaches it.
  assert.deepEqual([unused, logs.retiredNums()], [[2], [1]])
  logs.leave(first)
  assert.deepEqual([unused, logs.retiredNums()], [[2, 1], []])
  logs.leave(third)
})

test('VLG-8: a read state whose tables point to nothing in a file does not keep it, a job that uses it does', () => {
  const { logs } = newScene()
  const dead = logs.enter(mapOf({ 1: 0 }))
  logs.hold(1)
  logs.hold(1)
  const unused = retire(logs, 1)
  logs.release(1)
  assert.deepEqual(unused, [])
  logs.release(1)
  assert.deepEqual(unused, [1])
  expectError(() => logs.release(1), 'INTERNAL')
  logs.leave(dead)
  expectError(() => logs.leave(dead), 'INTERNAL')
})

test('read states of one version are counted together', () => {
  const { logs } = newScene()
  const map = mapOf({ 1: 5 })
  const view = logs.enter(map)
  assert.equal(logs.enter(map), view)
  const unused = retire(logs, 1)
  logs.leave(view)
  assert.deepEqual(unused, [])
  logs.leave(view)
  assert.deepEqual(unused, [1])
})

test('a file is opened when it is read, and closed when no read state reaches it', async () => {
  const { logs, version, calls, files } = newScene()
  const view = logs.enter(version.valueLogs)
  assert.deepEqual([calls, files.openCount], [[], 0])
  assert.equal(logs.get(12)!.name, '000012.wal')
  assert.equal(logs.get(14)!.name, '000014.vlog')
  assert.equal(logs.get(14), logs.get(14))
  assert.equal(logs.get(99), null)
  assert.deepEqual(calls.filter((call) => call.startsWith('open')), ['open read 000012.wal', 'open read 000014.vlog'])
  const next = logs.enter(mapOf({ 14: 1 }))
  logs.leave(view)
  assert.deepEqual(calls.filter((call) => call.startsWith('close')), ['close 000012.wal'])
  logs.leave(next)
  await logs.idle()
  assert.equal(files.openCount, 0)
})

test('A22: a file that is not the one of the manifest is never read, also when it is opened again', () => {
  const changes: Record<string, (facts: ValueLogFacts) => Partial<ValueLogFacts>> = {
    'another file of this number': ({ salt }) => ({ salt: salt.map((byte) => byte ^ 1) }),
    'the manifest says': ({ bytes }) => ({ bytes: bytes + 100 }),
  }
  for (const [message, change] of Object.entries(changes)) {
    const { logs, version, files } = newScene()
    const facts = version.valueLogs.get(14)!
    logs.enter(new Map([[14, { ...facts, ...change(facts) }]]))
    const error = expectError(() => logs.get(14), 'CORRUPTION')
    assert.deepEqual([error.file, error.message.includes(message), files.openCount], ['000014.vlog', true, 0])
  }
  const { logs: others, version: own } = newScene({}, new Uint8Array(16))
  others.enter(own.valueLogs)
  assert.match(expectError(() => others.get(14), 'CORRUPTION').message, /another database/)
  const { logs: renamed, version: listed, vfs: disk } = newScene()
  disk.renameSync(`${DIR}/000014.vlog`, `${DIR}/000015.vlog`)
  renamed.enter(new Map([[15, { ...listed.valueLogs.get(14)!, fileNum: 15 }]]))
  assert.match(expectError(() => renamed.get(15), 'CORRUPTION').message, /file number 14/)
  for (const isKeeping of [false, true]) {
    const { logs, version, vfs } = newScene({ isKeeping })
    logs.enter(version.valueLogs)
    vfs.unlinkSync(`${DIR}/000014.vlog`)
    assert.equal(expectError(() => logs.get(14), 'MISSING_FILE').file, '000014.vlog')
  }
})

test('A22: with room for one file, others are closed for it; a replaced one is refused when it is opened', () => {
  const { logs, version, vfs, files } = newScene({ max: 1 })
  logs.enter(version.valueLogs)
  const [log, other] = [logs.get(12)!, logs.get(14)!]
  const bytes = new Uint8Array(8)
  for (const { file } of [log, other, log, other]) {
    assert.equal(file.readSync(bytes, 0, 8, 0), 8)
    assert.equal(files.openCount, 1)
  }
  log.file.readSync(bytes, 0, 8, 0)
  vfs.unlinkSync(`${DIR}/000014.vlog`)
  const another = [{ key: 'a', value: valueOf(9000, 1), log: 14 }]
  makeDatabase(vfs, newDirectory(vfs), { entries: another, seed: 9 })
  vfs.linkSync('/other/000014.vlog', `${DIR}/${valueLogFileName({ fileNum: 14, isLog: false })}`)
  expectError(() => other.file.readSync(bytes, 0, 8, 0), 'CORRUPTION')
})

function newDirectory(vfs: MemoryVfs): string {
  vfs.mkdirSync('/other')
  return '/other'
}
