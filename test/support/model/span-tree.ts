/**
 * What: a tree of real tables with range tombstones and values that expire in them, and the whole history of what was
 * written, which says what each reader must find. Flushes, merges, moves and drops are done as the database does them,
 * but chosen at random; so is how the clock goes, which readers have read, and how far expired values are destroyed.
 */
import assert from 'node:assert/strict'
import {
  compareBytes, EntryKind, EXPIRY_BYTES, expiryOf, frontBytes, KeyHash, kindOf, putExpiry, runSync, tableFileName,
} from '../../../src/base/index.js'
import type { PointResult, SeededRandom, SeqNum, TableFacts } from '../../../src/base/index.js'
import { BlockCache } from '../../../src/cache/index.js'
import { isSeen, mergeAged, SpanCover, Spans, VisibleIterator } from '../../../src/iterator/index.js'
import type { Span } from '../../../src/iterator/index.js'
import { emptyVersion, extentOfTables, findProblem, levelOf } from '../../../src/manifest/index.js'
import type { Version } from '../../../src/manifest/index.js'
import { defaultCompactionSettings } from '../../../src/pick/index.js'
import type { CompactionPick } from '../../../src/pick/index.js'
import { pickContext } from '../../../src/pick/pick-context.js'
import type { PickContext } from '../../../src/pick/pick-context.js'
import { pickCovered } from '../../../src/pick/pick-covered.js'
import { pickExpired } from '../../../src/pick/pick-expired.js'
import { checkTable, openTable, TableBuilder } from '../../../src/sstable/index.js'
import type { Table } from '../../../src/sstable/index.js'
import { SnapshotList } from '../../../src/versions/index.js'
import type { Snapshot } from '../../../src/versions/snapshot-list.js'
import { HandClock } from '../fakes/hand-clock.js'
import { compareEntries } from '../samples/table-samples.js'
import type { Entry } from '../samples/table-samples.js'
import { compact, DIR, headerOf, inputOf, newDisk } from '../scenes/compaction-scene.js'
import { collect } from './iterator-model.js'

const LEVELS = 4
const KEY_COUNT = 14
const DATABASE_ID = headerOf(1).databaseId

const keyAt = (n: number): Uint8Array => (n % 2 === 0 ? Uint8Array.of(97 + n) : Uint8Array.of(96 + n, 0))

interface Write extends Entry {
  /** The bound of a range tombstone; absent for other entries. */
  upper?: Uint8Array | null
  /** When the value expires; absent: never. */
  expiryMs?: number
}

/** A reader: it sees writes up to a number, and those that expire later than its time. */
interface Reader {
  seqNum: SeqNum
  timeMs: number
}

export class SpanTree {
  readonly counts = {
    flushes: 0, merges: 0, moves: 0, drops: 0, cuts: 0, expired: 0, expiredTables: 0, rewrites: 0,
  }
  private readonly random: SeededRandom
  private readonly vfs = newDisk()
  private readonly cache = new BlockCache(0)
  private readonly history: Write[] = []
  private readonly levels: TableFacts[][] = Array.from({ length: LEVELS }, () => [])
  private readonly tables = new Map<number, Table>()
  private readonly snapshots: { held: Snapshot; timeMs: number }[] = []
  private readonly held = new SnapshotList(new HandClock(), () => this.lastSeqNum, () => this.beginDrop())
  /** The wall clock, which may be set back; up to `dropTimeMs` what expired may be destroyed. */
  private nowMs = 1
  private dropTimeMs = 0
  private lastSeqNum: SeqNum = 0
  private nextNum = 1

  constructor(random: SeededRandom) {
    this.random = random
  }

  step(): void {
    const roll = this.random.below(12)
    if (this.random.chance(0.3)) this.setClock()
    if (roll < 4) this.flush()
    else if (roll < 5) this.changeSnapshots()
    else if (roll < 7) this.drop()
    else if (roll < 8) this.dropExpired()
    else this.compact()
    this.check()
  }

  // ── Changes ─────────────────────────────────────────────────────────────────────────────────────

