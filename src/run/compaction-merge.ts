/**
 * What: the merge of a compaction: brings the entries of all runs, in order, to the outputs if the retention rule
 * keeps them.
 * Owns: the order of the runs; the latest key.
 * Does not own: the outputs (compaction-outputs.ts), the tables below (below-tables.ts).
 * Thread: worker or main. Nothing is allocated per entry.
 * Invariants: `live` holds the runs that have an entry, in order of their entries. COMP-3 a version goes
 * only by the shared retention rule; a tombstone only where no table below has its key range.
 *
 * Most entries are the only version of their key, and not a tombstone. A stretch of such entries in one block
 * that comes before the next entry of any other run goes to the output as one piece, and only the heads of its
 * keys are compared. docs/design/0019-merge-speed.md gives the reasons. Where a range tombstone may hide entries, each
 * is looked at; so is each that may have expired.
 */
import { expiryOf, KEY_BYTES_MAX } from '../base/index.js'
import type { RetentionRule } from '../iterator/index.js'
import { isTombstone, mayExpire, RetentionFilter } from '../iterator/index.js'
import { HEAD_MIN } from '../sstable/index.js'
import type { BelowTables } from './below-tables.js'
import type { CompactionOutputs } from './compaction-outputs.js'
import type { MergeCover } from './output-spans.js'
import type { RunCursor } from './run-cursor.js'

/** The reason why `advance` stopped. After 'output ends' the caller ends the output before it goes on. */
export type MergeState = 'paused' | 'output ends' | 'done'

/** The bytes of a block that count as the work of one entry, since a few large values take time too. */
const BYTES_PER_ENTRY = 512

export class CompactionMerge {
  readonly retention: RetentionFilter
  private readonly live: RunCursor[]
  private liveCount = 0
  private readonly outputs: CompactionOutputs
  /** What range tombstones of the inputs hide; null when there are none. */
  private readonly cover: MergeCover | null
  /** The key of the present entry. It is copied only where the outputs or the retention rule may look at it. */
  private readonly key = new Uint8Array(KEY_BYTES_MAX)
  private keyEnd = 0
  /** The latest entry is entry `lastAt` of this run; null once the run has left its block and the key is saved. */
  private last: RunCursor | null = null
  private lastAt = -1
  private lastHigh = HEAD_MIN.high
  private lastLow = HEAD_MIN.low
  private readonly savedKey = new Uint8Array(KEY_BYTES_MAX)
  private savedEnd = -1
  /** True while the present entry, which is kept, waits for an output. */
  private isKept = false

  constructor(
    runs: readonly RunCursor[], rule: RetentionRule,
    { outputs, below, cover }: { outputs: CompactionOutputs; below: BelowTables; cover: MergeCover | null },
  ) {
    this.cover = cover
    this.live = [...runs]
    this.outputs = outputs
    this.retention = new RetentionFilter(rule, () => below.isWithoutKey(this.key, 0, this.keyEnd))
  }

  /** Moves to the first entry of each run. */
  begin(): void {
    for (const run of [...this.live]) if (run.nextBlock()) this.enter(run)
  }

  /** Does the work of about `entryCount` entries. */
  advance(entryCount: number): MergeState {
    let left = entryCount
    while (left > 0) {
      if (this.liveCount === 0) return 'done'
      const run = this.live[0]!
      const from = run.at
      const end = this.plainEnd(run, from + left)
      if (end === from) this.tellOutputs(run)
      if (this.outputs.mustEnd) return 'output ends'
      const next = end > from ? this.addPlain(run, end) : this.addOne(run)
      if (this.isKept) return 'output ends'
      left -= 1 + next - from
      if (next < run.count) {
        run.moveTo(next)
        this.settle(run)
      } else left -= this.leaveBlock(run)
    }
    return 'paused'
  }

  // ── The order of the runs ───────────────────────────────────────────────────────────────────────

  private enter(run: RunCursor): void {
    const { live } = this
    let at = this.liveCount++
    while (at > 0 && run.isBefore(live[at - 1]!)) {
      live[at] = live[at - 1]!
      at--
    }
    live[at] = run
  }

  /** Finds the new place of the first run, which has moved. */
  private settle(run: RunCursor): void {
    const { live, liveCount } = this
    if (liveCount === 1 || !live[1]!.isBefore(run)) return
    let low = 2
    let high = liveCount
    while (low < high) {
      const middle = (low + high) >>> 1
      if (live[middle]!.isBefore(run)) low = middle + 1
      else high = middle
    }
    for (let i = 1; i < low; i++) live[i - 1] = live[i]!
    live[low - 1] = run
  }

