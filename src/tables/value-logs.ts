/**
 * What: the value logs of an open database: which file a handle names, and how long each must stay in the directory. A
 * file is opened with the first read, and stays open while the pool has room.
 * Owns: their files; which maps of value logs the living read states see; counts of other users; those that only
 * entries of logs name; who waits for a file to be unused.
 * Does not own: which files a version lists (manifest), unlinking them (versions/file-deleter.ts), which of the
 * files are open at the moment (vfs/file-pool.ts).
 * Thread: main.
 * Invariants: VLG-8 a file is in use as long as a read state lives whose tables point into it, or somebody holds it. A
 * read state reaches what its own version lists, so a value log never waits for a read state that is older.
 */
import { assert, VarveError } from '../base/index.js'
import type { FileNum } from '../base/index.js'
import type { NewValueLog, ValueLogFacts } from '../manifest/index.js'
import type { FilePool, Vfs } from '../vfs/index.js'
import { ReadAhead } from './read-ahead.js'
import { openValueLog, ValueLogReads } from './value-log-file.js'
import type { ListedValueLog, OpenValueLog } from './value-log-file.js'

type ValueLogMap = ReadonlyMap<FileNum, ValueLogFacts>

/** What readers of one set of value logs share. */
export interface ValueLogView {
  readonly valueLogs: ValueLogMap
  /** The read states that see it. */
  users: number
}

export interface OpenValueLogsOptions {
  vfs: Vfs
  dir: string
  databaseId: Uint8Array
  files: FilePool
}

export class OpenValueLogs {
  /** What walks have read ahead of them. */
  readonly ahead = new ReadAhead()
  readonly reads = new ValueLogReads()
  private readonly options: OpenValueLogsOptions
  /** Those that living read states see, oldest first; the last is the present one. */
  private readonly views: ValueLogView[] = []
  private readonly open = new Map<FileNum, ListedValueLog>()
  private readonly holds = new Map<FileNum, number>()
  /** Those that entries of logs name and no version lists yet; each is held. */
  private readonly pending = new Map<FileNum, NewValueLog>()
  private readonly retired = new Map<FileNum, () => void>()
  private readonly closing = new Set<Promise<void>>()

  constructor(options: OpenValueLogsOptions) {
    this.options = options
  }

  // ── Who needs them ──────────────────────────────────────────────────────────────────────────────

  /** Counts a read state of a version with these value logs; `leave` ends that. */
  enter(valueLogs: ValueLogMap): ValueLogView {
    const present = this.views.at(-1)
    if (present?.valueLogs === valueLogs) {
      present.users++
      return present
    }
    const view = { valueLogs, users: 1 }
    this.views.push(view)
    return view
  }

  leave(view: ValueLogView): void {
    assert(view.users > 0, 'a set of value logs is left by who entered it')
    if (--view.users > 0) return
    this.views.splice(this.views.indexOf(view), 1)
    this.settle()
  }

  /** Counts a user that is no read state: a job, or a memtable whose entries name the file. */
  hold(fileNum: FileNum): void {
    this.holds.set(fileNum, (this.holds.get(fileNum) ?? 0) + 1)
  }

  release(fileNum: FileNum): void {
    const count = this.holds.get(fileNum) ?? 0
    assert(count > 0, `value log ${fileNum} is held`)
    if (count > 1) {
      this.holds.set(fileNum, count - 1)
      return
    }
    this.holds.delete(fileNum)
    this.pending.delete(fileNum)
    this.settle()
  }

  /** Holds a file that no version lists yet: entries that name it can be read as long as anybody holds it. */
  addPending(facts: NewValueLog): void {
    this.pending.set(facts.fileNum, facts)
    this.hold(facts.fileNum)
  }

  /** What is known of a file that entries of a log name, as long as anybody holds it. */
  pendingFacts(fileNum: FileNum): NewValueLog | null {
    return this.pending.get(fileNum) ?? null
  }