  /** Writes some entries, and a table of them. */
  private flush(): void {
    const { random } = this
    const isBrief = random.chance(0.3)
    const writes = Array.from({ length: 1 + random.below(8) }, () => this.write(isBrief))
    this.history.push(...writes)
    const fileNum = this.nextNum++
    const file = this.vfs.openSync(`${DIR}/${tableFileName(fileNum)}`, 'create')
    const builder = new TableBuilder(file, { ...headerOf(fileNum), blockBytes: 1024 })
    const spans = Spans.join(writes.filter(isSpan).map((span) => Spans.of(spanOf(span))))
    for (const write of writes.filter((each) => !isSpan(each)).sort(compareEntries)) {
      const { key, seqNum, kind, value } = withFront(write)
      builder.add(key, 0, key.length, seqNum, kind, value, 0, value.length)
    }
    if (spans !== null) builder.addSpans(spans)
    const facts = builder.finish()
    file.closeSync()
    this.open(facts)
    this.levels[0]!.unshift(facts)
    this.counts.flushes++
  }

  /** `isBrief`: it is a value that expires. */
  private write(isBrief: boolean): Write {
    const { random } = this
    const seqNum = ++this.lastSeqNum
    const n = random.below(KEY_COUNT)
    const value = new Uint8Array(random.pick([10, 400]))
    if (!isBrief && random.chance(0.15)) {
      const end = n + 1 + random.below(random.pick([2, KEY_COUNT]))
      const upper = end >= KEY_COUNT && random.chance(0.5) ? null : keyAt(end)
      return { key: keyAt(n), seqNum, kind: EntryKind.rangeTombstone, value, upper }
    }
    if (!isBrief && random.chance(0.2)) {
      return { key: keyAt(n), seqNum, kind: EntryKind.tombstone, value: new Uint8Array(0) }
    }
    random.fill(value)
    if (!isBrief && random.chance(0.6)) return { key: keyAt(n), seqNum, kind: EntryKind.value, value }
    const expiryMs = Math.max(1, this.readTimeMs + random.pick([-1, 1, 2, 3, 8, 40]))
    return { key: keyAt(n), seqNum, kind: EntryKind.value, value, expiryMs }
  }

  private changeSnapshots(): void {
    const { random, snapshots, readTimeMs: timeMs } = this
    if (random.chance(0.5)) snapshots.push({ held: this.held.hold(this.lastSeqNum, timeMs), timeMs })
    else for (const { held } of snapshots.splice(random.below(snapshots.length + 1), 1)) held.release()
  }

  private setClock(): void {
    this.nowMs = Math.max(1, this.nowMs + this.random.pick([1, 1, 2, 5, 20, -3]))
  }

  /** The time for readers that begin now. */
  private get readTimeMs(): number {
    return Math.max(this.nowMs, this.dropTimeMs)
  }

  /** The drop clock may lag, and it may be ahead of a wall clock that was set back since. */
  private beginDrop(): number {
    this.dropTimeMs = Math.max(this.dropTimeMs, this.nowMs - this.random.pick([0, 0, 2, 10]))
    return this.dropTimeMs
  }

  /** Lets covered tables go, as the picker says. */
  private drop(): void {
    const pick = pickCovered(this.context())
    if (pick === null) return
    for (const { level, tables } of pick.inputs) this.remove(level, tables)
    this.counts.drops++
  }

  private context(): PickContext {
    return pickContext(defaultCompactionSettings(), { version: this.version(), held: this.held.oldest ?? Infinity })
  }

  /** Does what the picker of expired tables says, until it says no more. */
  private dropExpired(): void {
    if (this.random.chance(0.5)) this.nowMs += 50
    const dropTimeMs = this.beginDrop()
    const times = { dropTimeMs, earliestReadMs: (seqNum: SeqNum) => this.held.earliestTimeFrom(seqNum) }
    for (let left = 100; ; left--) {
      const pick = pickExpired(this.context(), times)
      if (pick === null) return
      assert.ok(left > 0, 'what is picked for what expired gets less each time')
      const { level, tables } = pick.inputs[0]!
      if (pick.kind === 'drop') {
        for (const input of pick.inputs) this.remove(input.level, input.tables)
        this.counts.expiredTables += pick.inputs.length
      } else {
        this.rewrite(level, tables, pick)
        this.counts.rewrites++
      }
    }
  }

