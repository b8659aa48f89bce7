/**
 * Random lives of a database with values of all sizes: what it reads is what was written, the manifest counts what the
 * tables say, and the directory has the files that somebody needs and no others.
 */
import assert from 'node:assert/strict'
import { parseFileName, runSync, SeededRandom, tableFileName, valueLogFileName } from '../../src/base/index.js'
import { readMarker } from '../../src/directory/index.js'
import { Varve } from '../../src/index.js'
import type { Snapshot } from '../../src/index.js'
import { allTables, findProblem, readManifest } from '../../src/manifest/index.js'
import type { Version } from '../../src/manifest/index.js'
import { checkTable } from '../../src/sstable/index.js'
import { MemoryVfs } from '../../src/vfs/index.js'
import { leaveOutRunnerHooks } from '../support/harness/runner-hooks.js'
import { heavyTest } from '../support/harness/share.js'

leaveOutRunnerHooks()

const DIR = '/db'
const KEYS = 24
const LENGTHS = [0, 100, 511, 512, 600, 5000, 20_000, 70_000]

class ValueLife {
  readonly vfs = new MemoryVfs()
  private readonly random: SeededRandom
  private readonly manifestSync: boolean
  private db!: Varve
  private readonly now = new Map<string, Uint8Array>()
  private snapshots: { snapshot: Snapshot; seen: Map<string, Uint8Array> }[] = []
  private iterators: { iterator: Iterator<[Uint8Array, Uint8Array]>; left: [string, Uint8Array][] }[] = []
  private count = 0

  constructor(random: SeededRandom) {
    this.random = random
    this.manifestSync = random.chance(0.5)
  }

  async open(): Promise<void> {
    this.db = await Varve.open(DIR, {
      writeBufferSize: 64 * 1024, blockSize: 1024, valueThreshold: 512, manifestSync: this.manifestSync,
      syncIntervalMs: 5, compaction: { style: 'none' }, components: { vfs: this.vfs },
    })
  }

  async step(): Promise<void> {
    const { random, db } = this
    const steps: (() => void | Promise<void>)[] = [
      () => this.write(), () => this.write(), () => this.write(), () => this.write(), () => this.write(),
      () => db.flush(), () => db.compact(), () => this.hold(), () => this.letGo(), () => this.iterate(),
      () => this.goOn(), () => this.goOn(), () => this.reopen(), () => this.pin(), () => this.unpin(),
    ]
    await random.pick(steps)()
    this.checkReads()
  }

  private async write(): Promise<void> {
    const { random } = this
    const operations = Array.from({ length: 1 + random.below(4) }, () => {
      const key = `key ${random.below(KEYS)}`
      if (random.chance(0.25)) {
        this.now.delete(key)
        return { type: 'del' as const, key }
      }
      const value = new Uint8Array(random.pick(LENGTHS)).fill(++this.count)
      random.fill(value.subarray(0, 40))
      this.now.set(key, value)
      return { type: 'put' as const, key, value }
    })
    await this.db.batch(operations)
  }

  private hold(): void {
    this.snapshots.push({ snapshot: this.db.snapshot(), seen: new Map(this.now) })
  }

  private letGo(): void {
    this.snapshots.shift()?.snapshot.release()
  }

  private iterate(): void {
    const left = [...this.now].sort(([a], [b]) => (a < b ? -1 : 1))
    this.iterators.push({ iterator: this.db.entriesSync()[Symbol.iterator](), left })
  }

  private goOn(): void {
    const [first] = this.iterators
    if (first === undefined) return
    for (let i = 0; i < 10; i++) {
      const next = first.iterator.next()
      const expected: [string, Uint8Array] | undefined = first.left.shift()
      assert.equal(next.done ?? false, expected === undefined)
      if (expected === undefined) return void this.iterators.shift()
      assert.deepEqual([Buffer.from(next.value[0]).toString(), Buffer.from(next.value[1])],
        [expected[0], Buffer.from(expected[1])])
    }
  }

  private async reopen(): Promise<void> {
    this.snapshots = []
    this.iterators = []
    await this.db.close()
    this.checkFiles(true)
    await this.open()
  }

  private async pin(): Promise<void> {
    await this.db.pins.acquire(`pin ${this.count}`)
  }

  private async unpin(): Promise<void> {
    const [pin] = this.db.pins.list()
    if (pin !== undefined) await this.db.pins.release(pin.name)
  }

  private checkReads(): void {
    for (const { seen, snapshot } of [{ seen: this.now, snapshot: undefined }, ...this.snapshots]) {
      for (let i = 0; i < KEYS; i++) {
        const key = `key ${i}`
        const found = this.db.getSync(key, snapshot === undefined ? {} : { snapshot })
        const expected = seen.get(key)
        assert.deepEqual(found && Buffer.from(found), expected && Buffer.from(expected), key)
      }
    }
  }

  /** Every table is read: what its handles point to is what the manifest says. */
  private checkFiles(isClosed: boolean): Version {
    const { vfs } = this
    const { version, databaseId } = runSync(readManifest(vfs, DIR, readMarker(vfs.listSync(DIR))!.manifest))
    assert.equal(findProblem(version), null)
    for (const facts of allTables(version)) {
      const name = tableFileName(facts.fileNum)
      const file = vfs.openSync(`${DIR}/${name}`, 'read')
      const checking = checkTable({ file, name, facts, databaseId }, ({ error }) => {
        throw error
      })
      while (checking.next().done !== true);
      file.closeSync()
    }
    const names = vfs.listSync(DIR)
    const listed = [...version.valueLogs.values()].map(valueLogFileName)
    for (const name of listed) assert.ok(names.includes(name), `${name} is there`)
    const unlisted = names.filter((name) => parseFileName(name)?.kind === 'vlog' && !listed.includes(name))
    if (isClosed) assert.ok(unlisted.length === 0 || this.iterators.length > 0, `${unlisted} is there`)
    return version
  }

  /** Everything goes: nothing is left of value logs. */
  async finish(): Promise<number> {
    await this.reopen()
    const { removedCount } = this.db.stats().valueLog
    for (const { name } of this.db.pins.list()) await this.db.pins.release(name)
    for (let i = 0; i < KEYS; i++) await this.db.del(`key ${i}`)
    await this.db.compact()
    await this.db.close()
    const version = this.checkFiles(true)
    assert.deepEqual([version.valueLogs.size, allTables(version).length], [0, 0])
    return removedCount
  }

  get stats(): { fileCount: number; promotedCount: number; removedCount: number } {
    const { fileCount, files, removedCount } = this.db.stats().valueLog
    return { fileCount, removedCount, promotedCount: files.filter(({ isLog }) => isLog).length }
  }
}

heavyTest('VLG-5, VLG-8: values of all sizes, whatever is done and held, and in the end nothing is left', async () => {
  let [promoted, removed] = [0, 0]
  for (let seed = 1; seed <= 12; seed++) {
    const life = new ValueLife(new SeededRandom(seed, 'value life'))
    try {
      await life.open()
      for (let i = 0; i < 120; i++) {
        await life.step()
        if (i % 20 !== 0) continue
        promoted += life.stats.promotedCount
        removed += life.stats.removedCount
      }
      await life.finish()
    } catch (error) {
      throw new Error(`seed ${seed}: ${(error as Error).stack}`, { cause: error })
    }
  }
  assert.ok(promoted > 20 && removed > 20, `${promoted} promoted, ${removed} removed`)
})
