/**
 * One contract, every file system: registers the same tests for the Vfs that `make` gives. Each test
 * gets an empty directory; both forms of every operation are driven by the same script.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VarveError, errnoOf } from '../../src/base/index.js'
import type { OpenMode, Vfs, VfsFile } from '../../src/vfs/index.js'

export interface ContractSubject {
  vfs: Vfs
  /** An existing, empty directory. */
  dir: string
  cleanup?: () => void | Promise<void>
}

/** The blocking form and the awaited form behind one face. */
interface Form {
  name: string
  open(vfs: Vfs, path: string, mode: OpenMode): Promise<VfsFile>
  read(file: VfsFile, target: Uint8Array, at: number, length: number, position: number): Promise<number>
  write(file: VfsFile, source: Uint8Array, position: number): Promise<void>
  truncate(file: VfsFile, size: number): Promise<void>
  sync(file: VfsFile): Promise<void>
  dataSync(file: VfsFile): Promise<void>
  close(file: VfsFile): Promise<void>
  link(vfs: Vfs, from: string, to: string): Promise<void>
  rename(vfs: Vfs, from: string, to: string): Promise<void>
  unlink(vfs: Vfs, path: string): Promise<void>
  mkdir(vfs: Vfs, path: string): Promise<void>
  list(vfs: Vfs, path: string): Promise<string[]>
  stat(vfs: Vfs, path: string): ReturnType<Vfs['stat']>
  syncDir(vfs: Vfs, path: string): Promise<void>
}

const blocking: Form = {
  name: 'sync',
  open: async (vfs, path, mode) => vfs.openSync(path, mode),
  read: async (file, target, at, length, position) => file.readSync(target, at, length, position),
  async write(file, source, position) {
    for (let done = 0; done < source.length;) {
      done += file.writeSync(source, done, source.length - done, position + done)
    }
  },
  truncate: async (file, size) => file.truncateSync(size),
  sync: async (file) => file.syncSync(),
  dataSync: async (file) => file.dataSyncSync(),
  close: async (file) => file.closeSync(),
  link: async (vfs, from, to) => vfs.linkSync(from, to),
  rename: async (vfs, from, to) => vfs.renameSync(from, to),
  unlink: async (vfs, path) => vfs.unlinkSync(path),
  mkdir: async (vfs, path) => vfs.mkdirSync(path),
  list: async (vfs, path) => vfs.listSync(path),
  stat: async (vfs, path) => vfs.statSync(path),
  syncDir: async (vfs, path) => vfs.syncDirSync(path),
}

