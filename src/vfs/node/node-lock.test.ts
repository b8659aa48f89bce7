/**
 * The lock of a real directory: who counts as dead, what the error says, what stays on disk. Races between processes
 * are in test/contract/vfs-lock-race.test.ts.
 */
import assert from 'node:assert/strict'
import childProcess, { spawn, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mock, test } from 'node:test'
import type { TestContext } from 'node:test'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import { LOCK_FILE_NAME, lockGenerationFileName, NAME_NUMBER_MAX, VarveError } from '../../base/index.js'
import { readLockRecord } from './node-lock-record.js'
import type { LockRecord } from './node-lock-record.js'
import { forceUnlock, lockDirectory, lockHolder } from './node-lock.js'
import type { LockOptions } from './node-lock.js'
import { identifyProcess } from './node-process.js'

const withoutKernel: LockOptions = { useKernelLock: false }
const modulePath = join(import.meta.dirname, 'node-lock.js')
const moduleUrl = pathToFileURL(modulePath).href

function directory(t: TestContext): string {
  const dir = fs.mkdtempSync(join(tmpdir(), 'varve-lock-'))
  t.after(() => fs.rmSync(dir, { recursive: true }))
  return dir
}

function generationPath(dir: string, generation: number): string {
  return join(dir, lockGenerationFileName(generation))
}

/** Writes a record that a process like this one would have left. */
function plant(dir: string, generation: number, changes: Partial<LockRecord>): void {
  const record: LockRecord = {
    ...identifyProcess(), state: 'held', nonce: '1-2', since: '2026-01-02T03:04:05.000Z', kernelLock: '',
    directory: identityAt(dir), ...changes,
  }
  fs.writeFileSync(generationPath(dir, generation), JSON.stringify(record) + '\n')
}

function identityAt(path: string): string {
  const { dev, ino } = fs.statSync(path, { bigint: true })
  return `${dev}:${ino}`
}

/** A process id that was used and is free now. */
function deadPid(): number {
  return spawnSync(process.execPath, ['-e', '']).pid
}

async function refused(dir: string, what: RegExp, options: LockOptions = withoutKernel): Promise<VarveError> {
  let caught: unknown
  await assert.rejects(lockDirectory(dir, options), (error) => {
    caught = error
    return VarveError.is(error) && error.code === 'LOCKED' && what.test(error.message)
  })
  return caught as VarveError
}

test('a released generation stays, the next holder removes it', async (t) => {
  const dir = directory(t)
  const first = await lockDirectory(dir)
  assert.equal(first.generation, 1)
  await first.release()
  const record = readLockRecord(generationPath(dir, 1))
  assert.ok(typeof record !== 'string' && record.state === 'released')
  const second = await lockDirectory(dir)
  assert.equal(second.generation, 2)
  assert.deepEqual(fs.readdirSync(dir).sort(), [LOCK_FILE_NAME, lockGenerationFileName(2)])
  assert.equal(fs.statSync(generationPath(dir, 2)).mode & 0o777, 0o600)
  await second.release()
})

test('the error names process, host and time', async (t) => {
  const dir = directory(t)
  plant(dir, 7, { pid: process.ppid, startTime: '', host: identifyProcess().host })
  const error = await refused(dir, /is open in process \d+ on .+ since 2026-01-02T03:04:05\.000Z$/)
  assert.match(error.message, new RegExp(`process ${process.ppid} on ${identifyProcess().host} since`))
})

const elsewhere: Partial<LockRecord> = { host: 'elsewhere', pid: 77, bootId: 'other', pidNamespace: 'pid:[1]' }
const shared: LockOptions = { ...withoutKernel, isLocal: false }
const local: LockOptions = { ...withoutKernel, isLocal: true }

/** Owners: what a record says of its owner, how the next process looks at it, and the outcome. */
const owners: [string, Partial<LockRecord>, LockOptions, 'taken' | 'refused'][] = [
  ['its process is gone', { pid: deadPid() }, shared, 'taken'],
  ['its process id is used by another process now', { startTime: '1' }, shared, 'taken'],
  ['whether its process id is used by another process cannot be told', { startTime: '' }, shared, 'refused'],
  ['the machine was booted since', { bootId: 'before', pid: 1 }, shared, 'taken'],
  ['it was released', { ...elsewhere, state: 'released' }, shared, 'taken'],
  ['its process lives', {}, local, 'refused'],
  ['another machine has it', elsewhere, shared, 'refused'],
  ['another machine had this disk, and no kernel lock', elsewhere, local, 'refused'],
  ['another container has it', { pidNamespace: 'pid:[1]', pid: deadPid() }, local, 'refused'],
  ['its container is unknown', { pidNamespace: '', pid: deadPid() }, local, 'refused'],
  ['a copy of the directory of a living process', { directory: '1:2' }, shared, 'taken'],
  ['a copy from another machine, on a local disk', { ...elsewhere, directory: '1:2' }, local, 'taken'],
  ['perhaps a copy, on a disk that others may have', { ...elsewhere, directory: '1:2' }, shared, 'refused'],
]

