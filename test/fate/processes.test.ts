/**
 * What becomes of a directory under a process of its own, with threads and the kernel's lock: taken by another process,
 * closed to its user, on a file system that was made read-only. Runs itself as the children.
 */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Varve, VarveError } from '../../src/index.js'
import type { EngineEvent } from '../../src/index.js'

const SELF = fileURLToPath(import.meta.url)
const VALUE = 'v'.repeat(2000)
const small = { writeBufferSize: 65536, syncIntervalMs: 20 }

const hasPlaces = fs.existsSync('/proc/self/fd')
const isRoot = process.getuid?.() === 0

const roles: Record<string, (dir: string) => Promise<void>> = { writer, closedDirectory, readOnlyDisk }
const role = roles[process.argv[2] ?? '']
if (role === undefined) registerTests()
else await role(process.argv[3]!)

/** Writes until its input ends, then closes; tells each key that was acknowledged. */
async function writer(dir: string): Promise<void> {
  const told: string[] = []
  const db = await Varve.open(dir, {
    ...small, workers: 1, components: { onEvent: ({ type }: EngineEvent) => void told.push(type) },
  })
  let isOver = false
  process.stdin.on('end', () => (isOver = true)).resume()
  for (let i = 0; !isOver; i++) {
    try {
      await db.put(`mine ${i}`, VALUE, { sync: i % 50 === 0 })
      console.log(`ack mine ${i}`)
    } catch (error) {
      if (!VarveError.is(error)) throw error
      console.log(`error ${error.code} ${VarveError.is(error.cause) ? error.cause.code : ''}`)
      await sleep(5)
    }
    if (i % 20 === 0) await sleep(1)
  }
  await db.close().then(() => console.log('closed'), (error: VarveError) => console.log(`close ${error.code}`))
  console.log(`events ${told.filter((type) => type.startsWith('directory')).join(' ')}`)
}

interface Writer {
  lines: string[]
  end(): Promise<void>
}

