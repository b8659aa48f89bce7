import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FileSystemError, MemoryVfs } from '../vfs/index.js'
import { expectError } from '../../test/support/expect-error.js'
import { eio, recordCalls, watchedVfs } from '../../test/support/watched-vfs.js'
import type { WatchedCall } from '../../test/support/watched-vfs.js'
import { publishTable, syncFiles } from './flush-install.js'
import { isRetained, unlinkFiles } from './flush-release.js'

const temp = '000012.table.tmp.1.2'
const input = { dir: '/db', tempName: temp, tableNum: 12 }

/** A directory with files that contain their name. */
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

function run<T>(job: Generator<undefined, T, unknown>): T {
  for (;;) {
    const turn = job.next()
    if (turn.done === true) return turn.value
  }
}

test('FLUSH-5: the name is linked, the temp name goes, the directory is synced last', () => {
  const vfs = newVfs(temp)
  const calls: string[] = []
  run(publishTable(input, { vfs: recordCalls(vfs, calls) }))
  assert.deepEqual(calls, [`link ${temp}`, `unlink ${temp}`, 'syncDir db'])
  assert.deepEqual(vfs.listSync('/db'), ['000012.table'])
  assert.equal(contentOf(vfs, '000012.table'), temp)
})

test('FLUSH-6: a name that is taken is never replaced, with hard links and without', () => {
  for (const errno of ['', 'ENOTSUP', 'EPERM', 'EOPNOTSUPP', 'ENOSYS']) {
    const vfs = newVfs(temp, '000012.table')
    const error = expectError(() => run(publishTable(input, { vfs: withoutLinks(vfs, errno) })), 'IO_ERROR')
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
  run(publishTable(input, { vfs: withoutLinks(vfs, 'ENOTSUP', calls) }))
  assert.deepEqual(calls, [
    `link ${temp}`, 'open create 000012.table', 'close 000012.table', `rename ${temp}`, 'syncDir db',
  ])
  assert.deepEqual(vfs.listSync('/db'), ['000012.table'])
  assert.equal(contentOf(vfs, '000012.table'), temp)
})

test('another error of link is not taken for a file system without links', () => {
  const vfs = newVfs(temp)
  expectError(() => run(publishTable(input, { vfs: withoutLinks(vfs, 'ENOSPC') })), 'NO_SPACE')
  assert.deepEqual(vfs.listSync('/db'), [temp])
})

test('a directory that cannot be synced is told apart from a table that cannot be named', () => {
  const failing = (name: string) => watchedVfs(newVfs(temp, 'a.table'), {
    before: (call) => {
      if (call.name === name) throw eio(call)
    },
  })
  assert.equal(run(publishTable(input, { vfs: failing('unlink') })), null, 'the temp name may stay')
  assert.equal(expectError(() => run(publishTable(input, { vfs: failing('syncDir') })), 'IO_ERROR').file, '.')
  assert.equal(expectError(() => run(publishTable(input, { vfs: failing('link') })), 'IO_ERROR').file, '000012.table')
  const files = { dir: '/db', names: ['a.table'] }
  assert.equal(expectError(() => run(syncFiles(files, { vfs: failing('syncDir') })), 'IO_ERROR').file, '.')
  assert.equal(expectError(() => run(syncFiles(files, { vfs: failing('sync') })), 'IO_ERROR').file, 'a.table')
})

test('fast mode: each file is synced, then the directory', () => {
  const calls: string[] = []
  const vfs = recordCalls(newVfs('a.table', 'b.table'), calls)
  run(syncFiles({ dir: '/db', names: ['a.table', 'b.table'] }, { vfs }))
  assert.deepEqual(calls.filter((call) => call.startsWith('sync')), ['sync a.table', 'sync b.table', 'syncDir db'])
})

test('files that are gone already count as removed; what stays is told', () => {
  const vfs = newVfs('1', '2', '3')
  const stubborn = watchedVfs(vfs, {
    before: (call) => {
      if (call.name === 'unlink' && call.file === '2') throw new FileSystemError('EPERM', 'unlink', '2')
    },
  })
  assert.deepEqual(run(unlinkFiles({ dir: '/db', names: ['1', '2', 'gone', '3'] }, { vfs: stubborn })), ['2'])
  assert.deepEqual(vfs.listSync('/db'), ['2'])
})

test('FLUSH-7: a pin keeps its log and every later one', () => {
  assert.equal(isRetained(7, new Map()), false)
  const pins = new Map([['a', 9], ['b', 7]])
  assert.deepEqual([6, 7, 8, 20].map((log) => isRetained(log, pins)), [false, true, true, true])
})
