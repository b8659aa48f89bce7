/**
 * What: options of reads, and snapshots as users hold them.
 */
import { invalidArgument, takeOptions, VarveError } from '../base/index.js'
import type { SeqNum } from '../base/index.js'
import type { ReadView } from '../engine/index.js'

export interface ReadOptions {
  /** Read as of this moment instead of now. */
  snapshot?: Snapshot | undefined
}

/** A moment of the database. Reads with it see exactly the writes made before it, however long it lives. */
export class Snapshot {
  private readonly view: ReadView
  private readonly held: { readonly seqNum: SeqNum; release(): void }
  private isReleased = false

  /** @internal */
  constructor(view: ReadView) {
    this.view = view
    this.held = view.holdSnapshot()
    view.attach(this)
  }

  /** Old versions kept for it may go. Idempotent. */
  release(): void {
    if (this.isReleased) return
    this.isReleased = true
    this.view.detach(this)
    this.held.release()
  }

  /** @internal The database is being closed. */
  cut(): void {
    this.release()
  }

  [Symbol.dispose](): void {
    this.release()
  }

  /** @internal Its sequence number. Throws INVALID_ARGUMENT for another database's, CLOSED after its release. */
  seqNumFor(view: ReadView): SeqNum {
    if (view !== this.view) throw invalidArgument('the snapshot is of another database')
    if (this.isReleased) throw new VarveError('CLOSED', 'the snapshot was released')
    return this.held.seqNum
  }
}

/** The sequence number to read at. */
export function readSnapshot(options: ReadOptions | undefined, view: ReadView): SeqNum {
  if (options === undefined) return view.visibleSeqNum
  return snapshotSeqNum(takeOptions('read', ['snapshot'], options, ({ snapshot }) => snapshot), view)
}

export function snapshotSeqNum(snapshot: unknown, view: ReadView): SeqNum {
  if (snapshot === undefined) return view.visibleSeqNum
  if (!(snapshot instanceof Snapshot)) throw invalidArgument('option snapshot must come from db.snapshot()')
  return snapshot.seqNumFor(view)
}