  /** Writes a table anew where it stands. */
  private rewrite(level: number, tables: readonly TableFacts[], pick: CompactionPick): void {
    const at = this.levels[level]!.indexOf(tables[0]!)
    const outputs = this.run([tables], pick)
    this.remove(level, tables)
    if (level > 0) this.add(level, outputs)
    else this.levels[0]!.splice(at, 0, ...outputs)
  }

  private compact(): void {
    const { random, levels } = this
    const level = random.below(LEVELS - 1)
    const all = levels[level]!
    if (all.length === 0) return
    // In level 0 no older table may stay above its own newer ones.
    const inputs = level === 0 ? all.slice(random.below(all.length)) : this.stretch(all)
    const outputLevel = level + 1
    const below = levelOf(outputLevel, levels[outputLevel]!).overlapping(extentOfTables(inputs))
    if (inputs.length === 1 && below.length === 0 && random.chance(0.7)) this.move(level, inputs)
    else this.merge(level, inputs, below)
  }

  private stretch(tables: readonly TableFacts[]): TableFacts[] {
    const from = this.random.below(tables.length)
    return tables.slice(from, from + 1 + this.random.below(2))
  }

  private move(level: number, tables: TableFacts[]): void {
    let to = level + 1
    const extent = extentOfTables(tables)
    while (to + 1 < LEVELS && levelOf(to + 1, this.levels[to + 1]!).overlapping(extent).length === 0) to++
    this.levels[level] = this.levels[level]!.filter((table) => !tables.includes(table))
    this.add(to, tables)
    this.counts.moves++
  }

  private merge(level: number, upper: readonly TableFacts[], lower: readonly TableFacts[]): void {
    const { random, levels } = this
    const inputs = [...(level === 0 ? upper.map((table) => [table]) : [upper]), ...(lower.length > 0 ? [lower] : [])]
    const extent = extentOfTables([...upper, ...lower])
    const below = levels.slice(level + 2).map((tables, i) => levelOf(level + 2 + i, tables).overlapping(extent))
    const tableBytes = random.pick([1, 1, 3000])
    const outputs = this.run(inputs, { below, tableBytes, overlapBytesMax: random.pick([1, 1, 3000, 1 << 30]) })
    this.remove(level, upper)
    this.remove(level + 1, lower)
    this.add(level + 1, outputs)
    this.counts.merges++
    this.counts.cuts += Math.max(0, outputs.length - 1)
  }

  private run(
    inputs: readonly (readonly TableFacts[])[],
    { below, tableBytes, overlapBytesMax }: Pick<CompactionPick, 'below' | 'tableBytes' | 'overlapBytesMax'>,
  ): TableFacts[] {
    const numbers = Array.from({ length: 40 }, () => this.nextNum++)
    const { outputs, expiredCount } = compact(this.vfs, inputOf(inputs, {
      headers: numbers.map((fileNum) => headerOf(fileNum)), fileNames: numbers.map((fileNum) => tableFileName(fileNum)),
      ...this.held.takeRule(), below, tableBytes, overlapBytesMax,
    }))
    this.counts.expired += expiredCount
    for (const facts of outputs) this.open(facts)
    return outputs
  }

  private add(level: number, tables: readonly TableFacts[]): void {
    this.levels[level]!.push(...tables)
    this.levels[level]!.sort((a, b) => compareBytes(extentOfTables([a]).lower, extentOfTables([b]).lower))
  }

  private remove(level: number, tables: readonly TableFacts[]): void {
    this.levels[level] = this.levels[level]!.filter((table) => !tables.includes(table))
    for (const { fileNum } of tables) this.tables.delete(fileNum)
  }

  /** Opens a table, which is checked from its first byte to its last. */
  private open(facts: TableFacts): void {
    const name = tableFileName(facts.fileNum)
    const file = this.vfs.openSync(`${DIR}/${name}`, 'read')
    const options = { file, name, facts, databaseId: DATABASE_ID }
    const checking = checkTable(options, ({ error }) => {
      throw error
    })
    while (checking.next().done !== true);
    this.tables.set(facts.fileNum, runSync(openTable({ ...options, cache: this.cache })))
  }

  // ── What a reader finds ─────────────────────────────────────────────────────────────────────────

