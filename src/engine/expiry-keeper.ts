/**
 * What: keeps the clocks of expiry together for one open database: the time that readers read at, the one up to which
 * expired values are destroyed, and the timer that begins their destruction, so that space comes back without reads.
 * Owns: both clocks, the timer. Does not own: what is picked (pick/pick-expired.ts), what goes (iterator/retention.ts).
 * Thread: main.
 * Invariants: TTL-5 the read clock is at least the drop time of every job that has begun, and every open walk holds its
 * moment before that.
 */
import type { SeqNum, Timer } from '../base/index.js'
import { Lifetimes } from '../commit/index.js'
import type { ExtraPicker } from '../compaction/index.js'
import { ReadClock } from '../iterator/index.js'
import { allTables } from '../manifest/index.js'
import type { DropTime, Version, VersionEdit } from '../manifest/index.js'
import { expiryDueMs, pickContext, pickExpired } from '../pick/index.js'
import type { ExpiryTimes } from '../pick/index.js'
import { compactionSettings } from './compaction-options.js'
import { DropClock } from './drop-clock.js'
import type { EngineCore } from './engine-core.js'

/** The timer looks again at least so often, since the wall clock may be set. */
const LOOK_MS_MAX = 3_600_000

export class ExpiryKeeper {
  readonly readClock: ReadClock
  readonly lifetimes: Lifetimes
  private readonly engine: EngineCore
  private readonly dropClock: DropClock
  private timer: Timer | null = null
  private isStopped = false

  constructor(engine: EngineCore, version: Version) {
    const { clock, ttl, ttlGraceMs, ttlClosedMaxMs } = engine.options
    const dropTimeMs = version.dropTime?.ms ?? 0
    this.engine = engine
    this.readClock = new ReadClock(clock, dropTimeMs)
    this.lifetimes = new Lifetimes(ttl, this.readClock)
    this.dropClock = new DropClock({
      clock, graceMs: ttlGraceMs, closedMaxMs: ttlClosedMaxMs, dropTimeMs, closedAtMs: version.closedAtMs,
      onBehind: (ms) => engine.setup.events.emit({ type: 'clockBehind', dropTimeMs: ms }),
    })
  }

  /** True once something in the database expires. */
  private get isUsed(): boolean {
    return this.lifetimes.isUsed || hasExpiring(this.engine.versions.current)
  }

  /**
   * Gives the time up to which the job that begins now may destroy what expired, 0 for none. From then on no reader
   * reads at an earlier time.
   */
  beginDrop(): number {
    if (!this.isUsed) return 0
    const dropTimeMs = this.dropClock.nowMs()
    if (dropTimeMs === 0) return 0
    this.readClock.setDropTime(dropTimeMs)
    this.engine.iterators.holdMoments()
    return dropTimeMs
  }

  /** What an edit says whose job has destroyed what expired up to this time. */
  dropTime(ms: number): DropTime {
    return { ms, seqNum: this.engine.visibleSeqNum }
  }

  /** The times by which something in this version may go; null: nothing may. */
  times(version = this.engine.versions.current): ExpiryTimes | null {
    const dropTimeMs = hasExpiring(version) ? this.dropClock.nowMs() : 0
    if (dropTimeMs === 0) return null
    return { dropTimeMs, earliestReadMs: (seqNum: SeqNum) => this.engine.snapshots.earliestTimeFrom(seqNum) }
  }

  /** Begins to give the space of expired values back. */
  start(): void {
    if (this.engine.options.compaction.style !== 'none') this.engine.compactor.extra.add(this.picker())
    this.look()
  }

  /** Asks for compactions that give the space of expired values back. */
  private picker(): ExtraPicker {
    const { engine } = this
    const settings = compactionSettings(engine.options)
    return {
      isPatient: true,
      pick: (version, running, held, blocked) => {
        const times = this.times(version)
        return times === null ? null : pickExpired(pickContext(settings, { version, running, held, blocked }), times)
      },
    }
  }

  /** Sees to it that the compactor is asked when the next values have expired. */
  look(): void {
    this.timer?.cancel()
    this.timer = null
    if (this.isStopped || !hasExpiring(this.engine.versions.current)) return
    const nowMs = this.dropClock.nowMs()
    const dueMs = expiryDueMs(allTables(this.engine.versions.current), nowMs)
    if (dueMs === Infinity) return
    const delayMs = Math.min(LOOK_MS_MAX, Math.max(1, dueMs - nowMs, this.dropClock.graceLeftMs))
    this.timer = this.engine.options.clock.after(delayMs, () => {
      this.engine.compactor.schedule()
      this.look()
    })
  }

  /** Destroys what has expired from now on as the wall clock says, without waiting for the grace. */
  trustClock(): void {
    this.dropClock.trust()
  }

  /** What the manifest is told at a clean close: that the clocks agreed. */
  lastWords(): VersionEdit {
    if (!this.isUsed || this.dropClock.graceLeftMs > 0) return {}
    return { closedAtMs: Math.floor(this.engine.options.clock.wallMs()) }
  }

  stop(): void {
    this.isStopped = true
    this.timer?.cancel()
    this.timer = null
  }
}

const known = new WeakMap<Version, boolean>()

function hasExpiring(version: Version): boolean {
  let has = known.get(version)
  if (has === undefined) known.set(version, (has = allTables(version).some(({ expiry }) => expiry !== null)))
  return has
}
