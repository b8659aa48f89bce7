/**
 * The lock of a real directory: who counts as dead, what the error says, what stays on disk.
 * Races between processes: test/contract/vfs-lock-race.test.ts.
 */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mock, test } from 'node:test'
import type { TestContext } from 'node:test'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import { lockGenerationFileName, VarveError } from '../base/index.js'
import { forceUnlock, lockDirectory } from './node-lock.js'
import { lockRecordText, readLockRecord } from './node-lock-record.js'
import type { LockRecord } from './node-lock-record.js'
import { identifyProcess } from './node-process.js'

const withoutKernel = { useKernelLock: false }
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

/** A record as a process like this one would have left it. */
function plant(dir: string, generation: number, changes: Partial<LockRecord>): void {
  const record: LockRecord = {
    ...identifyProcess(), state: 'held', nonce: '1-2', since: '2026-01-02T03:04:05.000Z', kernelLock: '',
    ...changes,
  }
  fs.writeFileSync(generationPath(dir, generation), lockRecordText(record))
}

/** A process id that was used and is free now. */
function deadPid(): number {
  return spawnSync(process.execPath, ['-e', '']).pid
}

async function refused(dir: string, what: RegExp, options = withoutKernel): Promise<VarveError> {
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
  const kernelFile = fs.existsSync('/usr/bin/flock') ? ['lock'] : []
  assert.deepEqual(fs.readdirSync(dir).sort(), [...kernelFile, lockGenerationFileName(2)])
  assert.equal(fs.statSync(generationPath(dir, 2)).mode & 0o777, 0o600)
  await second.release()
})

test('the error names process, host and time', async (t) => {
  const dir = directory(t)
  plant(dir, 7, { pid: process.ppid, startTime: '', host: identifyProcess().host })
  const error = await refused(dir, /is open in process \d+ on .+ since 2026-01-02T03:04:05\.000Z$/)
  assert.match(error.message, new RegExp(`process ${process.ppid} on ${identifyProcess().host} since`))
})

const sameMachine: [string, Partial<LockRecord>, 'taken' | 'refused'][] = [
  ['its process is gone', { pid: deadPid() }, 'taken'],
  ['its process id is used by another process now', { startTime: '1' }, 'taken'],
  ['the machine was booted since', { bootId: 'before', pid: 1 }, 'taken'],
  ['it was released', { state: 'released' }, 'taken'],
  ['its process lives', {}, 'refused'],
  ['another machine has it', { host: 'elsewhere', pid: deadPid(), bootId: 'other' }, 'refused'],
  ['another container has it', { pidNamespace: 'pid:[1]', pid: deadPid() }, 'refused'],
  ['its container is unknown', { pidNamespace: '', pid: deadPid() }, 'refused'],
]

for (const [title, changes, expected] of sameMachine) {
  test(`generation 41, ${title}: ${expected}`, async (t) => {
    const dir = directory(t)
    plant(dir, 41, changes)
    if (expected === 'refused') {
      await refused(dir, /is open in process/)
      assert.deepEqual(fs.readdirSync(dir), [lockGenerationFileName(41)])
    } else {
      const lock = await lockDirectory(dir, withoutKernel)
      assert.equal(lock.generation, 42)
      await lock.release()
    }
  })
}

test('a damaged generation file counts as held', async (t) => {
  for (const text of ['', '{"pid":1', 'null', '{}', lockRecordText({ pid: -1 } as LockRecord), 'x'.repeat(9000)]) {
    const dir = directory(t)
    fs.writeFileSync(generationPath(dir, 3), text)
    await refused(dir, /being opened/)
    fs.writeFileSync(generationPath(dir, 3), '')
    await forceUnlock(dir)
    const lock = await lockDirectory(dir, withoutKernel)
    assert.equal(lock.generation, 4)
    await lock.release()
  }
})

test('force makes the present holder see that it is overtaken', async (t) => {
  const dir = directory(t)
  const { stdout } = await heldByChild(t, dir, withoutKernel)
  assert.match(stdout, /generation 1/)
  await refused(dir, /is open in process/)
  await forceUnlock(dir)
  const second = await lockDirectory(dir, withoutKernel)
  assert.equal(second.generation, 2)
  plant(dir, 3, {})
  assert.notEqual(second.stateSync(), 'held')
  await second.release()
  const record = readLockRecord(generationPath(dir, 3))
  assert.ok(typeof record !== 'string' && record.state === 'held', 'the later holder is left alone')
})

/** Starts a process that takes the lock and keeps it. */
async function heldByChild(t: TestContext, dir: string, options: object) {
  const code =
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
    await refused(dir, new RegExp(`open in process ${child.pid} on`), options as typeof withoutKernel)
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

test('the kernel lock proves the death of an owner that cannot be seen', { skip: !hasKernelLock }, async (t) => {
  const dir = directory(t)
  const first = await lockDirectory(dir)
  const record = readLockRecord(generationPath(dir, 1))
  await first.release()
  assert.ok(typeof record !== 'string')
  const replaced = { ...record, pidNamespace: 'pid:[1]', host: 'replaced-container' }
  plant(dir, 1, replaced)
  await refused(dir, /replaced-container/)
  const lock = await lockDirectory(dir)
  assert.equal(lock.generation, 2)
  await lock.release()
  plant(dir, 2, { ...replaced, kernelLock: '1:2' })
  await refused(dir, /replaced-container/, {} as typeof withoutKernel)
})

/** Runs `before` inside the link of the claim, then links or fails. */
async function interfering(t: TestContext, before: (from: string) => void): Promise<void> {
  const link = fs.linkSync
  let isFirstCall = true
  mock.method(fs, 'linkSync', (from: string, to: string) => {
    if (isFirstCall) {
      isFirstCall = false
      before(from)
    }
    link(from, to)
  })
  syncBuiltinESMExports()
  t.after(() => {
    mock.restoreAll()
    syncBuiltinESMExports()
  })
}

test('a claim that was overtaken while it paused gives up', async (t) => {
  const dir = directory(t)
  plant(dir, 1, { state: 'released' })
  await interfering(t, () => {
    // Two others came and went further meanwhile; generations 1 and 2 are removed, 3 is alive.
    plant(dir, 3, {})
    fs.unlinkSync(generationPath(dir, 1))
  })
  await refused(dir, /is open in process/)
  assert.deepEqual(fs.readdirSync(dir), [lockGenerationFileName(3)])
})

test('a claim whose temporary file was swept away tries again', async (t) => {
  const dir = directory(t)
  await interfering(t, (from) => fs.unlinkSync(from))
  const lock = await lockDirectory(dir, withoutKernel)
  assert.equal(lock.generation, 1)
  await lock.release()
})

test('without hard links the name is claimed by O_EXCL', async (t) => {
  const dir = directory(t)
  await interfering(t, () => {
    throw Object.assign(new Error('EPERM'), { code: 'EPERM' })
  })
  const lock = await lockDirectory(dir, withoutKernel)
  assert.equal(lock.generation, 1)
  assert.deepEqual(fs.readdirSync(dir), [lockGenerationFileName(1)])
  await lock.release()
})
