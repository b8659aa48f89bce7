/**
 * What: the life of a database of which checkpoints, backups and copies from outside are taken at random moments, while
 * it is written. Each of them is opened, compared with what the database had at its sequence number, and used: it
 * must be what it was promised to be, and nothing that is done to it may be seen in the source.
 */
import assert from 'node:assert/strict'
import { compareBytes, SeededRandom } from '../../../src/base/index.js'
import { Varve, VarveError } from '../../../src/index.js'
import type { CheckpointOptions, VarveOptions } from '../../../src/index.js'
import { MemoryVfs } from '../../../src/testing.js'
import { PassingClock } from '../fakes/passing-clock.js'
import { takeImage } from '../databases/vfs-image.js'
import type { Image } from '../databases/vfs-image.js'

const SOURCE = '/db'
const LENGTHS = [0, 3, 40, 40, 300, 2000, 5000, 20_000]
const KEY_COUNT = 120
const TTLS = [50, 5000, 1e9]
const STYLES = [
  { style: 'none' }, { style: 'leveled' }, { style: 'tiered' }, { style: 'lazy' }, { style: 'simple' },
  { style: 'fifo', maxBytes: 2 ** 40 },
] as const

type Change = { key: string; value: string | null; expiresMs: number } | { from: string; to: string }

/** Everything that was written, so that each moment of it can be told. */
class History {
  private readonly changes: { seqNum: number; change: Change; position: string | null }[] = []
  lastSeqNum = 0

  add(change: Change, position: string | null = null): void {
    this.changes.push({ seqNum: ++this.lastSeqNum, change, position })
  }

  /** What a reader at this number sees at this time. */
  at(seqNum: number, nowMs: number): Map<string, string> {
    const seen = new Map<string, { value: string; expiresMs: number }>()
    for (const { seqNum: at, change } of this.changes) {
      if (at > seqNum) break
      if ('from' in change) {
        for (const key of seen.keys()) if (key >= change.from && key < change.to) seen.delete(key)
      } else if (change.value === null) {
        seen.delete(change.key)
      } else {
        seen.set(change.key, { value: change.value, expiresMs: change.expiresMs })
      }
    }
    const alive = [...seen].filter(([, { expiresMs }]) => expiresMs > nowMs)
    return new Map(alive.map(([key, { value }]) => [key, value]))
  }

  positionAt(seqNum: number): string | null {
    return this.changes.findLast(({ seqNum: at, position }) => at <= seqNum && position !== null)?.position ?? null
  }
}

export interface LifeCounts {
  checkpoints: number
  linkedBytes: number
  copiedBytes: number
  reusedBytes: number
}

export class CheckpointLife {
  readonly counts: LifeCounts = { checkpoints: 0, linkedBytes: 0, copiedBytes: 0, reusedBytes: 0 }
  private readonly random: SeededRandom
  private readonly vfs = new MemoryVfs()
  private readonly clock = new PassingClock()
  private readonly history = new History()
  private options: VarveOptions
  private db!: Varve
  /** Writes that were asked for and not awaited. */
  private pending: Promise<unknown>[] = []
  /** Checkpoints under way, and those that are made and stay as a base. */
  private making: Promise<void>[] = []
  private readonly made: string[] = []
  private readonly set = '/set'
  private nextTarget = 1

  constructor(seed: number) {
    this.random = new SeededRandom(seed, 'checkpoint life')
    this.options = this.draw()
  }

  private draw(): VarveOptions {
    const { random } = this
    return {
      workers: 0, writeBufferSize: 64 * 1024, blockSize: 1024, blockCacheSize: 64 * 1024,
      manifestSync: random.chance(0.6), valueThreshold: random.pick([512, 4096, 2 ** 30]),
      valueFileBytes: 2 ** 20, compaction: random.pick(STYLES), flushOnClose: random.chance(0.5),
    }
  }

  async run(steps: number): Promise<LifeCounts> {
    await this.open()
    for (let i = 0; i < steps; i++) await this.step()
    await this.settle()
    assert.deepEqual(this.db.stats().files.holds, [], 'HOLD-2')
    assert.equal(this.db.stats().operations.length, 0)
    assert.deepEqual(this.read(this.db), this.history.at(this.history.lastSeqNum, this.clock.wallMs()))
    await this.db.close()
    return this.counts
  }

