/**
 * What: `refresh()` of a database that is open for reading only: one whole later state in place of the one that is
 * shown, from what manifest and logs say now. What is known of the files is read on from (known-files.ts), and where
 * nothing has come, nothing is made.
 *
 * One reading goes on at a time. A call that comes meanwhile waits for the next one, since the present one may have
 * passed what the caller has just heard of; all who wait share it.
 * Owns: what is known of the files from the first call on, the queue of calls. Does not own: the state that is shown
 * (read-only.ts). Thread: main.
 * Invariants: VIEW-1 the new state is what a fresh open would see. VIEW-2 a view never goes back; a view that was
 * refused stays refused. VIEW-5 it is swapped in one assignment; who reads goes on in the old one.
 */
import { compareBytes, runAsync, runSync, step } from '../base/index.js'
import type { Clock, SeqNum, Steps, Turns } from '../base/index.js'
import { TO_READ_AGAIN } from './directory-reading.js'
import type { FilesRead } from './known-files.js'
import type { PatientReading, Sight } from './patient-reading.js'
import { HistoryGone } from './same-history.js'

/** Larger directories are listed through the thread pool. */
const BLOCKING_NAMES_MAX = 2000

/** What a refresh found. */
export interface RefreshResult {
  /** The last sequence number that reads see now. */
  seqNum: SeqNum
  /**
   * False: every read gives what it gave before, but for values that have expired since. True: writes have come, or
   * files were replaced by others, which mostly hold the same.
   */
  changed: boolean
  /** Bytes of manifests and logs that were read. */
  readBytes: number
  /** How long it took, in milliseconds, from its own beginning on. */
  durationMs: number
}

/** What shows the states. */
export interface FollowedView {
  readonly clock: Clock
  readonly turns: Turns
  readonly reading: PatientReading
  /** What is shown. */
  readonly sight: Sight
  readonly visibleSeqNum: SeqNum
  readonly isClosed: boolean
  /** Throws CLOSED when the database is closed. */
  checkReadable(): void
  show(sight: Sight): void
}

export class Follower {
  private readonly view: FollowedView
  private known: FilesRead | null = null
  /** Settles when all readings that were asked for have ended. */
  private last: Promise<unknown> = Promise.resolve()
  /** Readings that have not begun, by `durableOnly`. */
  private readonly waiting = new Map<boolean, Promise<RefreshResult>>()
  /** Why the view cannot go on. */
  private gone: HistoryGone | null = null

  constructor(view: FollowedView) {
    this.view = view
  }

  /**
   * Shows what the files say; at least as much as they say when it is called. Rejects with SNAPSHOT_GONE, CLOSED, or as
   * an open does; then what was shown stays.
   */
  refresh(durableOnly: boolean): Promise<RefreshResult> {
    const waiting = this.waiting.get(durableOnly)
    if (waiting !== undefined) return waiting
    const mine = this.last.then(() => {
      this.waiting.delete(durableOnly)
      return this.read(durableOnly)
    })
    this.waiting.set(durableOnly, mine)
    this.last = mine.catch(() => undefined)
    return mine
  }

  private async read(durableOnly: boolean): Promise<RefreshResult> {
    const { view } = this
    const startMs = view.clock.nowMs()
    view.checkReadable()
    if (this.gone !== null) throw this.gone
    const before = view.sight
    const known = this.known ??= view.reading.newKnown(before, () => this.giveWay())
    const readBefore = known.readBytes
    if (!(await this.isIdle(known, durableOnly))) await this.show(known, durableOnly)
    return {
      seqNum: view.visibleSeqNum, changed: isChanged(before, view.sight),
      readBytes: known.readBytes - readBefore, durationMs: view.clock.nowMs() - startMs,
    }
  }

  /** True when nothing has come since the last reading, as few calls tell; they block, since waiting costs more. */
  private async isIdle(known: FilesRead, durableOnly: boolean): Promise<boolean> {
    const { vfs } = this.view.reading
    const { lastSeqNum, endSeqNum } = this.view.sight.replayed
    if (known.nameCount === 0 || (!durableOnly && lastSeqNum < endSeqNum)) return false
    try {
      const isBlocking = vfs.hasSyncIo && known.nameCount <= BLOCKING_NAMES_MAX
      return isBlocking ? runSync(known.isSame()) : await runAsync(known.isSame())
    } catch {
      return false // a file is gone, or cannot be read: the reading tells
    }
  }

  private async show(known: FilesRead, durableOnly: boolean): Promise<void> {
    const { view } = this
    const present = view.sight
    const policy = durableOnly ? { ...TO_READ_AGAIN, durableFrom: view.visibleSeqNum } : TO_READ_AGAIN
    let sight: Sight
    try {
      sight = await view.reading.again({ policy, present, known })
    } catch (error) {
      if (error instanceof HistoryGone && error.isForGood) this.gone = error
      throw error
    }
    // A read that met a missing file has looked in between: what it saw is later than the call.
    if (!view.isClosed && view.sight === present) return view.show(sight)
    sight.state.release()
    view.checkReadable()
  }

  private *giveWay(): Steps<void> {
    const { turns } = this.view
    this.view.checkReadable()
    if (turns.isOverNow()) yield* step<unknown>({ sync: () => undefined, async: () => turns.next() })
  }

  /** True when no later call can give anything but SNAPSHOT_GONE. */
  get isGone(): boolean {
    return this.gone !== null
  }

  /** Resolves when no reading goes on any more. Requires: the view is closed. */
  async end(): Promise<void> {
    await this.last
    this.known?.forget()
  }
}

type Positions = [Uint8Array | null, Uint8Array | null]

/** True unless every read gives the same in both. */
function isChanged(before: Sight, after: Sight): boolean {
  if (before === after) return false
  const [old, now] = [contentOf(before), contentOf(after)]
  return old.length !== now.length || old.some((each, i) => each !== now[i]) || !isSamePosition(before, after)
}

/** The numbers that tell what a sight holds. */
function contentOf({ version, replayed: { lastSeqNum, entryCount, provenBytes } }: Sight): number[] {
  const tables = version.levels.flatMap((level, i) => [-i, ...level.tables.map(({ fileNum }) => fileNum)])
  return [lastSeqNum, entryCount, ...provenBytes.keys(), ...tables]
}

function isSamePosition(before: Sight, after: Sight): boolean {
  const [old, now] = [before, after].map(({ replayed, version }) => replayed.position ?? version.position) as Positions
  return old === null || now === null ? old === now : compareBytes(old, now) === 0
}
