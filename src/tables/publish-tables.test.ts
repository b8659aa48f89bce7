import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runToEnd } from '../base/index.js'
import { FileSystemError, MemoryVfs } from '../vfs/index.js'
import { expectError } from '../../test/support/harness/expect-error.js'
import { eio, recordCalls, watchedVfs } from '../../test/support/fakes/watched-vfs.js'
import type { WatchedCall } from '../../test/support/fakes/watched-vfs.js'
import { namesMade, publishTables, syncFiles } from './publish-tables.js'

const temp = '000012.table.tmp.1.2'
const input = { dir: '/db', files: [{ tempName: temp, finalName: '000012.table' }] }

/** Makes a directory with files that contain their name. */
function newVfs(...names: string[]): MemoryVfs {
  const vfs = new MemoryVfs()
  vfs.mkdirSync('/db')
  for (const name of names) {
    const file = vfs.openSync(`/db/${name}`, 'create')
    file.writeSync(Buffer.from(name), 0, name.length, 0)
    file.closeSync()
  }
  return vfs
}

function contentOf(vfs: MemoryVfs, name: string): string {
  const file = vfs.openSync(`/db/${name}`, 'read')
  const bytes = new Uint8Array(100)
  return Buffer.from(bytes.subarray(0, file.readSync(bytes, 0, 100, 0))).toString()
}

test('FLUSH-5: the name is linked, the temp name goes, the directory is synced last', () => {
  const vfs = newVfs(temp)
  const calls: string[] = []
  runToEnd(publishTables(input, { vfs: recordCalls(vfs, calls) }))
  assert.deepEqual(calls, [`link ${temp}`, `unlink ${temp}`, 'syncDir db'])
  assert.deepEqual(vfs.listSync('/db'), ['000012.table'])
  assert.equal(contentOf(vfs, '000012.table'), temp)
})

test('FLUSH-6: a name that is taken is never replaced, with hard links and without', () => {
  for (const errno of ['', 'ENOTSUP', 'EPERM', 'EOPNOTSUPP', 'ENOSYS']) {
    const vfs = newVfs(temp, '000012.table')
    const error = expectError(() => runToEnd(publishTables(input, { vfs: withoutLinks(vfs, errno) })), 'IO_ERROR')
    assert.equal(error.file, '000012.table')
    assert.equal(contentOf(vfs, '000012.table'), '000012.table')
  }
})

function withoutLinks(vfs: MemoryVfs, errno: string, calls: string[] = []) {
  return watchedVfs(vfs, {
    before: ({ name, file }: WatchedCall) => {
      calls.push(`${name} ${file}`)
      if (name === 'link' && errno !== '') throw new FileSystemError(errno, name, file)
    },
  })
}

test('without hard links the final name is claimed first, then renamed over', () => {
  const vfs = newVfs(temp)
  const calls: string[] = []
  runToEnd(publishTables(input, { vfs: withoutLinks(vfs, 'ENOTSUP', calls) }))
  assert.deepEqual(calls, [
    `link ${temp}`, 'open create 000012.table', 'close 000012.table', `rename ${temp}`, 'syncDir db',
  ])
  assert.deepEqual(vfs.listSync('/db'), ['000012.table'])
  assert.equal(contentOf(vfs, '000012.table'), temp)
})

const several = {
  dir: '/db', files: [12, 13, 14].map((n) => ({ tempName: `0000${n}.table.tmp.1.2`, finalName: `0000${n}.table` })),
}
const severalTemps = several.files.map(({ tempName }) => tempName)
const severalNames = ['000012.table', '000013.table', '000014.table']

test('FLUSH-5: several tables are named first, then the directory is synced once', () => {
  const vfs = newVfs(...severalTemps)
  const calls: string[] = []
  runToEnd(publishTables(several, { vfs: recordCalls(vfs, calls) }))
  const of = (call: string) => severalTemps.map((name) => `${call} ${name}`)
  assert.deepEqual(calls, [...of('link'), ...of('unlink'), 'syncDir db'])
  assert.deepEqual(vfs.listSync('/db').sort(), severalNames)
})