  private async open(): Promise<void> {
    this.db = await Varve.open(SOURCE, this.withParts(this.options))
    assert.equal(this.db.stats().database.visibleSeq, this.history.lastSeqNum)
  }

  private withParts(options: VarveOptions): VarveOptions {
    return { ...options, components: { vfs: this.vfs, clock: this.clock } }
  }

  private async settle(): Promise<void> {
    await Promise.all(this.pending.splice(0))
    await Promise.all(this.making.splice(0))
  }

  private async step(): Promise<void> {
    const { random, db } = this
    const roll = random.below(100)
    if (roll < 66) return this.write()
    if (roll < 70) return void await db.flush()
    if (roll < 73) return void await db.compact()
    if (roll < 75) return void await db.collectGarbage()
    if (roll < 77) return void this.clock.pass(random.pick([10, 1000, 10_000]))
    if (roll < 79) return void await db.pins.acquire(`pin${random.below(2)}`)
    if (roll < 80) return void await db.pins.release(`pin${random.below(2)}`)
    if (roll < 82) return this.reopen()
    if (roll < 84) return this.stream()
    if (roll < 95) return this.begin(() => this.checkpoint())
    if (roll < 98) return this.begin(() => this.outside())
    return this.begin(() => this.backup())
  }

  private async begin(work: () => Promise<void>): Promise<void> {
    const made = work()
    this.making.push(made)
    if (this.random.chance(0.4)) await made
    else made.catch(() => undefined) // awaited later
  }

  private async reopen(): Promise<void> {
    await this.settle()
    await this.db.close()
    this.options = this.draw()
    await this.open()
  }

  // ── Writes ──────────────────────────────────────────────────────────────────────────────────────

  private async write(): Promise<void> {
    const { random, db, history } = this
    const count = random.pick([1, 1, 1, 8, 30])
    for (let i = 0; i < count; i++) {
      const key = this.key()
      if (random.chance(0.06)) {
        const [from, to] = [key, this.key()].sort() as [string, string]
        if (from === to) continue
        history.add({ from, to })
        this.pending.push(db.delRange({ gte: from, lt: to }))
      } else if (random.chance(0.12)) {
        history.add({ key, value: null, expiresMs: Infinity })
        this.pending.push(db.del(key))
      } else {
        const ttl = random.chance(0.2) ? random.pick(TTLS) : null
        const value = this.value()
        const position = random.chance(0.1) ? `at ${history.lastSeqNum + 1}` : null
        const expiresMs = ttl === null ? Infinity : this.clock.wallMs() + ttl
        history.add({ key, value, expiresMs }, position)
        if (position === null) this.pending.push(db.put(key, value, { ttl, sync: random.chance(0.1) }))
        else this.pending.push(db.batch([{ type: 'put', key, value, ttl }], { position: Buffer.from(position) }))
      }
    }
    if (random.chance(0.7)) await Promise.all(this.pending.splice(0))
  }

  private async stream(): Promise<void> {
    await this.settle()
    const [key, value] = [this.key(), 'x'.repeat(300_000 + this.random.below(1000))]
    const writing = this.db.putStream(key, [Buffer.from(value)])
    await writing
    this.history.add({ key, value, expiresMs: Infinity })
  }

  private key(): string {
    return `key ${String(this.random.below(KEY_COUNT)).padStart(4, '0')}`
  }

  private value(): string {
    return `${this.history.lastSeqNum} `.padEnd(this.random.pick(LENGTHS), 'v')
  }

  // ── Copies ──────────────────────────────────────────────────────────────────────────────────────

  private async checkpoint(): Promise<void> {
    const { random } = this
    const target = `/cp${this.nextTarget++}`
    const atLeast = this.db.stats().database.visibleSeq
    const base = this.made.at(-1)
    const options: CheckpointOptions = {
      mode: random.pick(['auto', 'link', 'copy']), logs: random.pick(['auto', 'keep', 'flush']),
      verify: random.chance(0.5), ...(base === undefined || random.chance(0.5) ? {} : { base }),
    }
    const { seqNum, position, linkedBytes, copiedBytes, reusedBytes } = await this.db.checkpoint(target, options)
    assert.ok(seqNum >= atLeast, `C7: every write that was acknowledged is in: ${seqNum} >= ${atLeast}`)
    this.counts.checkpoints++
    this.counts.linkedBytes += linkedBytes
    this.counts.copiedBytes += copiedBytes
    this.counts.reusedBytes += reusedBytes
    if (options.mode === 'copy') assert.equal(linkedBytes, 0)
    await this.checkClone(target, seqNum, position)
    this.made.push(target)
  }