  private version(): Version {
    return {
      ...emptyVersion, lineage: { own: 7, parent: 0, partedSeqNum: 0 },
      levels: [...this.levels, [], [], []].map((tables, level) => levelOf(level, tables)),
      lastSeqNum: this.lastSeqNum, nextFileNum: this.nextNum,
    }
  }

  private check(): void {
    assert.equal(findProblem(this.version()), null)
    const held = this.snapshots.map(({ held: { seqNum }, timeMs }): Reader => ({ seqNum, timeMs }))
    const present = [0, 1, 4, 30].map((ms): Reader => ({ seqNum: this.lastSeqNum, timeMs: this.readTimeMs + ms }))
    for (const reader of [...present, ...held]) {
      const expected = new Map<string, string>()
      for (let n = 0; n < KEY_COUNT; n++) {
        const key = keyAt(n)
        const value = this.truth(key, reader)
        if (value !== null) expected.set(hex(key), hex(value))
        const what = `${hex(key)} at ${reader.seqNum} of ${this.lastSeqNum}, time ${reader.timeMs}`
        assert.equal(this.get(key, reader), value && hex(value), what)
      }
      const sorted = [...expected].sort(([a], [b]) => (a < b ? -1 : 1)).map((pair) => pair.join(' '))
      assert.deepEqual(this.scan(reader, false), sorted)
      assert.deepEqual(this.scan(reader, true), sorted.reverse())
    }
  }

  private truth(key: Uint8Array, { seqNum, timeMs }: Reader): Uint8Array | null {
    const found = this.history.findLast((write) => write.seqNum <= seqNum && concerns(write, key))
    if (found === undefined || found.kind !== EntryKind.value) return null
    return found.expiryMs !== undefined && found.expiryMs <= timeMs ? null : found.value
  }

  private get(key: Uint8Array, { seqNum, timeMs }: Reader): string | null {
    const found: PointResult = { kind: 0, valueBytes: key, valueStart: 0, valueEnd: 0 }
    const keyHash = new KeyHash()
    for (const { runs } of this.version().levels) {
      for (const run of runs) {
        const facts = run.tableFor(key, 0, key.length)
        const table = facts === null ? null : this.tables.get(facts.fileNum)!
        if (table?.get(key, key.length, seqNum, found, keyHash) !== true) continue
        const { kind, valueBytes, valueStart, valueEnd } = found
        if (!isSeen(kindOf(kind), expiryOf(kind, valueBytes, valueStart), timeMs)) return null
        return hex(valueBytes.slice(valueStart + frontBytes(kind), valueEnd))
      }
    }
    return null
  }

  private scan({ seqNum, timeMs }: Reader, backward: boolean): string[] {
    const runs = this.version().levels.flatMap(({ runs: each }) => each)
    const tables = runs.flatMap((run) => run.tables.map(({ fileNum }) => this.tables.get(fileNum)!))
    const sources = runs.map((run) => run.tables.flatMap(({ fileNum }) => this.tables.get(fileNum)!.spans ?? []))
    const merged = mergeAged(tables.map((table) => table.iterator()), tables.map(({ facts }) => facts.largestSeqNum))
    const cover = new SpanCover(sources.filter((source) => source.length > 0), seqNum)
    const visible = new VisibleIterator(merged, seqNum, undefined, { cover, timeMs })
    const found = collect(visible, backward).map(({ key, value }) => `${hex(key)} ${hex(value)}`)
    visible.close()
    return found
  }
}

const isSpan = (write: Write): boolean => write.upper !== undefined

const spanOf = ({ key, upper, seqNum }: Write): Span => ({ lower: key, upper: upper!, seqNum })

/** The entry with its value as it stands in a table. */
function withFront({ key, seqNum, kind, value, expiryMs }: Write): Entry {
  if (expiryMs === undefined) return { key, seqNum, kind, value }
  const whole = new Uint8Array(EXPIRY_BYTES + value.length)
  const flagged = putExpiry(whole, 0, kind, expiryMs)
  whole.set(value, EXPIRY_BYTES)
  return { key, seqNum, kind: flagged as EntryKind, value: whole }
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

function concerns({ key: lower, upper }: Write, key: Uint8Array): boolean {
  if (upper === undefined) return compareBytes(lower, key) === 0
  return compareBytes(lower, key) <= 0 && (upper === null || compareBytes(key, upper) < 0)
}