const awaited: Form = {
  name: 'async',
  open: (vfs, path, mode) => vfs.open(path, mode),
  read: (file, target, at, length, position) => file.read(target, at, length, position),
  async write(file, source, position) {
    for (let done = 0; done < source.length;) {
      done += await file.write(source, done, source.length - done, position + done)
    }
  },
  truncate: (file, size) => file.truncate(size),
  sync: (file) => file.sync(),
  dataSync: (file) => file.dataSync(),
  close: (file) => file.close(),
  link: (vfs, from, to) => vfs.link(from, to),
  rename: (vfs, from, to) => vfs.rename(from, to),
  unlink: (vfs, path) => vfs.unlink(path),
  mkdir: (vfs, path) => vfs.mkdir(path),
  list: (vfs, path) => vfs.list(path),
  stat: (vfs, path) => vfs.stat(path),
  syncDir: (vfs, path) => vfs.syncDir(path),
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

async function contentOf(form: Form, vfs: Vfs, path: string): Promise<string> {
  const file = await form.open(vfs, path, 'read')
  const bytes = new Uint8Array(file.sizeSync())
  assert.equal(await form.read(file, bytes, 0, bytes.length, 0), bytes.length)
  await form.close(file)
  return new TextDecoder().decode(bytes)
}

async function put(form: Form, vfs: Vfs, path: string, text: string): Promise<void> {
  const file = await form.open(vfs, path, 'create')
  await form.write(file, bytesOf(text), 0)
  await form.close(file)
}

async function failsWith(code: string | RegExp, run: () => Promise<unknown>): Promise<void> {
  await assert.rejects(run, (error) => {
    assert.match(errnoOf(error), typeof code === 'string' ? new RegExp(`^${code}$`) : code)
    return true
  })
}

type Make = () => ContractSubject | Promise<ContractSubject>
type Body = (form: Form, vfs: Vfs, dir: string) => Promise<void>

const cases: [string, Body][] = [
  ['writes, reads at a position, and knows its size', async (form, vfs, dir) => {
    const file = await form.open(vfs, vfs.join(dir, 'a'), 'create')
    assert.equal(file.sizeSync(), 0)
    await form.write(file, bytesOf('hello world'), 0)
    await form.write(file, bytesOf('W'), 6)
    assert.equal(file.sizeSync(), 11)
    const target = new Uint8Array(10)
    assert.equal(await form.read(file, target, 2, 5, 6), 5)
    assert.deepEqual(target, bytesOf('\0\0World\0\0\0'))
    assert.equal(await form.read(file, target, 0, 10, 9), 2)
    assert.equal(await form.read(file, target, 0, 10, 11), 0)
    assert.equal(await form.read(file, target, 0, 10, 4000), 0)
    assert.equal(await form.read(file, target, 0, 0, 0), 0)
    await form.sync(file)
    await form.dataSync(file)
    await form.close(file)
    assert.equal(await contentOf(form, vfs, file.path), 'hello World')
  }],
  ['writes only the given part of the source', async (form, vfs, dir) => {
    const file = await form.open(vfs, vfs.join(dir, 'a'), 'create')
    const source = bytesOf('0123456789')
    if (form.name === 'sync') assert.equal(file.writeSync(source, 3, 4, 0), 4)
    else assert.equal(await file.write(source, 3, 4, 0), 4)
    assert.equal(file.writeSync(source, 0, 0, 100), 0)
    await form.close(file)
    assert.equal(await contentOf(form, vfs, file.path), '3456')
  }],
  ['reads and writes shared memory', async (form, vfs, dir) => {
    const shared = new Uint8Array(new SharedArrayBuffer(16))
    shared.set(bytesOf('shared'), 4)
    const file = await form.open(vfs, vfs.join(dir, 'a'), 'create')
    await form.write(file, shared.subarray(4, 10), 0)
    assert.equal(await form.read(file, shared, 10, 6, 0), 6)
    assert.equal(Buffer.from(shared.slice()).toString(), '\0\0\0\0sharedshared')
    await form.close(file)
  }],
  ['fills a hole with zeros; truncate cuts and extends with zeros', async (form, vfs, dir) => {
    const path = vfs.join(dir, 'a')
    const file = await form.open(vfs, path, 'create')
    await form.write(file, bytesOf('end'), 5)
    assert.equal(await contentOf(form, vfs, path), '\0\0\0\0\0end')
    await form.truncate(file, 6)
    assert.equal(file.sizeSync(), 6)
    await form.truncate(file, 8)
    assert.equal(await contentOf(form, vfs, path), '\0\0\0\0\0e\0\0')
    await form.truncate(file, 0)
    assert.equal(await contentOf(form, vfs, path), '')
    await form.close(file)
  }],
  ['keeps a few hundred KiB written in pieces', async (form, vfs, dir) => {
    const file = await form.open(vfs, vfs.join(dir, 'a'), 'create')
    const piece = new Uint8Array(10_007)
    for (let i = 0; i < 30; i++) await form.write(file, piece.fill(i + 1), i * piece.length)
    const all = new Uint8Array(30 * piece.length)
    assert.equal(await form.read(file, all, 0, all.length, 0), all.length)
    assert.ok(all.every((byte, i) => byte === Math.floor(i / piece.length) + 1))
    await form.close(file)
  }],
  ['opens what is there, creates what is not, and tells which', async (form, vfs, dir) => {
    const path = vfs.join(dir, 'a')
    await failsWith('ENOENT', () => form.open(vfs, path, 'read'))
    await failsWith('ENOENT', () => form.open(vfs, path, 'write'))
    await failsWith('ENOENT', () => form.open(vfs, vfs.join(vfs.join(dir, 'none'), 'a'), 'create'))
    await put(form, vfs, path, 'one')
    await failsWith('EEXIST', () => form.open(vfs, path, 'create'))
    await failsWith(/^E(ISDIR|INVAL)$/, () => form.open(vfs, dir, 'read'))
    await failsWith(/^E(ISDIR|INVAL)$/, () => form.open(vfs, dir, 'write'))
    const file = await form.open(vfs, path, 'write')
    await form.write(file, bytesOf('two'), 0)
    await form.close(file)
    assert.equal(await contentOf(form, vfs, path), 'two')
  }],
  ['a handle opened for reading does not write', async (form, vfs, dir) => {
    const path = vfs.join(dir, 'a')
    await put(form, vfs, path, 'one')
    const file = await form.open(vfs, path, 'read')
    await failsWith('EBADF', () => form.write(file, bytesOf('x'), 0))
    await failsWith(/^E(BADF|INVAL)$/, () => form.truncate(file, 0))
    await form.sync(file)
    await form.close(file)
    assert.equal(await contentOf(form, vfs, path), 'one')
  }],
  ['after close every call fails with EBADF, close itself does not', async (form, vfs, dir) => {
    const file = await form.open(vfs, vfs.join(dir, 'a'), 'create')
    await form.close(file)
    await form.close(file)
    await failsWith('EBADF', () => form.read(file, new Uint8Array(1), 0, 1, 0))
    await failsWith('EBADF', () => form.write(file, bytesOf('x'), 0))
    await failsWith('EBADF', () => form.sync(file))
    await failsWith('EBADF', () => form.dataSync(file))
    await failsWith('EBADF', () => form.truncate(file, 0))
    assert.throws(() => file.sizeSync(), { code: 'EBADF' })
  }],
  ['close waits for what was begun and refuses what comes later', async (form, vfs, dir) => {
    const file = await form.open(vfs, vfs.join(dir, 'a'), 'create')
    const big = new Uint8Array(1 << 20).fill(7)
    let isWritten = false
    const write = file.write(big, 0, big.length, 0).then((count) => {
      isWritten = true
      return count
    })
    const closed = form.close(file)
    await failsWith('EBADF', () => file.write(big, 0, 1, 0))
    assert.throws(() => file.writeSync(big, 0, 1, 0), { code: 'EBADF' })
    await closed
    if (form.name === 'async') assert.ok(isWritten)
    const count = await write
    assert.equal((await vfs.stat(file.path))?.size, count)
  }],
  ['a range outside the buffer is refused', async (form, vfs, dir) => {
    const file = await form.open(vfs, vfs.join(dir, 'a'), 'create')
    await form.write(file, new Uint8Array(64), 0)
    const bytes = new Uint8Array(8)
    await assert.rejects(form.read(file, bytes, 4, 8, 0), RangeError)
    await assert.rejects(async () => file.writeSync(bytes, 4, 8, 0), RangeError)
    await assert.rejects(file.write(bytes, 4, 8, 0), RangeError)
    assert.equal(file.sizeSync(), 64)
    await form.close(file)
  }],
  ['link gives a second name and never replaces', async (form, vfs, dir) => {
    const [a, b] = [vfs.join(dir, 'a'), vfs.join(dir, 'b')]
    await failsWith('ENOENT', () => form.link(vfs, a, b))
    await put(form, vfs, a, 'one')
    await form.link(vfs, a, b)
    await failsWith('EEXIST', () => form.link(vfs, a, b))
    assert.equal((await form.stat(vfs, a))!.identity, (await form.stat(vfs, b))!.identity)
    await form.unlink(vfs, a)
    assert.equal(await form.stat(vfs, a), null)
    assert.equal(await contentOf(form, vfs, b), 'one')
  }],
  ['rename moves and replaces', async (form, vfs, dir) => {
    const [a, b] = [vfs.join(dir, 'a'), vfs.join(dir, 'b')]
    await failsWith('ENOENT', () => form.rename(vfs, a, b))
    await put(form, vfs, a, 'one')
    await put(form, vfs, b, 'two')
    const old = await form.open(vfs, b, 'read')
    await form.rename(vfs, a, b)
    assert.deepEqual(await form.list(vfs, dir), ['b'])
    assert.equal(await contentOf(form, vfs, b), 'one')
    const bytes = new Uint8Array(3)
    await form.read(old, bytes, 0, 3, 0)
    assert.deepEqual(bytes, bytesOf('two'))
    await form.close(old)
    await form.rename(vfs, b, b)
    assert.equal(await contentOf(form, vfs, b), 'one')
  }],
  ['an unlinked file lives on in its open handles', async (form, vfs, dir) => {
    const path = vfs.join(dir, 'a')
    const file = await form.open(vfs, path, 'create')
    await form.write(file, bytesOf('one'), 0)
    await form.unlink(vfs, path)
    await failsWith('ENOENT', () => form.unlink(vfs, path))
    await form.write(file, bytesOf('two'), 3)
    const bytes = new Uint8Array(6)
    assert.equal(await form.read(file, bytes, 0, 6, 0), 6)
    assert.deepEqual(bytes, bytesOf('onetwo'))
    await put(form, vfs, path, 'new')
    await form.close(file)
    assert.equal(await contentOf(form, vfs, path), 'new')
  }],
  ['directories', async (form, vfs, dir) => {
    const sub = vfs.join(dir, 'sub')
    await failsWith('ENOENT', () => form.list(vfs, sub))
    await failsWith('ENOENT', () => form.syncDir(vfs, sub))
    await failsWith('ENOENT', () => form.mkdir(vfs, vfs.join(sub, 'deep')))
    await form.mkdir(vfs, sub)
    await failsWith('EEXIST', () => form.mkdir(vfs, sub))
    assert.deepEqual(await form.list(vfs, sub), [])
    for (const name of ['c', 'a', 'b']) await put(form, vfs, vfs.join(sub, name), name)
    assert.deepEqual((await form.list(vfs, sub)).sort(), ['a', 'b', 'c'])
    await form.syncDir(vfs, sub)
    await failsWith('ENOTEMPTY', () => vfs.rmdir(sub))
    await failsWith(/^E(ISDIR|PERM)$/, () => form.unlink(vfs, sub))
    for (const name of ['c', 'a', 'b']) await form.unlink(vfs, vfs.join(sub, name))
    await vfs.rmdir(sub)
    await failsWith('ENOENT', () => vfs.rmdir(sub))
    assert.deepEqual(await form.list(vfs, dir), [])
  }],
  ['stat tells kind, size and rights', async (form, vfs, dir) => {
    assert.equal(await form.stat(vfs, vfs.join(dir, 'a')), null)
    await put(form, vfs, vfs.join(dir, 'a'), 'four')
    await form.mkdir(vfs, vfs.join(dir, 'sub'))
    const file = (await form.stat(vfs, vfs.join(dir, 'a')))!
    const sub = (await form.stat(vfs, vfs.join(dir, 'sub')))!
    assert.deepEqual([file.kind, file.size, sub.kind], ['file', 4, 'directory'])
    assert.notEqual(file.identity, sub.identity)
    if (file.mode !== 0) assert.deepEqual([file.mode, sub.mode], [0o600, 0o700])
  }],
  ['paths and free space', async (form, vfs, dir) => {
    const sub = vfs.join(dir, 'sub')
    await form.mkdir(vfs, sub)
    assert.equal(vfs.parent(sub), dir)
    assert.equal(await vfs.realPath(vfs.join(sub, '..')), await vfs.realPath(dir))
    await failsWith('ENOENT', () => vfs.realPath(vfs.join(dir, 'none')))
    assert.ok((await vfs.freeBytes(dir)) > 0)
  }],
]

export function vfsContract(name: string, make: Make): void {
  for (const form of [blocking, awaited]) {
    for (const [title, body] of cases) {
      test(`${name} (${form.name}): ${title}`, async () => {
        const { vfs, dir, cleanup } = await make()
        try {
          await body(form, vfs, dir)
        } finally {
          await cleanup?.()
        }
      })
    }
  }
  test(`${name}: one holder of the lock at a time, generations rise`, async () => {
    const { vfs, dir, cleanup } = await make()
    try {
      await lockContract(vfs, dir)
    } finally {
      await cleanup?.()
    }
  })
}

async function lockContract(vfs: Vfs, dir: string): Promise<void> {
  const isLocked = (error: unknown) => VarveError.is(error) && error.code === 'LOCKED'
  const first = await vfs.lock(dir)
  assert.equal(first.stateSync(), 'held')
  await assert.rejects(vfs.lock(dir), isLocked)
  await assert.rejects(vfs.lock(vfs.join(dir, '.')), isLocked)
  const other = vfs.join(dir, 'other')
  await vfs.mkdir(other)
  await (await vfs.lock(other)).release()
  await first.release()
  assert.notEqual(first.stateSync(), 'held')
  const second = await vfs.lock(dir)
  assert.ok(second.generation > first.generation)
  assert.equal(second.stateSync(), 'held')
  await first.release()
  assert.equal(second.stateSync(), 'held', 'the release of an earlier holder changes nothing')
  await assert.rejects(vfs.lock(dir), isLocked)
  await second.release()
}