/** Fails at the last table: in `link`, or without hard links in the call that takes its place. */
function failingLast(vfs: MemoryVfs, at: string, { when = 'before', calls = [] as string[] } = {}) {
  const fail = (call: WatchedCall) => {
    const isLast = call.file === severalTemps[2] || call.file === '000014.table'
    if (call.name === at && isLast) throw eio(call)
  }
  return watchedVfs(vfs, {
    before: (call) => {
      calls.push(call.name)
      if (when === 'before') fail(call)
      if (at !== 'link' && call.name === 'link') throw new FileSystemError('ENOTSUP', call.name, call.file)
    },
    after: (call) => {
      if (when === 'after') fail(call)
    },
  })
}

test('FLUSH-5: when one of several cannot be named nothing is synced; what may be there then is named', () => {
  for (const at of ['link', 'open create', 'rename']) {
    for (const when of ['before', 'after']) {
      const vfs = newVfs(...severalTemps)
      const calls: string[] = []
      const failing = failingLast(vfs, at, { when, calls })
      const error = expectError(() => runToEnd(publishTables(several, { vfs: failing })), 'IO_ERROR')
      assert.equal(error.file, '000014.table')
      assert.ok(!calls.includes('syncDir'))
      const made = [...severalTemps, ...namesMade(severalNames, error)]
      assert.deepEqual(vfs.listSync('/db').filter((name) => !made.includes(name)), [], `${at}, ${when}`)
    }
  }
})

test('FLUSH-6: a name that was taken, and those after it, are not what a failed publish made', () => {
  const vfs = newVfs(...severalTemps, '000013.table')
  const error = expectError(() => runToEnd(publishTables(several, { vfs })), 'IO_ERROR')
  assert.equal(contentOf(vfs, '000013.table'), '000013.table')
  assert.deepEqual(namesMade(severalNames, error), ['000012.table'])
  assert.deepEqual(namesMade(severalTemps, error), severalTemps)
  assert.deepEqual(namesMade(severalNames, new Error('a thread ended')), severalNames)
})

test('another error of link is not taken for a file system without links', () => {
  const vfs = newVfs(temp)
  expectError(() => runToEnd(publishTables(input, { vfs: withoutLinks(vfs, 'ENOSPC') })), 'NO_SPACE')
  assert.deepEqual(vfs.listSync('/db'), [temp])
})

test('a directory that cannot be synced is told apart from a table that cannot be named', () => {
  const failing = (name: string) => watchedVfs(newVfs(temp, 'a.table'), {
    before: (call) => {
      if (call.name === name) throw eio(call)
    },
  })
  assert.deepEqual(runToEnd(publishTables(input, { vfs: failing('unlink') })), [temp], 'the temp name may stay')
  assert.equal(expectError(() => runToEnd(publishTables(input, { vfs: failing('syncDir') })), 'IO_ERROR').file, '.')
  const linking = expectError(() => runToEnd(publishTables(input, { vfs: failing('link') })), 'IO_ERROR')
  assert.equal(linking.file, '000012.table')
  const files = { dir: '/db', names: ['a.table'] }
  assert.equal(expectError(() => runToEnd(syncFiles(files, { vfs: failing('syncDir') })), 'IO_ERROR').file, '.')
  assert.equal(expectError(() => runToEnd(syncFiles(files, { vfs: failing('sync') })), 'IO_ERROR').file, 'a.table')
})

test('fast mode: each file is synced, then the directory', () => {
  const calls: string[] = []
  const vfs = recordCalls(newVfs('a.table', 'b.table'), calls)
  runToEnd(syncFiles({ dir: '/db', names: ['a.table', 'b.table'] }, { vfs }))
  assert.deepEqual(calls.filter((call) => call.startsWith('sync')), ['sync a.table', 'sync b.table', 'syncDir db'])
})