  /** Moves the first run to its next block, or takes it out. Returns the work as a number of entries. */
  private leaveBlock(run: RunCursor): number {
    if (this.last === run) {
      this.savedEnd = run.scan.block.copyKey(this.lastAt, this.savedKey)
      this.last = null
    }
    const bytesBefore = run.scan.readBytes
    if (run.nextBlock()) this.settle(run)
    else {
      const count = --this.liveCount
      for (let i = 0; i < count; i++) this.live[i] = this.live[i + 1]!
    }
    return (run.scan.readBytes - bytesBefore) / BYTES_PER_ENTRY
  }

  // ── Entries ─────────────────────────────────────────────────────────────────────────────────────

  /** Finds the end, at most `end`, of the stretch of entries of which only the heads need be compared. */
  private plainEnd(run: RunCursor, end: number): number {
    const { high, low, isPlain } = run.scan.heads
    const { lastHigh, lastLow, outputs, cover } = this
    let at = run.at
    if (outputs.isDue || run.high < lastHigh || (run.high === lastHigh && run.low <= lastLow)) return at
    let { limitHigh, limitLow } = outputs
    if (this.liveCount > 1) {
      const second = this.live[1]!
      if (second.high < limitHigh || (second.high === limitHigh && second.low < limitLow)) {
        limitHigh = second.high
        limitLow = second.low
      }
    }
    if (cover?.isBefore(limitHigh, limitLow) === true) {
      limitHigh = cover.limitHigh
      limitLow = cover.limitLow
    }
    if (end > run.count) end = run.count
    while (at < end && isPlain[at] === 1) {
      const isBelow = high[at]! < limitHigh || (high[at] === limitHigh && low[at]! < limitLow)
      if (!isBelow) break
      at++
    }
    return at
  }

  /** Adds entries up to `end`, or fewer. Returns the index of the next entry. */
  private addPlain(run: RunCursor, end: number): number {
    const { scan, at } = run
    const next = this.outputs.addFrom(scan, at, end)
    if (next === at) return at
    this.retention.keepNewest(next - at, scan.block.seqNumAt(next - 1))
    this.setLast(run, next - 1)
    return next
  }

  private tellOutputs(run: RunCursor): void {
    const { outputs } = this
    if (!outputs.mustTell(run.high, run.low) || this.hasLastKey(run)) return
    this.keyEnd = run.scan.block.copyKey(run.at, this.key)
    outputs.noteKey(this.key, this.keyEnd)
  }

  /** Takes an entry of any sort. An entry that is kept waits (`isKept`) while the output is full. */
  private addOne(run: RunCursor): number {
    const { scan, at } = run
    const { block } = scan
    const { outputs, cover } = this
    const isOlder = this.hasLastKey(run)
    const kind = block.kindAt(at)
    const seqNum = block.seqNumAt(at)
    const expiryMs = mayExpire(kind) ? expiryOf(kind, block.bytes, block.valueStart(at)) : 0
    const mayGo = isTombstone(kind) || expiryMs !== 0
    if (outputs.isDue || mayGo || cover !== null) this.keyEnd = block.copyKey(at, this.key)
    const coverSeqNum = cover === null ? Infinity : cover.above(this.key, this.keyEnd, seqNum)
    if (this.isKept || this.retention.keep(seqNum, kind, isOlder, coverSeqNum, expiryMs)) {
      this.isKept = outputs.isFull
      if (this.isKept) return at
      outputs.begin(this.key, this.keyEnd)
      if (coverSeqNum !== Infinity && !isOlder) outputs.noteCovered()
      if (expiryMs !== 0 && this.retention.isExpired) outputs.addTombstone(this.key, this.keyEnd, seqNum)
      else while (outputs.addFrom(scan, at, at + 1) === at);
    }
    this.setLast(run, at)
    return at + 1
  }

  private setLast(run: RunCursor, at: number): void {
    const { heads } = run.scan
    this.last = run
    this.lastAt = at
    this.lastHigh = heads.high[at]!
    this.lastLow = heads.low[at]!
  }

  private hasLastKey(run: RunCursor): boolean {
    if (run.high !== this.lastHigh || run.low !== this.lastLow) return false
    const { last, savedEnd } = this
    if (last !== null) return run.compareTied(last, this.lastAt) === 0
    return savedEnd >= 0 && run.scan.block.keyEquals(run.at, this.savedKey, 0, savedEnd)
  }
}