for (const [title, changes, options, expected] of owners) {
  test(`generation 41, ${title}: ${expected}`, async (t) => {
    const dir = directory(t)
    plant(dir, 41, changes)
    if (expected === 'refused') {
      await refused(dir, /is open in process/, options)
      assert.deepEqual(fs.readdirSync(dir), [lockGenerationFileName(41)])
    } else {
      const lock = await lockDirectory(dir, options)
      assert.equal(lock.generation, 42)
      await lock.release()
    }
  })
}

test('a torn generation file is nobody\'s', async (t) => {
  for (const text of ['', '{"pid":1', 'null', '{}', '{"pid":-1}', '\0'.repeat(300), 'x'.repeat(9000)]) {
    const dir = directory(t)
    fs.writeFileSync(generationPath(dir, 3), text)
    assert.equal(await lockHolder(dir), null)
    const lock = await lockDirectory(dir, withoutKernel)
    assert.equal(lock.generation, 4)
    await lock.release()
  }
})

test('unlocking by force: whom nobody can see, but never who certainly lives', async (t) => {
  const dir = directory(t)
  assert.equal(await forceUnlock(dir), null)
  assert.deepEqual(fs.readdirSync(dir), [], 'nothing was made where nothing was')
  plant(dir, 7, elsewhere)
  await refused(dir, /is open in process 77 on elsewhere/)
  assert.deepEqual(await forceUnlock(dir, withoutKernel), {
    pid: 77, host: 'elsewhere', since: '2026-01-02T03:04:05.000Z',
  })
  assert.equal(await forceUnlock(dir, withoutKernel), null)
  const lock = await lockDirectory(dir, withoutKernel)
  assert.equal(lock.generation, 10, 'each unlock is a generation')
  await assert.rejects(forceUnlock(dir), { code: 'LOCKED', message: /already open in this process/ })
  await lock.release()
  for (const options of [{}, withoutKernel]) {
    const other = directory(t)
    const { child } = await heldByChild(t, other, options)
    const names = fs.readdirSync(other)
    await assert.rejects(forceUnlock(other, options), {
      code: 'LOCKED', message: new RegExp(`open in process ${child.pid}`), hint: /becomes free when process/,
    })
    assert.deepEqual(fs.readdirSync(other), names)
  }
})

test('who was taken for dead sees it', async (t) => {
  const dir = directory(t)
  const lock = await lockDirectory(dir, withoutKernel)
  assert.equal(lock.stateSync(), 'held')
  plant(dir, 2, {})
  assert.equal(lock.stateSync(), 'overtaken')
  await lock.release()
  const record = readLockRecord(generationPath(dir, 2))
  assert.ok(typeof record !== 'string' && record.state === 'held', 'the later holder is left alone')
})

/** Starts a process that takes the lock and keeps it. */
async function heldByChild(t: TestContext, dir: string, options: LockOptions, how = '') {
  const code =
    (how === '' ? '' :
      "process.getBuiltinModule('child_process').spawnSync = () => ({ status: null, error: { code: 'ENOENT' } })\n" +
      "process.getBuiltinModule('module').syncBuiltinESMExports()\n") +
    `const { lockDirectory } = await import(${JSON.stringify(moduleUrl)})\n` +
    `const lock = await lockDirectory(${JSON.stringify(dir)}, ${JSON.stringify(options)})\n` +
    'console.log(`generation ${lock.generation}`); setInterval(() => {}, 1000)'
  const child = spawn(process.execPath, ['--input-type=module', '-e', code])
  t.after(() => child.kill('SIGKILL'))
  let errors = ''
  child.stderr.on('data', (chunk) => (errors += String(chunk)))
  const stdout = await new Promise<string>((resolve, reject) => {
    child.stdout.once('data', (chunk) => resolve(String(chunk)))
    child.once('exit', () => reject(new Error(errors)))
  })
  return { child, stdout }
}

