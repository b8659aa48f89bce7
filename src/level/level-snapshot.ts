/**
 * What: an explicit snapshot of abstract-level over one of the engine.
 * Does not own: its users and whether it is open (abstract-level). It says where to read even after the release, since
 * an iterator is made before anybody asks whether it may read.
 * Thread: main.
 */
import { heldBy } from '../api/index.js'
import type { Snapshot } from '../api/index.js'
import { invalidArgument } from '../base/index.js'
import { momentAt } from '../read/index.js'
import type { HeldSnapshot, ReadMoment, ReadView } from '../read/index.js'
import { SnapshotBase } from './level-base.js'
import type { PrivateReadOptions, SnapshotOwner } from './level-base.js'

export class LevelSnapshot extends SnapshotBase {
  readonly view: ReadView
  /** What the snapshot holds; the state in it goes with the release. */
  held: HeldSnapshot
  private readonly snapshot: Snapshot

  constructor(snapshot: Snapshot, view: ReadView, options: SnapshotOwner) {
    super(options)
    this.snapshot = snapshot
    this.view = view
    this.held = heldBy(snapshot, view)
  }

  protected override async _close(): Promise<void> {
    const { seqNum, time } = this.held
    this.held = { seqNum, time, release: () => undefined }
    this.snapshot.release()
  }
}

/** Gives where to read: at the snapshot of the options, or now. */
export function momentOf({ snapshot }: PrivateReadOptions, view: ReadView): ReadMoment {
  if (snapshot === undefined || snapshot === null) return momentAt(view, null)
  if (snapshot instanceof LevelSnapshot && snapshot.view === view) return momentAt(view, snapshot.held)
  throw invalidArgument('the snapshot is of another database')
}
