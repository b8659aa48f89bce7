import assert from 'node:assert/strict'
import { test } from 'node:test'
import { watchedVfs } from '../../test/support/fakes/watched-vfs.js'
import { FileSystemError, MemoryVfs } from '../vfs/index.js'
import { unlinkFiles } from './unlink-files.js'

test('files that are gone already count as removed; what stays is told', () => {
  const vfs = new MemoryVfs()
  vfs.mkdirSync('/db')
  for (const name of ['1', '2', '3']) vfs.openSync(`/db/${name}`, 'create').closeSync()
  const stubborn = watchedVfs(vfs, {
    before: (call) => {
      if (call.name === 'unlink' && call.file === '2') throw new FileSystemError('EPERM', 'unlink', '2')
    },
  })
  const job = unlinkFiles({ dir: '/db', names: ['1', '2', 'gone', '3'] }, { vfs: stubborn })
  let turn = job.next()
  while (turn.done !== true) turn = job.next()
  assert.deepEqual(turn.value, ['2'])
  assert.deepEqual(vfs.listSync('/db'), ['2'])
})
