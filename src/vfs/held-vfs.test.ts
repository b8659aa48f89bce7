/** LOCK-1: what the holder of a directory reaches, and what it leaves alone, when it goes, moves or is replaced. */
import assert from 'node:assert/strict'
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mock, test } from 'node:test'
import type { TestContext } from 'node:test'
import { lockGenerationFileName, VarveError } from '../base/index.js'
import { HeldVfs } from './held-vfs.js'
import { heldVfsFromSpec, NodeVfs } from './node/node-vfs.js'
import type { Vfs, VfsFile, VfsLock } from './vfs.js'

interface Held {
  root: string
  dir: string
  lock: VfsLock
  vfs: HeldVfs
  /** The view that a worker makes. */
  worker: HeldVfs
}

async function hold(t: TestContext, usePlace: boolean): Promise<Held> {
  const root = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'varve-held-')))
  const dir = join(root, 'db')
  fs.mkdirSync(dir)
  const inner = new NodeVfs({ usePlace })
  const lock = await inner.lock(dir)
  t.after(async () => {
    await lock.release()
    fs.rmSync(root, { recursive: true })
  })
  const worker = heldVfsFromSpec(new NodeVfs(), structuredClone(lock.spec!))
  return { root, dir, lock, vfs: new HeldVfs(inner, dir, lock), worker }
}

function write(vfs: Vfs, path: string, text: string): void {
  const file = vfs.openSync(path, 'create')
  file.writeSync(new TextEncoder().encode(text), 0, text.length, 0)
  file.syncSync()
  file.closeSync()
}

function read(file: VfsFile): string {
  const bytes = new Uint8Array(file.sizeSync())
  file.readSync(bytes, 0, bytes.length, 0)
  file.closeSync()
  return new TextDecoder().decode(bytes)
}

type Act = [name: string, act: (vfs: Vfs, dir: string) => void | Promise<unknown>]

const changes: Act[] = [
  ['create', (vfs, dir) => vfs.openSync(join(dir, 'new'), 'create').closeSync()],
  ['create, awaited', (vfs, dir) => vfs.open(join(dir, 'new'), 'create')],
  ['write', (vfs, dir) => vfs.openSync(join(dir, 'a'), 'write').closeSync()],
  ['write, awaited', (vfs, dir) => vfs.open(join(dir, 'a'), 'write')],
  ['link', (vfs, dir) => vfs.linkSync(join(dir, 'a'), join(dir, 'new'))],
  ['link, awaited', (vfs, dir) => vfs.link(join(dir, 'a'), join(dir, 'new'))],
  ['rename', (vfs, dir) => vfs.renameSync(join(dir, 'a'), join(dir, 'new'))],
  ['rename, awaited', (vfs, dir) => vfs.rename(join(dir, 'a'), join(dir, 'new'))],
  ['unlink', (vfs, dir) => vfs.unlinkSync(join(dir, 'a'))],
  ['unlink, awaited', (vfs, dir) => vfs.unlink(join(dir, 'a'))],
  ['mkdir', (vfs, dir) => vfs.mkdirSync(join(dir, 'new'))],
  ['mkdir, awaited', (vfs, dir) => vfs.mkdir(join(dir, 'new'))],
]

/** Changes that must be refused even when names are looked up by the path. */
const changesByPath: Act[] = [
  ...changes,
  ['sync', (vfs, dir) => vfs.syncDirSync(dir)],
  ['sync, awaited', (vfs, dir) => vfs.syncDir(dir)],
  ['read', (vfs, dir) => vfs.openSync(join(dir, 'a'), 'read').closeSync()],
  ['read, awaited', (vfs, dir) => vfs.open(join(dir, 'a'), 'read')],
  ['list', (vfs, dir) => void vfs.listSync(dir)],
  ['list, awaited', (vfs, dir) => vfs.list(dir)],
]

/** Checks that every change is refused, and that the directory at the path is as it was. */
async function nothingChanges(held: Held, vfs: HeldVfs, what: RegExp): Promise<void> {
  const before = fs.existsSync(held.dir) ? fs.readdirSync(held.dir).sort() : null
  const told: string[] = []
  vfs.onLost = (error) => void told.push(error.message)
  const acts = vfs.hasPlace ? changes : changesByPath
  for (const [name, act] of acts) {
    const tellsIt = (error: unknown): boolean => {
      if (!VarveError.is(error) || error.code !== 'LOCKED') return false
      return what.test(error.message) && error.message.includes(held.dir)
    }
    await assert.rejects(async () => act(vfs, held.dir), tellsIt, name)
  }
  assert.ok(told.length >= acts.length)
  assert.deepEqual(fs.existsSync(held.dir) ? fs.readdirSync(held.dir).sort() : null, before)
}