  private async outside(): Promise<void> {
    const target = `/cp${this.nextTarget++}`
    const atLeast = this.db.stats().database.visibleSeq
    const mode = this.random.pick(['auto', 'copy'] as const)
    const { seqNum, position } = await Varve.checkpoint(SOURCE, target, { vfs: this.vfs, mode })
    assert.ok(seqNum >= atLeast)
    this.counts.checkpoints++
    const again = `/cp${this.nextTarget++}`
    const copy = await Varve.checkpoint(target, again, { vfs: this.vfs })
    assert.deepEqual([copy.seqNum, copy.position], [seqNum, position], 'D5: a checkpoint of a checkpoint is the same')
    await this.checkClone(again, seqNum, position)
    await this.checkClone(target, seqNum, position)
  }

  private async backup(): Promise<void> {
    const before = this.making.length
    const { seqNum, position, location } = await Varve.backup(this.db, this.set, { keep: 3, fullEvery: 4 })
      .catch((error: unknown) => {
        if (!VarveError.is(error) || error.code !== 'LOCKED' || before === 0) throw error
        return { seqNum: -1, position: null, location: '' }
      })
    if (seqNum < 0) return
    const target = `/cp${this.nextTarget++}`
    const mode = this.random.pick(['copy', 'link'] as const)
    const report = await Varve.restore(location, target, { vfs: this.vfs, mode })
    assert.ok(report.ok && report.seqNum === seqNum)
    await this.checkClone(target, seqNum, position)
  }

  /** The clone is what it was promised to be; it is used, and no file that stood anywhere else has changed. */
  private async checkClone(dir: string, seqNum: number, position: Uint8Array | null): Promise<void> {
    const { history, random } = this
    const expected = history.positionAt(seqNum)
    assert.equal(position === null ? null : Buffer.from(position).toString(), expected)
    const names = new Set(this.vfs.listSync(dir)) // in fast mode other tables are still being written
    const before = this.sealedFiles()
    const view = await Varve.open(dir, { ...this.withParts({}), readOnly: true })
    assert.deepEqual(this.read(view), history.at(seqNum, this.clock.wallMs()), `${dir} at ${seqNum}`)
    await view.close()
    const clone = await Varve.open(dir, this.withParts(this.draw()))
    assert.equal(clone.stats().database.visibleSeq, seqNum)
    assert.deepEqual(clone.position, position)
    assert.deepEqual(this.read(clone), history.at(seqNum, this.clock.wallMs()), `${dir} at ${seqNum}`)
    assert.deepEqual(clone.pins.list(), [])
    for (let i = 0; i < 20; i++) await clone.put(this.key(), 'clone'.repeat(random.below(2000)))
    if (random.chance(0.5)) await clone.compact()
    await clone.close()
    const now = this.sealedFiles()
    for (const [name, bytes] of before) {
      const found = now.get(name)
      if (found === undefined || !names.has(name.slice(name.lastIndexOf('/') + 1))) continue
      assert.ok(compareBytes(found, bytes) === 0, `CP-7: ${name}`)
    }
  }

  /** Tables and value logs everywhere: they never change. */
  private sealedFiles(): Image {
    const image: Image = new Map()
    for (const dir of [SOURCE, ...this.made.slice(-2)]) {
      if (this.vfs.statSync(dir) === null) continue
      for (const [name, bytes] of takeImage(this.vfs, dir)) {
        if (/\.(table|vlog)$/.test(name)) image.set(`${dir}/${name}`, bytes)
      }
    }
    return image
  }

  private read(db: Varve): Map<string, string> {
    const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString()
    return new Map([...db.entriesSync()].map(([key, value]) => [text(key), text(value)]))
  }
}
