/**
 * What: a database opened for reading only: no lock, not one byte changed, also beside a live writer.
 * It sees the state of the moment it was opened: manifest and tables, and the logs as far as they go; a later one after
 * a refresh (follower.ts).
 *
 * Its tables and value logs stay open while there is room, so that a writer may remove them. When a file that had no
 * room is gone, the view looks at the directory anew and sees a later moment from then on; snapshots and walks keep the
 * one they began with, as far as its files are still there.
 * Owns: the read state. Thread: main.
 */
import { parseFileName, Turns, VarveError } from '../base/index.js'
import type { Clock, SeqNum } from '../base/index.js'
import { databaseDirectory } from '../directory/index.js'
import { Operations } from '../engine/index.js'
import type { ResolvedOptions } from '../engine/index.js'
import { ReadClock } from '../iterator/index.js'
import { allTables } from '../manifest/index.js'
import { Iterators } from '../read/index.js'
import { SnapshotList } from '../versions/index.js'
import type { ReadState, HeldSnapshot, ReadView, Resource } from '../read/index.js'
import type { RecoveryReport } from '../stats/index.js'
import type { Vfs } from '../vfs/index.js'
import { Follower } from './follower.js'
import { PatientReading } from './patient-reading.js'
import type { Sight } from './patient-reading.js'

export async function openReadOnly(location: string, vfs: Vfs, options: ResolvedOptions): Promise<ReadOnlyView> {
  const { dir } = await databaseDirectory(location, vfs)
  const reading = new PatientReading(dir, vfs, options)
  return new ReadOnlyView(reading, await reading.first())
}

export class ReadOnlyView implements ReadView {
  readonly clock: Clock
  readonly turns: Turns
  readonly iterators: Iterators
  readonly snapshots: SnapshotList
  readonly reading: PatientReading
  /** What the view sees now. */
  sight: Sight
  readonly readClock: ReadClock
  readonly follower = new Follower(this)
  readonly operations: Operations
  private readonly resources = new Set<Resource>()
  isClosed = false

  constructor(reading: PatientReading, sight: Sight) {
    const { clock, ownBuffers } = reading.options
    this.reading = reading
    this.sight = sight
    this.clock = clock
    this.turns = new Turns(clock)
    this.operations = new Operations(clock)
    this.iterators = new Iterators(ownBuffers, clock)
    this.snapshots = new SnapshotList(clock, () => this.visibleSeqNum)
    this.readClock = new ReadClock(clock, sight.version.dropTime?.ms ?? 0)
  }

  get dir(): string {
    return this.reading.dir
  }

  get state(): ReadState {
    return this.sight.state
  }

  get visibleSeqNum(): SeqNum {
    return this.sight.replayed.lastSeqNum
  }

  get position(): Uint8Array | null {
    return this.sight.replayed.position ?? this.sight.version.position
  }

  get report(): RecoveryReport {
    const { durationMs, replayed: { entryCount, replayedBytes, cut }, keptFiles } = this.sight
    return {
      durationMs, replayedEntryCount: entryCount, replayedBytes, cut,
      tempFileCount: 0, orphanTableCount: 0, orphanValueLogCount: 0, releasedLogCount: 0, foreignFileCount: 0,
      keptFiles,
    }
  }

  checkReadable(): void {
    if (this.isClosed) throw new VarveError('CLOSED', 'the database is closed')
  }

  /** Holds the present moment with its state, since a later state may have dropped what only that moment sees. */
  holdSnapshot(): HeldSnapshot {
    const { state } = this
    const held = this.snapshots.hold(this.visibleSeqNum, this.readClock.nowMs())
    state.hold()
    return {
      seqNum: held.seqNum,
      time: held.time,
      state,
      release: () => {
        held.release()
        state.release()
      },
    }
  }

  /** Gives null: readers stay in the state in which they began. */
  holdMoment(): null {
    return null
  }

  renew(error: unknown): boolean {
    const gone = goneFile(error)
    if (gone === null || this.isClosed) return false
    let sight: Sight
    try {
      sight = this.reading.anew(this.sight)
    } catch {
      return false // the first error says more
    }
    this.show(sight)
    const { version } = sight
    return !version.valueLogs.has(gone) && !allTables(version).some(({ fileNum }) => fileNum === gone)
  }

  /** Shows a later moment from now on; who reads goes on in the state that he holds. */
  show(sight: Sight): void {
    const before = this.sight
    this.sight = sight
    this.readClock.setDropTime(sight.version.dropTime?.ms ?? 0)
    // It was found in another state; what was void there may be no gap here.
    this.iterators.gap.forget()
    before.state.release()
  }

  prepareIteration(): void {
    // A read-only database does not sort memtables on other threads.
  }

  attach(resource: Resource): void {
    this.resources.add(resource)
  }

  detach(resource: Resource): void {
    this.resources.delete(resource)
  }

  async close(): Promise<void> {
    if (this.isClosed) return
    this.isClosed = true
    const ended = this.operations.close()
    this.iterators.cut()
    for (const resource of [...this.resources]) resource.cut()
    await Promise.all([ended, this.iterators.valueReads.idle(), this.follower.end()])
    this.state.release()
    await this.sight.tables.idle()
  }
}

/** The number of the table or value log that an error says is not there any more, or null. */
function goneFile(error: unknown): number | null {
  if (!VarveError.is(error) || error.code !== 'MISSING_FILE') return null
  const parsed = parseFileName(error.file ?? '')
  return parsed?.kind === 'table' || parsed?.kind === 'vlog' || parsed?.kind === 'log' ? parsed.fileNum : null
}
