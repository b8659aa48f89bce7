/**
 * What: the files of one database that are open only while there is room: others are closed for them, and the next read
 * opens them again (pooled-file.ts).
 * A pool that keeps its files closes none while there is room: somebody else may remove them.
 * Owns: how many are open, of the database and of all that share the thread, and the order of their last use.
 * Does not own: the files; what other threads have open, for which room is left (`runFilesMax`).
 * Thread: one; all databases in it share one count, and so do other copies of the package.
 * Invariants: FILE-1 no more files are open than the pool and the thread may have, as far as any can be closed; of
 * those that are not kept, the one whose last use is longest ago is closed first.
 */
import { processShared } from '../base/index.js'

/** What the pool needs to know of a file. */
export interface Poolable {
  /** Neighbours in the order of use. */
  older: Poolable | null
  newer: Poolable | null
  lastUse: number
  /** True when the file is not in that order, so it is not closed for others. */
  isKept: boolean
  /** Closes the file; the next read opens it again. */
  rest(): void
}

/** A pool as other copies of the package see it. */
interface SharingPool {
  /** The last use of the file that would be closed next; Infinity when there is none. */
  readonly oldestUse: number
  closeOldest(): void
}

/**
 * The part of the process's open files that tables may take; sockets, logs, manifests, locks and Node itself need the
 * rest.
 */
const TABLES_PART = 9 / 16
const RUNS_PART = 3 / 16
/** Assumed where the platform does not say how many files a process may have open. */
const OPEN_FILES_UNKNOWN = 2048
const TABLES_MIN = 8
const TABLES_MAX = 8192
const RUN_MIN = 4
/** The most input tables that a compaction opens. */
const RUN_MAX = 255
/** Kept files leave the rest of the room to others. */
const KEPT_PART = 7 / 8
const GIVE_BACK_MIN = 8
const GIVE_BACK_PART = 1 / 4

/** How many files of tables may be open for reads, of those that the process may have open. */
function tableFilesMax(openFilesMax = OPEN_FILES_UNKNOWN): number {
  return clamp(openFilesMax * TABLES_PART, TABLES_MIN, TABLES_MAX)
}

/** How many files each compaction may open, when this many threads may run one. */
export function runFilesMax(openFilesMax = OPEN_FILES_UNKNOWN, threadCount = 1): number {
  return clamp((openFilesMax * RUNS_PART) / Math.max(1, threadCount), RUN_MIN, RUN_MAX)
}

/** How many files may be kept: room is left for at least one other file. */
function keptMax(max: number): number {
  return Math.floor(max * KEPT_PART)
}

function clamp(value: number, min: number, max: number): number {
  return Math.max(min, Math.min(max, Math.floor(value)))
}

/** All pools of a thread. */
class ThreadFiles {
  capacity = tableFilesMax()
  openCount = 0
  keptCount = 0
  useCount = 0
  /** Pools with open files. */
  readonly pools = new Set<SharingPool>()

  closeOldest(): boolean {
    let oldest: SharingPool | null = null
    for (const pool of this.pools) if (pool.oldestUse < (oldest?.oldestUse ?? Infinity)) oldest = pool
    oldest?.closeOldest()
    return oldest !== null
  }
}

function threadFiles(): ThreadFiles {
  return processShared('openFiles', () => new ThreadFiles())
}

/**
 * Closes a good part of the files of any database that can be opened again, since the platform gives no more. False
 * when there were none.
 */
export function giveBackFiles(): boolean {
  const thread = threadFiles()
  let left = Math.max(GIVE_BACK_MIN, Math.ceil(thread.openCount * GIVE_BACK_PART))
  let hasClosed = false
  while (left-- > 0 && thread.closeOldest()) hasClosed = true
  return hasClosed
}

export interface FilePoolOptions {
  /** Files that may be open at once; by default what the thread may have. */
  max?: number
  /** The number of files that the process may have open, as the Vfs tells it. */
  openFilesMax?: number | undefined
  isKeeping?: boolean
}

export class FilePool implements SharingPool {
  openCount = 0
  /** How often a read opened a file again. */
  reopenedCount = 0
  private readonly max: number
  readonly isKeeping: boolean
  private readonly thread = threadFiles()
  private keptCount = 0
  private oldest: Poolable | null = null
  private newest: Poolable | null = null

  constructor({ max = Infinity, openFilesMax, isKeeping = false }: FilePoolOptions = {}) {
    this.max = max
    this.isKeeping = isKeeping
    if (openFilesMax !== undefined) this.thread.capacity = tableFilesMax(openFilesMax)
  }

  /** How many may be open at once, as long as no other database has any. */
  get capacity(): number {
    return Math.min(this.max, this.thread.capacity)
  }

  /** Takes room for one more open file, and closes others for it. */
  reserve(): void {
    const { thread } = this
    while (this.openCount >= this.max && this.oldest !== null) this.closeOldest()
    while (thread.openCount >= thread.capacity && thread.closeOldest());
    thread.openCount++
    if (this.openCount++ === 0) thread.pools.add(this)
  }

  /** Gives room back: the file was not opened, or is closed. */
  free(): void {
    this.thread.openCount--
    if (--this.openCount === 0) this.thread.pools.delete(this)
  }

  /** Counts a file that was opened. Requires: room was reserved for it. */
  add(file: Poolable): void {
    if (this.mayKeep) {
      file.isKept = true
      this.keptCount++
      this.thread.keptCount++
    } else this.append(file)
  }

  /** True when the next file that is opened stays open. */
  get mayKeep(): boolean {
    const { keptCount, max, thread } = this
    return this.isKeeping && keptCount < keptMax(max) && thread.keptCount < keptMax(thread.capacity)
  }

  private append(file: Poolable): void {
    file.lastUse = ++this.thread.useCount
    file.older = this.newest
    if (this.newest === null) this.oldest = file
    else this.newest.newer = file
    this.newest = file
  }

  /** Removes a file that is closed: its room stays its own until `free`. */
  remove(file: Poolable): void {
    if (file.isKept) {
      file.isKept = false
      this.keptCount--
      this.thread.keptCount--
    } else this.unlink(file)
  }

  private unlink(file: Poolable): void {
    const { older, newer } = file
    if (older === null) this.oldest = newer
    else older.newer = newer
    if (newer === null) this.newest = older
    else newer.older = older
    file.older = null
    file.newer = null
  }

  touch(file: Poolable): void {
    if (file.isKept) return
    if (file === this.newest) {
      file.lastUse = ++this.thread.useCount
      return
    }
    this.unlink(file)
    this.append(file)
  }

  get oldestUse(): number {
    return this.oldest?.lastUse ?? Infinity
  }

  closeOldest(): void {
    this.oldest?.rest()
  }
}
