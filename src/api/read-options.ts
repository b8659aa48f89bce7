/**
 * What: options of reads, and snapshots as users hold them.
 */
import { invalidArgument, VarveError } from '../base/index.js'
import type { SeqNum } from '../base/index.js'
import type { ReadView } from '../engine/index.js'

export interface ReadOptions {
  /** Read as of this moment instead of now. */
  snapshot?: Snapshot
}

/** A moment of the database. Reads with it see exactly the writes made before it, however long it lives. */
export class Snapshot {
  private readonly view: ReadView
  private readonly held: { readonly seqNum: SeqNum; release(): void }
  private isReleased = false

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

  /** The database is being closed. */
  cut(): void {
    this.release()
  }

  [Symbol.dispose](): void {
    this.release()
  }

  /** Its sequence number. Throws INVALID_ARGUMENT for another database's, CLOSED after its release. */
  seqNumFor(view: ReadView): SeqNum {
    if (view !== this.view) throw invalidArgument('the snapshot is of another database')
    if (this.isReleased) throw new VarveError('CLOSED', 'the snapshot was released')
    return this.held.seqNum
  }
}

/** Refuses what is not an object, and names that mean nothing: a misspelt option must not be silent. */
export function checkNames(options: unknown, what: string, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null) throw invalidArgument(`${what} options must be an object`)
  for (const name in options) {
    if (!known.includes(name)) throw invalidArgument(`unknown ${what} option ${JSON.stringify(name.slice(0, 80))}`)
  }
}

export function checkFlag(value: unknown, name: string): boolean | undefined {
  if (value === undefined || typeof value === 'boolean') return value
  throw invalidArgument(`option ${name} must be true or false`)
}

/** The sequence number to read at. */
export function readSnapshot(options: ReadOptions | undefined, view: ReadView): SeqNum {
  if (options === undefined) return view.visibleSeqNum
  checkNames(options, 'read', ['snapshot'])
  return snapshotSeqNum(options.snapshot, view)
}

export function snapshotSeqNum(snapshot: unknown, view: ReadView): SeqNum {
  if (snapshot === undefined) return view.visibleSeqNum
  if (!(snapshot instanceof Snapshot)) throw invalidArgument('option snapshot must come from db.snapshot()')
  return snapshot.seqNumFor(view)
}
