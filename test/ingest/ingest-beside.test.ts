/** Ingests beside what else goes on: a compaction under way, a view that follows; and the command that does one. */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, describe, it } from 'node:test'
import { simExecutor } from '../../src/exec/testing.js'
import { Varve } from '../../src/index.js'
import type { ExecutorFactory } from '../../src/index.js'
import { SimVfs } from '../../src/testing.js'
import { entriesOf, makeFile } from '../support/databases/outside-files.js'
import { openSim, readAllText, SIM_DIR, textOf } from '../support/databases/simulated.js'
import { varveHere } from '../support/programs/run-program.js'

/** A machine on which merges of compactions wait until they are let go. */
class HeldMerges {
  isHeld = true
  /** Merges that have begun. */
  begunCount = 0
  readonly vfs = new SimVfs()

  readonly executor: ExecutorFactory = (jobs, context, clock) => {
    const merge = jobs['compactionRun']!
    const held = this
    function* compactionRun(...args: Parameters<typeof merge>): Generator<undefined, unknown, unknown> {
      held.begunCount++
      while (held.isHeld) yield
      return yield* merge(...args)
    }
    return simExecutor({ seed: 1, workerCount: 3 })({ ...jobs, compactionRun }, context, clock)
  }

  open(): Promise<Varve> {
    const components = { vfs: this.vfs, clock: this.vfs.clock, executor: this.executor }
    return Varve.open(SIM_DIR, { writeBufferSize: 64 * 1024, blockCacheSize: 64 * 1024, components })
  }

  /** Lets the event loop turn until it is so: the machine is never idle while a merge is held. */
  async until(what: string, isSo: () => boolean): Promise<void> {
    for (let i = 0; !isSo(); i++) {
      assert.ok(i < 5000, what)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  async ended<T>(call: Promise<T>): Promise<T> {
    let isOver = false
    const over = call.finally(() => (isOver = true))
    over.catch(() => undefined)
    await this.until('it ends', () => isOver)
    return over
  }
}

describe('an ingest beside a merge that is under way', () => {
  it('stays above the tables that the merge writes, when it has keys of them', async () => {
    const held = new HeldMerges()
    const file = await makeFile(held.vfs, 'inside', { entries: entriesOf('mno') })
    const beside = await makeFile(held.vfs, 'beside', { entries: entriesOf('~') })
    const db = await held.ended(held.open())
    for (const keys of ['amz', 'bny', 'cox']) {
      for (const key of keys) await held.ended(db.put(key, 'old'))
      await held.ended(db.flush())
    }
    const compaction = db.compact()
    await held.until('the merge begins', () => held.begunCount === 1)
    const { levels } = await held.ended(db.ingest([file, beside]))
    assert.deepEqual(levels, [0, 6], 'only the keys of the merge are in its way')
    assert.equal(textOf(db.getSync('m')), 'outside m')
    held.isHeld = false
    await held.ended(compaction)
    const wanted = [...'abcmnoxyz~'].map((key) => [key, /[mno~]/.test(key) ? `outside ${key}` : 'old'])
    assert.deepEqual([...readAllText(db)], wanted)
    await held.ended(db.close())
    const again = await held.ended(held.open())
    assert.deepEqual([...readAllText(again)], wanted)
    await held.ended(again.close())
  })
})

describe('a view that follows a database', () => {
  it('ING-5: jumps over no keys that came from outside between two of its refreshes', async () => {
    const vfs = new SimVfs()
    const keys = Array.from({ length: 400 }, (_, i) => `k${String(i).padStart(4, '0')}`)
    const file = await makeFile(vfs, 'a', { entries: [['k0100', 'outside']] })
    const db = await openSim(vfs, { compaction: { style: 'none' } })
    for (const key of [...keys, 'z']) await db.put(key, 'old')
    const snapshot = db.snapshot() // keeps the tombstones
    for (const key of keys) await db.del(key)
    await db.flush()
    const view = await openSim(vfs, { readOnly: true })
    const firstKey = () => textOf([...view.keysSync({ gte: 'k', limit: 1 })][0])
    assert.equal(firstKey(), 'z')
    const walk = view.keys({ gte: 'k' })[Symbol.asyncIterator]()
    const { seqNum } = await db.ingest([file])
    assert.equal(firstKey(), 'z', 'it has not looked yet')
    assert.equal((await view.refresh()).seqNum, seqNum)
    assert.equal(firstKey(), 'k0100')
    assert.equal(textOf((await walk.next()).value), 'z', 'a walk goes on in what it saw')
    assert.equal(firstKey(), 'k0100')
    snapshot.release()
    await view.close()
    await db.close()
  })
})

describe('varve ingest', () => {
  const root = mkdtempSync(path.join(tmpdir(), 'varve-ingest-'))
  after(() => rmSync(root, { recursive: true, force: true }))
  const dir = path.join(root, 'db')

  async function table(name: string, ...keys: string[]): Promise<string> {
    const file = path.join(root, name)
    const writer = await Varve.tableWriter(file)
    for (const key of keys) writer.add(key, `of ${name}`)
    await writer.finish()
    return file
  }

  it('takes files in, says where they went, and history tells of it', async () => {
    const db = await Varve.open(dir, { workers: 0 })
    await db.put('a', 'before')
    await db.close()
    const files = [await table('one', 'a', 'b'), await table('two', 'c')]
    const shown = await varveHere('ingest', dir, ...files)
    const lines = ['ingested 2 files at sequence 2', `  ${files[0]!}: level 5`, `  ${files[1]!}: level 6`, '']
    assert.equal(shown.out, lines.join('\n'), shown.error)
    const again = await varveHere('ingest', dir, files[1]!, '--mode', 'move', '--no-verify', '--json')
    assert.deepEqual([again.code, JSON.parse(again.out)], [0, {
      files: [files[1]], seqNum: 3, levels: [5], sourcesLeft: [],
    }])
    assert.deepEqual([existsSync(files[0]!), existsSync(files[1]!)], [true, false])
    assert.match((await varveHere('history', dir)).out, /ingest/)
    const view = await Varve.open(dir, { readOnly: true })
    assert.deepEqual([...readAllText(view)], [['a', 'of one'], ['b', 'of one'], ['c', 'of two']])
    await view.close()
  })

  it('is refused without files, with a mode that is none, with files that share keys', async () => {
    const files = [await table('x', 'a', 'c'), await table('y', 'b')]
    const lines = [[[dir], 2, /FILE is missing/], [[dir, files[0]!, '--mode', 'steal'], 2, /--mode is one of/],
      [[dir, ...files], 1, /share keys/], [[dir, `${files[0]!}x`], 1, /does not exist/]] as const
    for (const [args, code, what] of lines) {
      const { code: found, error } = await varveHere('ingest', ...args)
      assert.deepEqual([found, what.test(error)], [code, true], error)
    }
  })
})
