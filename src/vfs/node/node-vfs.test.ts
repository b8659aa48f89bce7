/** What only the real file system can show; the common contract is test/contract/vfs.test.ts. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { crc32 } from '../../base/index.js'
import { NodeVfs, vfsFromSpec } from './node-vfs.js'

function directory(t: TestContext): string {
  const dir = fs.mkdtempSync(join(tmpdir(), 'varve-vfs-'))
  t.after(() => fs.rmSync(dir, { recursive: true }))
  return dir
}

test('files are 0600 and directories 0700 whatever the umask', async (t) => {
  const dir = directory(t)
  const vfs = new NodeVfs()
  const umask = process.umask(0)
  t.after(() => process.umask(umask))
  vfs.mkdirSync(join(dir, 'sub'))
  await vfs.mkdir(join(dir, 'sub2'))
  vfs.openSync(join(dir, 'a'), 'create').closeSync()
  await (await vfs.open(join(dir, 'b'), 'create')).close()
  const modes = ['sub', 'sub2', 'a', 'b'].map((name) => vfs.statSync(join(dir, name))!.mode)
  assert.deepEqual(modes, [0o700, 0o700, 0o600, 0o600])
})

test('a symbolic link is never followed, a pipe or directory never opened', async (t) => {
  const dir = directory(t)
  const vfs = new NodeVfs()
  fs.writeFileSync(join(dir, 'target'), 'secret')
  fs.symlinkSync(join(dir, 'target'), join(dir, 'link'))
  spawnSync('mkfifo', [join(dir, 'pipe')])
  for (const mode of ['read', 'write'] as const) {
    assert.throws(() => vfs.openSync(join(dir, 'link'), mode), { code: 'ELOOP' })
    await assert.rejects(vfs.open(join(dir, 'link'), mode), { code: 'ELOOP' })
    assert.throws(() => vfs.openSync(dir, mode), { code: 'EISDIR' })
    await assert.rejects(vfs.open(dir, mode), { code: 'EISDIR' })
    if (!fs.existsSync(join(dir, 'pipe'))) continue
    assert.throws(() => vfs.openSync(join(dir, 'pipe'), mode), { code: 'EINVAL' })
    await assert.rejects(vfs.open(join(dir, 'pipe'), mode), { code: 'EINVAL' })
  }
  assert.throws(() => vfs.openSync(join(dir, 'link'), 'create'), { code: 'EEXIST' })
  assert.equal(vfs.statSync(join(dir, 'link'))!.kind, 'other')
  assert.equal(vfs.statSync(join(dir, 'target', 'below')), null)
})

test('writes queued before close never reach the file that gets the descriptor next', async (t) => {
  const dir = directory(t)
  const vfs = new NodeVfs()
  const big = new Uint8Array(4 << 20).fill(1)
  for (const form of ['sync', 'async'] as const) {
    const file = vfs.openSync(join(dir, `old-${form}`), 'create')
    // There are more writes than the four threads of the pool, so some are still queued.
    const writes = Array.from({ length: 8 }, (_, i) => file.write(big, 0, big.length, i * big.length))
    if (form === 'sync') file.closeSync()
    else void file.close()
    const next = vfs.openSync(join(dir, `new-${form}`), 'create')
    await Promise.all(writes)
    assert.equal(next.sizeSync(), 0)
    await file.close()
    assert.equal(vfs.statSync(join(dir, `old-${form}`))!.size, 8 * big.length)
    next.closeSync()
  }
})

test('no descriptor is left when opening fails after open', { skip: !fs.existsSync('/proc/self/fd') }, async (t) => {
  const dir = directory(t)
  const vfs = new NodeVfs()
  const count = () => fs.readdirSync('/proc/self/fd').length
  const before = count()
  for (let i = 0; i < 5; i++) {
    assert.throws(() => vfs.openSync(dir, 'read'))
    await assert.rejects(vfs.open(dir, 'read'))
    vfs.syncDirSync(dir)
    await vfs.syncDir(dir)
  }
  assert.equal(count(), before)
})

test('the checksum of long ranges is the same with the native function, on shared memory too', () => {
  const shared = new Uint8Array(new SharedArrayBuffer(5000)).map((_, i) => i * 31)
  const short = Array.from({ length: 50 }, (_, i) => [i * 100, (i + 1) * 100] as const)
  assert.equal(crc32(shared, 0, 5000), short.reduce((crc, [from, to]) => crc32(shared, from, to, crc), 0))
})

test('a worker makes its own from the spec', () => {
  assert.ok(vfsFromSpec(new NodeVfs().workerSpec) instanceof NodeVfs)
})
