/** Every file system keeps the contract of src/vfs/vfs.ts. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { NodeVfs } from '../../src/vfs/index.js'
import { FaultyVfs, MemoryVfs, SimVfs } from '../../src/testing.js'
import { vfsContract } from './vfs-suite.js'

vfsContract('MemoryVfs', () => {
  const vfs = new MemoryVfs()
  vfs.mkdirSync('/db')
  return { vfs, dir: '/db' }
})

vfsContract('NodeVfs', () => {
  const root = mkdtempSync(join(tmpdir(), 'varve-vfs-'))
  const vfs = new NodeVfs()
  const dir = join(root, 'db')
  vfs.mkdirSync(dir)
  return { vfs, dir, cleanup: () => rmSync(root, { recursive: true }) }
})

for (const seed of [1, 2, 3]) {
  vfsContract(`SimVfs, seed ${seed}`, () => {
    const vfs = new SimVfs({ seed })
    vfs.mkdirSync('/db')
    return { vfs, dir: '/db', cleanup: () => assert.deepEqual(vfs.violations, []) }
  })
}

vfsContract('FaultyVfs without rules', () => {
  const vfs = new FaultyVfs(new MemoryVfs())
  vfs.mkdirSync('/db')
  return { vfs, dir: '/db' }
})
