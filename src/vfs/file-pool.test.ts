/** Files of pools: never more open than allowed, the least recently used one is closed, and reads do not notice. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { processShared, SeededRandom } from '../base/index.js'
import { FilePool, giveBackFiles, runFilesMax } from './file-pool.js'
import { MemoryVfs } from './memory-vfs.js'
import { parseOpenFilesMax } from './node/node-limits.js'
import { PooledFile } from './pooled-file.js'
import { FileSystemError } from './vfs-error.js'
import type { OpenMode, Vfs, VfsFile } from './vfs.js'

const DIR = '/d'
/** The count that all pools of the thread share; set by a pool that knows of a limit. */
interface Thread {
  capacity: number
  openCount: number
  keptCount: number
}
const thread = () => processShared('openFiles', (): Thread => assert.fail('no pool'))

/** A memory file system that counts its open files and gives no more than `max`. */
class CountingVfs extends MemoryVfs {
  openNames: string[] = []
  max = Infinity

  override openSync(path: string, mode: OpenMode): VfsFile {
    if (this.openNames.length >= this.max) throw new FileSystemError('EMFILE', 'open', path)
    const file = super.openSync(path, mode)
    const { openNames } = this
    openNames.push(path)
    return Object.assign(Object.create(file) as VfsFile, {
      closeSync() {
        openNames.splice(openNames.indexOf(path), 1)
        file.closeSync()
      },
    })
  }
}

function newVfs(count: number): CountingVfs {
  const vfs = new CountingVfs()
  vfs.mkdirSync(DIR)
  for (let i = 0; i < count; i++) write(vfs, i, `content ${i}`)
  return vfs
}

function write(vfs: Vfs, i: number, content: string): void {
  const file = vfs.openSync(`${DIR}/${i}`, 'create')
  file.writeSync(Buffer.from(content), 0, content.length, 0)
  file.closeSync()
}

function pooled(vfs: Vfs, i: number, pool: FilePool): PooledFile {
  const file = new PooledFile({
    vfs, path: `${DIR}/${i}`, pool,
    check: (opened) => {
      if (contentOf(opened) !== `content ${i}`) throw new Error('another file')
    },
    reopenError: (error) => error,
  })
  file.openSync()
  return file
}

function contentOf(file: Pick<VfsFile, 'readSync'>): string {
  const bytes = new Uint8Array(100)
  return Buffer.from(bytes.subarray(0, file.readSync(bytes, 0, 100, 0))).toString()
}

/** A model of a pool: a list of the files that it should have open, by last use. */
class Model {
  readonly pools: { max: number; open: { i: number; use: number }[] }[] = []
  private useCount = 0

  use(pool: number, i: number, capacity: number): void {
    const { max, open } = this.pools[pool]!
    const at = open.findIndex((entry) => entry.i === i)
    if (at >= 0) open.splice(at, 1)
    else {
      while (open.length >= max) open.shift()
      while (this.all.length >= capacity) this.shiftOldest()
    }
    open.push({ i, use: ++this.useCount })
  }

  get all(): number[] {
    return this.pools.flatMap(({ open }) => open.map(({ i }) => i))
  }

  private shiftOldest(): void {
    const used = this.pools.filter(({ open }) => open.length > 0).sort((a, b) => a.open[0]!.use - b.open[0]!.use)
    used[0]!.open.shift()
  }
}

test('FILE-1: drawn reads of several pools: caps hold, the least recently used file goes, every read is right', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = new SeededRandom(seed, 'file pool')
    const vfs = newVfs(60)
    const model = new Model()
    const pools = Array.from({ length: 1 + random.below(4) }, () => {
      const max = 1 + random.below(12)
      model.pools.push({ max, open: [] })
      return new FilePool({ max })
    })
    thread().capacity = 1 + random.below(20)
    const files = Array.from({ length: 60 }, (_, i) => {
      const pool = i % pools.length
      model.use(pool, i, thread().capacity)
      return pooled(vfs, i, pools[pool]!)
    })
    for (let step = 0; step < 400; step++) {
      const i = random.below(60)
      model.use(i % pools.length, i, thread().capacity)
      assert.equal(contentOf(files[i]!), `content ${i}`)
      const expected = model.all.map((n) => `${DIR}/${n}`)
      assert.deepEqual(vfs.openNames.toSorted(), expected.toSorted(), `seed ${seed}, ${step}`)
      pools.forEach((pool, n) => assert.equal(pool.openCount, model.pools[n]!.open.length))
    }
    for (const file of files) file.closeSync()
    assert.deepEqual([vfs.openNames, thread().openCount], [[], 0])
    assert.throws(() => contentOf(files[0]!), { code: 'EBADF' })
  }
})

