/**
 * What: the tables that a repair writes: entries in order, as they were, into one file after the other.
 * Owns: the file that is being written; a failed one goes with the whole target. Thread: main; writes block.
 * Invariants: REP-7 an entry keeps its key, its sequence number, its kind and its expiry.
 */
import { compareRanges, MiB, tableFileName } from '../base/index.js'
import type { FileNum, SeqNum, TableFacts } from '../base/index.js'
import type { Spans } from '../iterator/index.js'
import { BuildBuffer } from '../sstable/index.js'
import type { Replaced } from '../sstable/index.js'
import { NewTable } from '../tables/index.js'
import type { TableSettings } from '../tables/index.js'
import type { Vfs } from '../vfs/index.js'
import type { RepairTarget } from './repair-target.js'

/** What the tables that stand for some others have in common. */
export interface OutputPlan {
  readonly settings: TableSettings
  /** The tables of the source that they stand for. */
  readonly replaced: Replaced
  /** The range tombstones that they take. */
  readonly spans: Spans | null
  /** A table is ended at about this size, between two keys. */
  readonly tableBytes: number
}

/** Tables of a source stay one table in the target, unless values came into them. */
export const ONE_TABLE_BYTES = 1024 * MiB
export const MERGED_TABLE_BYTES = 64 * MiB

export class TableOutputs {
  readonly facts: TableFacts[] = []
  private readonly vfs: Vfs
  private readonly target: RepairTarget
  private readonly plan: OutputPlan
  private memory: BuildBuffer | null = null
  private current: NewTable | null = null
  private group: FileNum = 0
  /** Range tombstones before this key were given away. */
  private spansFrom: Uint8Array | null = null
  private lastKey = new Uint8Array(256)
  private lastBytes = -1

  constructor(vfs: Vfs, target: RepairTarget, plan: OutputPlan) {
    this.vfs = vfs
    this.target = target
    this.plan = plan
  }

  /** Adds an entry; they come in order. */
  *add(
    key: Uint8Array, keyBytes: number, seqNum: SeqNum, kind: number,
    value: Uint8Array, valueStart: number, valueEnd: number,
  ): Generator<undefined, void, unknown> {
    if (this.isFull() && compareRanges(this.lastKey, 0, this.lastBytes, key, 0, keyBytes) !== 0) {
      yield* this.end(key.slice(0, keyBytes), false)
    }
    this.current ??= this.newTable()
    this.current.builder.add(key, 0, keyBytes, seqNum, kind, value, valueStart, valueEnd)
    if (keyBytes > this.lastKey.length) this.lastKey = new Uint8Array(2 * keyBytes)
    for (let i = 0; i < keyBytes; i++) this.lastKey[i] = key[i]!
    this.lastBytes = keyBytes
  }

  /** Ends the last table; there is none when there was neither an entry nor a range tombstone. */
  *finish(): Generator<undefined, TableFacts[], unknown> {
    yield* this.end(null, true)
    return this.facts
  }

  syncSome(): void {
    this.current?.syncSome()
  }

  /** Lets a file go that was not finished; a job that is ended in the middle calls it too. */
  discard(): void {
    this.current?.discard()
    this.current = null
  }

  private isFull(): boolean {
    return this.current !== null && this.current.builder.bytesEstimated >= this.plan.tableBytes
  }

  private newTable(): NewTable {
    const { vfs, target, plan: { settings } } = this
    const fileNum = target.allocate()
    if (this.facts.length === 0) this.group = fileNum
    this.memory ??= new BuildBuffer(settings.blockBytes)
    return new NewTable({
      vfs, dir: target.dir, fileName: tableFileName(fileNum), isSynced: true,
      table: { ...target.newHeader('varvetab', fileNum), ...settings }, memory: this.memory,
    })
  }

  private *end(cut: Uint8Array | null, isLast: boolean): Generator<undefined, void, unknown> {
    const { plan: { spans, replaced }, spansFrom } = this
    const part = spans?.within(spansFrom, cut) ?? null
    this.spansFrom = cut
    if (part !== null) {
      this.current ??= this.newTable()
      this.current.builder.addSpans(part)
    }
    const { current } = this
    if (current === null) return
    const index = this.facts.length
    this.facts.push(yield* current.finish({ ...replaced, group: this.group, index, isLast }))
    this.current = null
  }
}
