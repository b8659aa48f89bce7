/**
 * What: an explicit snapshot of abstract-level over one of the engine.
 * Does not own: who uses it and whether it is open (abstract-level): its number is given also after the
 * release, for an iterator is made before anybody asks whether it may read.
 * Thread: main.
 */
import { invalidArgument } from '../base/index.js'
import type { SeqNum } from '../base/index.js'
import { seqNumOf as seqNumOfHeld } from '../api/index.js'
import type { Snapshot } from '../api/index.js'
import type { ReadView } from '../engine/index.js'
import { SnapshotBase } from './level-base.js'
import type { PrivateReadOptions, SnapshotOwner } from './level-base.js'

export class LevelSnapshot extends SnapshotBase {
  readonly held: Snapshot
  readonly view: ReadView
  readonly seqNum: SeqNum

  constructor(held: Snapshot, view: ReadView, options: SnapshotOwner) {
    super(options)
    this.held = held
    this.view = view
    this.seqNum = seqNumOfHeld(held, view)
  }

  protected override async _close(): Promise<void> {
    this.held.release()
  }
}

/** Where to read: at the snapshot of the options, or now. */
export function seqNumOf({ snapshot }: PrivateReadOptions, view: ReadView): SeqNum {
  if (snapshot === undefined || snapshot === null) return view.visibleSeqNum
  if (snapshot instanceof LevelSnapshot && snapshot.view === view) return snapshot.seqNum
  throw invalidArgument('the snapshot is of another database')
}