  /** Those that no version lists yet. */
  get pendingLogs(): readonly ValueLogFacts[] {
    return [...this.pending.values()].map(factsOfPending)
  }

  /** True as long as entries that can be read name the file, or a job uses it. */
  isHeld(fileNum: FileNum): boolean {
    return this.holds.has(fileNum)
  }

  /** No version lists the file any more: calls back when nobody can read it any more, now or later. */
  retire(fileNum: FileNum, onUnused: () => void): void {
    this.retired.set(fileNum, onUnused)
    this.settle()
  }

  /** Those that no version lists any more and somebody may still read. */
  retiredNums(): FileNum[] {
    return [...this.retired.keys()]
  }

  /** Closes what nobody needs any more, and calls back for it. */
  private settle(): void {
    for (const [fileNum, file] of this.open) if (!this.isNeeded(fileNum)) this.close(fileNum, file)
    for (const [fileNum, onUnused] of this.retired) {
      if (this.isNeeded(fileNum)) continue
      this.retired.delete(fileNum)
      onUnused()
    }
  }

  private isNeeded(fileNum: FileNum): boolean {
    if (this.holds.has(fileNum)) return true
    return this.views.some(({ valueLogs }) => (valueLogs.get(fileNum)?.liveCount ?? 0) > 0)
  }

  /** Another file of equal bytes has its name: the next read opens it. */
  renewFile(fileNum: FileNum): void {
    this.open.get(fileNum)?.file.rest()
  }

  private close(fileNum: FileNum, { file }: ListedValueLog): void {
    this.open.delete(fileNum)
    const closing = file.close().finally(() => this.closing.delete(closing))
    this.closing.add(closing)
  }

  /** Resolves when no file is being closed any more; called at the end. */
  async idle(): Promise<void> {
    for (const [fileNum, file] of this.open) this.close(fileNum, file)
    await Promise.all(this.closing)
  }

  // ── Their files ─────────────────────────────────────────────────────────────────────────────────

  /**
   * Gives the file of this number, and opens it if it is not open; null when no version that is read lists it. Throws
   * MISSING_FILE, CORRUPTION when it is shorter than the manifest says or not the file that it means,
   * UNSUPPORTED_FORMAT, IO_ERROR, or CLOSED when no read state lives.
   */
  get(fileNum: FileNum): OpenValueLog | null {
    const found = this.open.get(fileNum)
    if (found !== undefined) return found
    if (this.views.length === 0) throw new VarveError('CLOSED', 'the database is closed')
    const facts = this.factsOf(fileNum)
    return facts === null ? null : this.openListed(facts)
  }

  /**
   * Opens what the present read state may read, as long as the pool keeps it open: another process may remove it before
   * it is read. A file that cannot be opened says so to who reads it.
   */
  openAhead(): void {
    for (const facts of [...(this.views.at(-1)?.valueLogs.values() ?? []), ...this.pendingLogs]) {
      if (!this.options.files.mayKeep) return
      try {
        if (!this.open.has(facts.fileNum)) this.openListed(facts)
      } catch {
        // Whoever reads it tries again.
      }
    }
  }

  private factsOf(fileNum: FileNum): ValueLogFacts | null {
    for (let i = this.views.length - 1; i >= 0; i--) {
      const facts = this.views[i]!.valueLogs.get(fileNum)
      if (facts !== undefined) return facts
    }
    const pending = this.pending.get(fileNum)
    return pending === undefined ? null : factsOfPending(pending)
  }

  private openListed(facts: ValueLogFacts): OpenValueLog {
    const { vfs, dir, databaseId, files } = this.options
    const opened = openValueLog({ vfs, dir, databaseId, pool: files }, facts, this.reads)
    this.open.set(facts.fileNum, opened)
    return opened
  }
}

/** What a version would say of a file whose values are all in use. */
function factsOfPending(facts: NewValueLog): ValueLogFacts {
  return { ...facts, liveCount: facts.putCount, liveBytes: facts.putBytes }
}
