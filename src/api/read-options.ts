/**
 * What: options of reads, and snapshots as users hold them.
 */
import {
  checkFlag, invalidArgument, printAs, printedObject, setHidden, takeOptions, unreadableArgument, VarveError,
} from '../base/index.js'
import type { SeqNum, UserBytes } from '../base/index.js'
import { allTables } from '../manifest/index.js'
import { momentAt, momentGone } from '../read/index.js'
import type { HeldSnapshot, ReadMoment, ReadView, Resource } from '../read/index.js'

/** Options of every read. */
export interface ReadOptions {
  /** Reads as of this moment instead of now. */
  snapshot?: Snapshot | undefined
  /**
   * Gives each key and value an ArrayBuffer of its own, which may be transferred to another thread. The default is the
   * option `ownBuffers` of `Varve.open`: without, small ones share memory in chunks of 8 KiB.
   */
  ownBuffers?: boolean | undefined
}

/**
 * A moment of the database. Reads with it see exactly the writes made before it, however long it lives. What was
 * deleted or replaced since then is kept for it, so it should be released, at the latest by closing the database. With
 * the compaction style 'fifo' tables leave all the same: then reads with an older snapshot throw SNAPSHOT_GONE.
 */
export class Snapshot {
  private declare readonly view: ReadView
  private declare readonly held: HeldSnapshot
  private declare readonly resource: Resource
  private declare isReleased: boolean
  /** The view's count when it was taken. */
  private declare readonly lostCount: number

  static {
    printAs(this, ({ held, isReleased }) => printedObject('Snapshot', { sequence: held.seqNum, isReleased }))
  }

  private constructor(view: ReadView, seqNum?: SeqNum) {
    const resource: Resource = { cut: () => this.release() }
    const { lostCount } = view.iterators
    const held = view.holdSnapshot()
    setHidden(this, {
      view, held: seqNum === undefined ? held : { ...held, seqNum }, resource, lostCount, isReleased: false,
    })
    view.attach(resource)
  }

  private static of(view: ReadView, seqNum?: SeqNum): Snapshot {
    return new Snapshot(view, seqNum)
  }

  /** Lets go of the moment: old versions that were kept for it may go. May be called again. */
  release(): void {
    if (this.isReleased) return
    this.isReleased = true
    this.view.detach(this.resource)
    this.held.release()
  }

  /** Releases it at the end of a block: `using snapshot = db.snapshot()`. */
  [Symbol.dispose](): void {
    this.release()
  }
}

export function newSnapshot(view: ReadView): Snapshot {
  return Snapshot['of'](view)
}

/**
 * Takes a snapshot of a read-only view as of a number that is past. Only the logs keep every version, so the number may
 * not be below that of an entry in a table. Throws SNAPSHOT_GONE then, INVALID_ARGUMENT for one that is still to come.
 */
export function pastSnapshot(view: ReadView, seqNum: SeqNum): Snapshot {
  const first = allTables(view.state.version).reduce((most, table) => Math.max(most, table.largestSeqNum), 0)
  const last = view.visibleSeqNum
  if (seqNum > last) throw invalidArgument(`sequence number ${seqNum} is above the last one, ${last}`)
  if (seqNum >= first) return Snapshot['of'](view, seqNum)
  throw new VarveError('SNAPSHOT_GONE', `what the database was at sequence number ${seqNum} is not kept`, {
    hint: `tables keep the newest version of a key; the logs have every version of ${first} to ${last}`,
  })
}

/**
 * Gives what a snapshot holds. Throws INVALID_ARGUMENT for another database's, CLOSED after its release, SNAPSHOT_GONE
 * when tables that it saw have left by size.
 */
export function heldBy(snapshot: Snapshot, view: ReadView): HeldSnapshot {
  if (snapshot['view'] !== view) throw invalidArgument('the snapshot is of another database')
  if (snapshot['isReleased']) throw new VarveError('CLOSED', 'the snapshot was released')
  if (snapshot['lostCount'] !== view.iterators.lostCount) throw momentGone()
  return snapshot['held']
}

/** The state, sequence number and time to read at, and what copies the result. */
export interface CopyingMoment extends ReadMoment {
  readonly copies: UserBytes
}

const NAMES = ['snapshot', 'ownBuffers']

/** Gives where to read with these options. Throws INVALID_ARGUMENT, or CLOSED. */
export function readMoment(options: ReadOptions | undefined, view: ReadView): CopyingMoment {
  if (options !== undefined) return momentOf(takeReadOptions(options), view)
  view.checkReadable()
  const { state, visibleSeqNum: seqNum, readClock: time, iterators } = view
  return { state, seqNum, time, isNow: true, copies: iterators.copies.byDefault }
}

/** Reads the options without checking them: that follows when no code of the caller can run any more. */
export function takeReadOptions(options: ReadOptions | undefined): ReadOptions {
  return options === undefined ? {} : takeOptions('read', NAMES, options, takeFields)
}

function takeFields({ snapshot, ownBuffers }: ReadOptions): ReadOptions {
  return { snapshot, ownBuffers }
}

/** Checks options that were read before. Throws INVALID_ARGUMENT, or CLOSED. */
export function momentOf({ snapshot, ownBuffers }: ReadOptions, view: ReadView): CopyingMoment {
  const copies = view.iterators.copies.for(checkFlag(ownBuffers, 'ownBuffers'))
  const held = snapshot === undefined ? null : heldByGiven(snapshot, view)
  view.checkReadable()
  const { state, seqNum, time, isNow } = momentAt(view, held)
  return { state, seqNum, time, isNow, copies }
}

function heldByGiven(snapshot: unknown, view: ReadView): HeldSnapshot {
  try {
    if (!(snapshot instanceof Snapshot)) throw invalidArgument('option snapshot must come from db.snapshot()')
    return heldBy(snapshot, view)
  } catch (error) {
    throw unreadableArgument('option snapshot', error)
  }
}