test('FILE-2: what is opened again is looked at: another file of that name, or none, is an error', () => {
  const vfs = newVfs(2)
  const pool = new FilePool({ max: 1 })
  const files = [pooled(vfs, 0, pool), pooled(vfs, 1, pool)]
  vfs.unlinkSync(`${DIR}/0`)
  assert.throws(() => contentOf(files[0]!), { code: 'ENOENT' })
  write(vfs, 0, 'a later one')
  assert.throws(() => contentOf(files[0]!), /another file/)
  assert.deepEqual(vfs.openNames, [], 'it does not stay open, nor does what was closed for it')
  vfs.unlinkSync(`${DIR}/0`)
  write(vfs, 0, 'content 0')
  assert.deepEqual(files.map(contentOf), ['content 0', 'content 1'])
  assert.equal(pool.reopenedCount, 2)
})

test('files that are kept are closed for nobody while others have an eighth; what comes later has to give way', () => {
  const vfs = newVfs(60)
  const [view, other] = [new FilePool({ isKeeping: true }), new FilePool()]
  thread().capacity = 16
  const kept = Array.from({ length: 20 }, (_, i) => pooled(vfs, i, view))
  const read = Array.from({ length: 20 }, (_, i) => pooled(vfs, 20 + i, other))
  for (const file of [...kept, ...read]) contentOf(file)
  const names = vfs.openNames.map((name) => Number(name.slice(DIR.length + 1)))
  assert.deepEqual(names.filter((i) => i < 20).slice(0, 14), Array.from({ length: 14 }, (_, i) => i))
  assert.equal(names.length, 16)
  assert.equal(giveBackFiles(), true)
  assert.deepEqual([view.openCount, other.openCount], [14, 0], 'nor are they given back')
  for (const file of kept.slice(0, 10)) file.closeSync()
  for (const file of kept.slice(14)) contentOf(file)
  for (let i = 40; i < 60; i++) read.push(pooled(vfs, i, other))
  assert.equal(view.openCount, 10, 'what is opened again is kept when there is room')
  for (const file of [...kept, ...read]) file.closeSync()
  assert.deepEqual([vfs.openNames, thread().openCount, thread().keptCount], [[], 0, 0])
})

test('the platform gives no more files: those of any pool are closed, and the open that failed succeeds', async () => {
  const vfs = newVfs(40)
  const [idle, busy] = [new FilePool({ max: 100 }), new FilePool({ max: 100 })]
  const files = Array.from({ length: 20 }, (_, i) => pooled(vfs, i, idle))
  vfs.max = 20
  for (let i = 20; i < 40; i++) files.push(pooled(vfs, i, busy))
  const last = new PooledFile({ vfs, path: `${DIR}/0`, pool: busy, check: () => {}, reopenError: (error) => error })
  await last.open()
  files.forEach((file, i) => assert.equal(contentOf(file), `content ${i}`))
  assert.ok(vfs.openNames.length <= 20)
  vfs.max = 0
  assert.throws(() => pooled(vfs, 0, busy), { code: 'EMFILE' })
  assert.deepEqual([idle.openCount, busy.openCount, vfs.openNames], [0, 0, []], 'all were given back')
})

test('the limit of the process is divided: tables, compactions, all else', () => {
  for (const [limit, tables, runs] of [[64, 36, 6], [256, 144, 24], [1024, 576, 96], [1e9, 8192, 255]] as const) {
    assert.equal(new FilePool({ openFilesMax: limit }).capacity, tables)
    assert.equal(runFilesMax(limit, 2), runs)
    assert.ok(tables + 2 * runs <= limit * 3 / 4)
  }
  assert.equal(new FilePool({ max: 7, openFilesMax: 1024 }).capacity, 7)
  assert.deepEqual([runFilesMax(10, 16), runFilesMax(undefined, 0)], [4, 255])
  const text = 'Limit          Soft Limit  Hard Limit  Units\nMax open files 1024        524288      files     \n'
  assert.equal(parseOpenFilesMax(text), 1024)
  assert.equal(parseOpenFilesMax(text.replace('1024', 'unlimited')), undefined)
  assert.equal(parseOpenFilesMax(''), undefined)
})