async function startWriter(t: TestContext, dir: string): Promise<Writer> {
  const child = spawn(process.execPath, [SELF, 'writer', dir], { stdio: ['pipe', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  let text = ''
  const lines: string[] = []
  child.stdout.on('data', (chunk) => {
    text += String(chunk)
    const whole = text.split('\n')
    text = whole.pop()!
    lines.push(...whole)
  })
  const exit = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  while (lines.filter((line) => line.startsWith('ack')).length < 120) await sleep(5)
  return {
    lines,
    end: async () => {
      child.stdin.end()
      await exit
    },
  }
}

async function expectKeys(dir: string, keys: readonly string[]): Promise<void> {
  const db = await Varve.open(dir, { createIfMissing: false })
  assert.deepEqual(keys.filter((key) => !db.hasSync(key)), [])
  await db.close()
}

/** Another process (this one) opens a database at the path, and both write on. */
async function writeBeside(dir: string): Promise<string[]> {
  const db = await Varve.open(dir, { ...small, workers: 1 })
  const keys: string[] = []
  for (let i = 0; i < 200; i++) {
    await db.put(`theirs ${i}`, VALUE, { sync: i % 40 === 0 })
    keys.push(`theirs ${i}`)
    if (i % 10 === 0) await sleep(1)
  }
  await db.close()
  return keys
}

function newRoot(t: TestContext): string {
  const root = fs.realpathSync(fs.mkdtempSync(path.join(tmpdir(), 'varve-fates-')))
  t.after(() => fs.rmSync(root, { recursive: true, force: true }))
  return root
}

function registerTests(): void {
  test('moved, and another one made in its place: both go on', { skip: !hasPlaces }, async (t) => {
    const dir = path.join(newRoot(t), 'db')
    const mine = await startWriter(t, dir)
    fs.renameSync(dir, dir + '.moved')
    const theirs = await writeBeside(dir)
    await sleep(1100) // as long as a move may go unnoticed
    await mine.end()
    assert.deepEqual(mine.lines.slice(-2), ['closed', 'events directoryMoved'])
    await expectKeys(dir, theirs)
    await expectKeys(dir + '.moved', mine.lines.filter((line) => line.startsWith('ack')).map((line) => line.slice(4)))
  })

  test('removed, and another one made in its place: the first one stops', { skip: !hasPlaces }, async (t) => {
    const dir = path.join(newRoot(t), 'db')
    const mine = await startWriter(t, dir)
    fs.renameSync(dir, dir + '.gone') // at once, whatever is being made in it
    while (spawnSync('rm', ['-rf', dir + '.gone']).status !== 0); // something was made in it meanwhile
    const theirs = await writeBeside(dir)
    while (!mine.lines.includes('error BACKGROUND_ERROR LOCKED')) await sleep(5)
    await mine.end()
    assert.deepEqual(mine.lines.slice(-2), ['closed', 'events directoryLost'])
    await expectKeys(dir, theirs)
  })

  test('closed to its user: told with the path, everything let go, and all there afterwards', async (t) => {
    runChild(t, 'closedDirectory', [process.execPath, SELF])
  })

  const canMount = isRoot && spawnSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'varve', '/mnt']).status === 0
  test('made read-only: told with a hint; what only reads goes on', { skip: !canMount }, async (t) => {
    runChild(t, 'readOnlyDisk', ['unshare', '-m', process.execPath, SELF])
  })
}

/** Runs the child as a user for whom the permissions of files count. */
function runChild(t: TestContext, name: string, [program, ...args]: string[]): void {
  const root = newRoot(t)
  const nobody = { uid: 65534, gid: 65534 }
  const user = isRoot && name === 'closedDirectory' ? nobody : {}
  if ('uid' in user) fs.chownSync(root, nobody.uid, nobody.gid)
  const { stdout, stderr } = spawnSync(program!, [...args, name, path.join(root, 'db')], { ...user, encoding: 'utf8' })
  assert.equal(stdout + stderr, 'done\n')
}

async function closedDirectory(dir: string): Promise<void> {
  const db = await Varve.open(dir, small)
  for (let i = 0; i < 10; i++) await db.put(`k${i}`, VALUE)
  const openBefore = countOpen()
  fs.chmodSync(dir, 0)
  try {
    const isTold = (told: unknown): boolean => {
      const error = VarveError.is(told) && told.code === 'BACKGROUND_ERROR' ? told.cause : told
      assert.ok(VarveError.is(error))
      assert.equal(error.code, 'IO_ERROR', error.message)
      assert.match(`${error.message} ${String(error.cause)}`, /EACCES/)
      assert.match(error.hint ?? '', /owner and mode/)
      return true
    }
    await assert.rejects(db.close(), isTold)
    await assert.rejects(Varve.open(dir), isTold)
    await assert.rejects(Varve.open(dir, { readOnly: true }), isTold)
    await assert.rejects(Varve.destroy(dir), isTold)
  } finally {
    fs.chmodSync(dir, 0o700)
  }
  assert.ok(countOpen() < openBefore, 'descriptors are let go of')
  await expectKeys(dir, Array.from({ length: 10 }, (_, i) => `k${i}`))
  fs.chmodSync(dir, 0o500)
  const message = `lock ${dir} failed: EACCES`
  await assert.rejects(Varve.open(dir), { code: 'IO_ERROR', message, hint: /readOnly: true/ })
  const reader = await Varve.open(dir, { readOnly: true })
  assert.ok(reader.hasSync('k1'))
  await reader.close()
  fs.chmodSync(dir, 0o700)
  console.log('done')
}

async function readOnlyDisk(): Promise<void> {
  mount('-t', 'tmpfs', 'varve', '/mnt')
  const dir = '/mnt/db'
  await (await Varve.open(dir)).close()
  const names = fs.readdirSync(dir)
  const db = await Varve.open(dir)
  await db.put('k', 'v')
  await db.close()
  mount('-o', 'remount,ro', '/mnt')
  const isTold = { code: 'IO_ERROR', message: /\/mnt\/db failed: EROFS$/, hint: /readOnly: true/ }
  await assert.rejects(Varve.open(dir), isTold)
  await assert.rejects(Varve.open('/mnt/none'), { code: 'IO_ERROR', message: 'create /mnt/none failed: EROFS' })
  await assert.rejects(Varve.destroy(dir), isTold)
  const reader = await Varve.open(dir, { readOnly: true })
  assert.ok(reader.hasSync('k'))
  await reader.close()
  assert.ok(names.length > 0)
  console.log('done')
}

function mount(...args: string[]): void {
  assert.equal(spawnSync('mount', args, { stdio: 'inherit' }).status, 0)
}

function countOpen(): number {
  return hasPlaces ? fs.readdirSync('/proc/self/fd').length : 0
}