for (const options of [{}, withoutKernel]) {
  const layers = 'useKernelLock' in options ? 'generation files alone' : 'both layers'
  test(`${layers}: another process is refused, and gets it at once after SIGKILL`, async (t) => {
    const dir = directory(t)
    const { child } = await heldByChild(t, dir, options)
    await refused(dir, new RegExp(`open in process ${child.pid} on`), options)
    const exit = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await exit
    const lock = await lockDirectory(dir, options)
    assert.equal(lock.generation, 2)
    await lock.release()
  })

  test(`${layers}: another thread of this process is refused`, async (t) => {
    const dir = directory(t)
    const lock = await lockDirectory(dir, options)
    const code =
      "const { parentPort, workerData } = require('node:worker_threads')\n" +
      'import(workerData.url).then(({ lockDirectory }) => lockDirectory(workerData.dir, workerData.options))' +
      ".then(() => parentPort.postMessage('taken'), (error) => parentPort.postMessage(error.code))"
    const worker = new Worker(code, { eval: true, workerData: { url: moduleUrl, dir, options } })
    const answer = await new Promise((resolve) => worker.once('message', resolve))
    assert.equal(answer, 'LOCKED')
    await worker.terminate()
    assert.equal(lock.stateSync(), 'held')
    await lock.release()
  })
}

const hasKernelLock = fs.existsSync('/usr/bin/flock') && fs.existsSync('/proc/self/stat')
const replaced: Partial<LockRecord> = { pid: 77, pidNamespace: 'pid:[1]', host: 'replaced-container' }

test('the kernel lock proves the death of an owner that cannot be seen', { skip: !hasKernelLock }, async (t) => {
  const dir = directory(t)
  await (await lockDirectory(dir)).release()
  const kernelLock = `file ${identityAt(join(dir, LOCK_FILE_NAME))}`
  const [, inode] = kernelLock.split(':')
  const otherKernel = { ...replaced, bootId: 'other' }
  const proofs: [Partial<LockRecord>, LockOptions, 'taken' | 'refused'][] = [
    [{ ...replaced, kernelLock }, { isLocal: false }, 'taken'],
    [{ ...replaced, kernelLock: '' }, { isLocal: true }, 'refused'],
    [{ ...replaced, kernelLock: 'file 1:2' }, { isLocal: true }, 'refused'],
    [{ ...replaced, kernelLock }, withoutKernel, 'refused'],
    // A disk was moved to another machine, or the machine was renamed and booted.
    [{ ...otherKernel, kernelLock: `file 99:${inode}` }, { isLocal: true }, 'taken'],
    // Another machine may have the lock of such a file system.
    [{ ...otherKernel, kernelLock }, { isLocal: false }, 'refused'],
  ]
  for (const [changes, options, expected] of proofs) {
    plant(dir, 100, changes)
    if (expected === 'refused') await refused(dir, /replaced-container/, options)
    else await (await lockDirectory(dir, options)).release()
    for (const name of fs.readdirSync(dir)) if (name !== LOCK_FILE_NAME) fs.unlinkSync(join(dir, name))
  }
})

test('a lock on a file that was removed meanwhile is taken anew', { skip: !hasKernelLock }, async (t) => {
  const dir = directory(t)
  const openSync = fs.openSync
  let isFirst = true
  mock.method(fs, 'openSync', (path: string, ...more: [number, number]) => {
    const fd = openSync(path, ...more)
    if (path.endsWith(LOCK_FILE_NAME) && isFirst) {
      isFirst = false
      fs.unlinkSync(path)
    }
    return fd
  })
  syncBuiltinESMExports()
  const lock = await lockDirectory(dir).finally(() => {
    mock.restoreAll()
    syncBuiltinESMExports()
  })
  assert.ok(fs.existsSync(join(dir, LOCK_FILE_NAME)))
  await lock.release()
})

/** Runs as on a machine without the program `flock`. */
async function withoutFlock<T>(run: () => Promise<T>): Promise<T> {
  mock.method(childProcess, 'spawnSync', () => ({ status: null, error: { code: 'ENOENT' } }))
  syncBuiltinESMExports()
  try {
    return await run()
  } finally {
    mock.restoreAll()
    syncBuiltinESMExports()
  }
}

function sockets(dir: string): string[] {
  return fs.readdirSync(dir).filter((name) => name.includes('.socket.'))
}

const hasSockets = process.platform === 'linux' && fs.existsSync('/proc/self/fd')

test('without flock the lock is a socket, as long as it is held', { skip: !hasSockets }, async (t) => {
  const dir = directory(t)
  const lock = await withoutFlock(() => lockDirectory(dir))
  const [name] = sockets(dir)
  const record = readLockRecord(generationPath(dir, 1))
  assert.ok(typeof record !== 'string' && record.kernelLock === `socket ${name}`)
  await lock.release()
  assert.deepEqual(sockets(dir), [], 'it goes with the lock')
})