for (const usePlace of [true, false]) {
  const way = usePlace ? 'by its descriptor' : 'by its path'

  test(`${way}: a removed directory, and one that is made anew in its place`, async (t) => {
    const held = await hold(t, usePlace)
    write(held.vfs, join(held.dir, 'a'), 'old')
    fs.rmSync(held.dir, { recursive: true })
    for (const vfs of [held.vfs, held.worker]) await nothingChanges(held, vfs, /was removed/)
    fs.mkdirSync(held.dir)
    fs.writeFileSync(join(held.dir, 'a'), 'new')
    for (const vfs of [held.vfs, held.worker]) await nothingChanges(held, vfs, /was removed/)
    assert.equal(fs.readFileSync(join(held.dir, 'a'), 'utf8'), 'new')
  })

  test(`${way}: all files removed, other ones made under the same names`, async (t) => {
    const held = await hold(t, usePlace)
    for (const name of fs.readdirSync(held.dir)) fs.unlinkSync(join(held.dir, name))
    for (const vfs of [held.vfs, held.worker]) await nothingChanges(held, vfs, /was removed/)
    const next = await new NodeVfs({ useKernelLock: false }).lock(join(held.dir, '..', 'db', '.')).catch(() => null)
    assert.equal(next, null, 'this process has it still')
  })

  test(`${way}: overtaken by force`, async (t) => {
    const held = await hold(t, usePlace)
    write(held.vfs, join(held.dir, 'a'), 'old')
    fs.writeFileSync(join(held.dir, lockGenerationFileName(held.lock.generation + 1)), '')
    for (const vfs of [held.vfs, held.worker]) await nothingChanges(held, vfs, /was taken over/)
  })

  test(`${way}: a time that somebody changed is no other owner`, async (t) => {
    const held = await hold(t, usePlace)
    for (const name of fs.readdirSync(held.dir)) fs.utimesSync(join(held.dir, name), 1, 1)
    for (const vfs of [held.vfs, held.worker]) vfs.check()
  })
}

const hasPlaces = fs.existsSync('/proc/self/fd')

test('a moved directory is still ours, whatever has its name', { skip: !hasPlaces }, async (t) => {
  const held = await hold(t, true)
  write(held.vfs, join(held.dir, 'a'), 'ours')
  const moved = join(held.root, 'moved')
  fs.renameSync(held.dir, moved)
  fs.mkdirSync(held.dir)
  fs.writeFileSync(join(held.dir, 'a'), 'theirs')
  for (const vfs of [held.vfs, held.worker]) {
    assert.equal(read(vfs.openSync(join(held.dir, 'a'), 'read')), 'ours')
    vfs.linkSync(join(held.dir, 'a'), join(held.dir, 'b'))
    vfs.syncDirSync(held.dir)
    await vfs.syncDir(held.dir)
    assert.ok(vfs.listSync(held.dir).includes('b'))
    assert.equal(vfs.statSync(held.dir)?.kind, 'directory')
    vfs.unlinkSync(join(held.dir, 'b'))
  }
  assert.deepEqual(fs.readdirSync(held.dir), ['a'])
  assert.equal(fs.readFileSync(join(held.dir, 'a'), 'utf8'), 'theirs')
})

test('errors name the directory as its user does', { skip: !hasPlaces }, async (t) => {
  const { vfs, dir } = await hold(t, true)
  const names = (error: unknown): boolean => {
    const { message, path } = error as NodeJS.ErrnoException
    return message.includes(`'${join(dir, 'none')}'`) && path === join(dir, 'none')
  }
  assert.throws(() => vfs.openSync(join(dir, 'none'), 'read'), names)
  await assert.rejects(vfs.unlink(join(dir, 'none')), names)
  await assert.rejects(vfs.rename(join(dir, 'none'), join(dir, 'b')), names)
})

test('the sync of a held directory needs no descriptor', { skip: !hasPlaces }, async (t) => {
  const { vfs, dir } = await hold(t, true)
  const noneLeft = (): never => {
    throw Object.assign(new Error('EMFILE'), { code: 'EMFILE' })
  }
  for (const object of [fs, fs.promises]) mock.method(object, 'open', noneLeft)
  mock.method(fs, 'openSync', noneLeft)
  syncBuiltinESMExports()
  try {
    vfs.syncDirSync(dir)
    await vfs.syncDir(dir)
    assert.throws(() => vfs.openSync(join(dir, 'a'), 'read'), { code: 'EMFILE' })
  } finally {
    mock.restoreAll()
    syncBuiltinESMExports()
  }
})

test('after its end nothing is reached: the descriptor may be another directory\'s by then', async (t) => {
  for (const usePlace of [true, false]) {
    const { dir, vfs } = await hold(t, usePlace)
    write(vfs, join(dir, 'a'), 'a')
    let told = 0
    vfs.onLost = () => void told++
    vfs.end()
    const closed = { code: 'CLOSED' }
    for (const [name, act] of changes) await assert.rejects(async () => act(vfs, dir), closed, name)
    await assert.rejects(vfs.open(join(dir, 'a'), 'read'), closed)
    await assert.rejects(vfs.list(dir), closed)
    assert.throws(() => vfs.openSync(join(dir, 'gone'), 'read'), closed)
    assert.equal(told, 0)
  }
})