test('a socket whose owner was killed proves it, and goes', { skip: !hasSockets }, async (t) => {
  const dir = directory(t)
  const { child } = await heldByChild(t, dir, {}, 'without flock')
  const [name] = sockets(dir)
  const record = readLockRecord(generationPath(dir, 1))
  assert.ok(typeof record !== 'string')
  plant(dir, 1, { ...record, ...replaced })
  child.kill('SIGSTOP')
  const { hint } = await refused(dir, /replaced-container/, withoutKernel)
  assert.match(hint!, /becomes free when process 77 ends/)
  const exit = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await exit
  assert.deepEqual(sockets(dir), [name])
  const lock = await lockDirectory(dir, withoutKernel)
  assert.deepEqual(sockets(dir), [])
  await lock.release()
})

/** Runs as in a process of which a child would be a copy of 8 GiB. */
async function inLargeProcess<T>(run: () => Promise<T>): Promise<T> {
  mock.method(process.memoryUsage, 'rss', () => 2 ** 33)
  const spawned = mock.method(childProcess, 'spawnSync')
  syncBuiltinESMExports()
  try {
    return await run()
  } finally {
    childCount = spawned.mock.callCount()
    mock.restoreAll()
    syncBuiltinESMExports()
  }
}

let childCount = 0

test('a large process makes no child: the copy of its page tables would stop it', { skip: !hasSockets }, async (t) => {
  const dir = directory(t)
  const lock = await inLargeProcess(() => lockDirectory(dir))
  assert.equal(childCount, 0)
  assert.equal(sockets(dir).length, 1)
  await refused(dir, new RegExp(`already open in this process`), {})
  await lock.release()
  const second = await lockDirectory(dir)
  assert.equal(second.generation, 2)
  await second.release()
})

test('a large process and the lock of a file', { skip: !hasKernelLock }, async (t) => {
  const dir = directory(t)
  const { child } = await heldByChild(t, dir, {})
  await inLargeProcess(() => refused(dir, new RegExp(`open in process ${child.pid}`), {}))
  assert.equal(childCount, 0, 'a process that is seen needs no trial')
  const record = readLockRecord(generationPath(dir, 1))
  assert.ok(typeof record !== 'string')
  const unseen = { ...record, ...replaced }
  plant(dir, 1, unseen)
  const { hint } = await inLargeProcess(() => refused(dir, /replaced-container/, {}))
  assert.match(hint!, /becomes free when process 77 ends/)
  const exit = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await exit
  plant(dir, 1, { ...unseen, kernelLock: 'file 1:2' })
  await inLargeProcess(() => refused(dir, /replaced-container/, {}))
  plant(dir, 1, unseen)
  const lock = await inLargeProcess(() => lockDirectory(dir))
  assert.equal(lock.generation, 2)
  await lock.release()
})

test('a number behind which there is none is refused, and named', async (t) => {
  const dir = directory(t)
  plant(dir, NAME_NUMBER_MAX, { state: 'released' })
  const file = lockGenerationFileName(NAME_NUMBER_MAX)
  await assert.rejects(lockDirectory(dir, withoutKernel), { code: 'CORRUPTION', file })
  assert.deepEqual(fs.readdirSync(dir), [file])
})

test('a lock whose release failed is free again in this process', async (t) => {
  const dir = directory(t)
  const lock = await lockDirectory(dir, withoutKernel)
  mock.method(fs, 'lstatSync', () => {
    throw Object.assign(new Error('EACCES'), { code: 'EACCES' })
  })
  syncBuiltinESMExports()
  try {
    await assert.rejects(lock.release(), { code: 'EACCES' })
  } finally {
    mock.restoreAll()
    syncBuiltinESMExports()
  }
  const next = await lockDirectory(dir, withoutKernel)
  assert.equal(next.generation, 2)
  await next.release()
})

test('discard leaves nothing, and the next one begins anew', async (t) => {
  for (const options of [{}, withoutKernel]) {
    const dir = directory(t)
    fs.writeFileSync(join(dir, 'mine.txt'), '')
    await (await lockDirectory(dir, options)).release()
    const lock = await lockDirectory(dir, options)
    await lock.discard()
    assert.deepEqual(fs.readdirSync(dir), ['mine.txt'])
    const next = await lockDirectory(dir, options)
    await next.discard()
  }
})
