/**
 * What: an open database: wires the parts and delegates; no algorithm of its own.
 * Owns: the read state, and the order of start and close.
 * Does not own: encoding and logs (commit, wal), the stages of a flush (flush), versions (version-set.ts), errors
 * (health.ts).
 * Thread: main.
 * States: starting → open → closing → closed.
 */
import { isNoSpace, isOutOfFiles, runAsync, Turns, VarveError } from '../base/index.js'
import type { Clock, FileNum, SeqNum } from '../base/index.js'
import { CommitPipeline } from '../commit/index.js'
import type { WriteBuffer } from '../commit/index.js'
import type { Compactor, CompactionTask } from '../compaction/index.js'
import type { Flusher, FlushTask } from '../flush/index.js'
import type { KeyRange, ReadTime } from '../iterator/index.js'
import type { ValueLogFacts, VersionEdit } from '../manifest/index.js'
import type { Memtable } from '../memtable/index.js'
import { Iterators, ReadState } from '../read/index.js'
import type { HeldSnapshot, ReadView, Resource } from '../read/index.js'
import { isDirectoryFailure } from '../tables/index.js'
import { FileDeleter, FileHolds, HeldEdits, LogPins, SnapshotList, ValueLogSweep } from '../versions/index.js'
import type { Installer, VersionSet } from '../versions/index.js'
import { LogSyncer } from '../wal/index.js'
import type { LogFile } from '../wal/index.js'
import { closeEngine } from './close.js'
import { flushAndCompact } from './compact-range.js'
import type { CompactCall } from './compact-range.js'
import { onCompactionMended } from './compaction-health.js'
import { DirectoryWatch } from './directory-watch.js'
import type { EngineCore, EngineSetup } from './engine-core.js'
import { ExpiryKeeper } from './expiry-keeper.js'
import { flushAll } from './flush-all.js'
import { Health } from './health.js'
import type { FailurePlace } from './health.js'
import { makeBufferHost, makeCommitHost, makeCompactor, makeFlusher, makeInstaller, touchAhead } from './hosts.js'
import { followLogs } from './log-follower.js'
import type { FollowCall, FollowedBatch } from './log-follower.js'
import { waitingBytesMax } from './memory-plan.js'
import { Operations } from './operations.js'
import type { ResolvedOptions } from './options.js'
import { Resumer } from './resume.js'
import { runStatsText } from './run-stats.js'
import { tellAdded } from './tell-added.js'
import { ValueStreams } from './value-streams.js'
import { WriteBuffers } from './write-buffers.js'
import { WriteStalls } from './write-stalls.js'

export class Engine implements EngineCore, ReadView {
  readonly setup: EngineSetup
  readonly options: ResolvedOptions
  readonly versions: VersionSet
  readonly health: Health
  readonly snapshots: SnapshotList
  readonly syncer: LogSyncer
  readonly buffers: WriteBuffers
  readonly flusher: Flusher
  readonly holds: FileHolds
  readonly deleter: FileDeleter
  readonly turns: Turns
  readonly stalls: WriteStalls
  readonly resumer: Resumer
  readonly heldEdits: HeldEdits
  readonly logPins: LogPins
  readonly valueLogSweep: ValueLogSweep
  readonly installer: Installer
  readonly compactor: Compactor
  readonly streams: ValueStreams
  readonly operations: Operations
  pipeline!: CommitPipeline // set by start
  private stateNow!: ReadState
  /** Set by close.ts: nothing more is written. */
  isClosing = false
  private closed: Promise<void> | null = null
  /** Sealed memtables that are not in tables yet, newest first. */
  immutables: Memtable[] = []
  readonly openLogs = new Map<FileNum, LogFile>()
  readonly closingLogs = new Set<Promise<void>>()
  /** Snapshots, and other things that a close must end. */
  readonly resources = new Set<Resource>()
  readonly iterators: Iterators
  readonly watch: DirectoryWatch
  readonly expiry: ExpiryKeeper
  readonly readClock: ReadTime

  constructor(setup: EngineSetup) {
    this.setup = setup
    this.options = setup.options
    const { clock, ownBuffers } = setup.options
    this.iterators = new Iterators(ownBuffers, clock)
    this.health = new Health((state, place, error) => setup.events.emit({ type: 'stateChanged', state, place, error }))
    this.versions = setup.versions((error) => this.failForGood('manifest', error))
    this.expiry = new ExpiryKeeper(this, this.versions.durable)
    this.readClock = this.expiry.readClock
    this.snapshots = new SnapshotList(clock, () => this.visibleSeqNum, () => this.expiry.beginDrop())
    this.turns = new Turns(clock)
    this.syncer = new LogSyncer(this.versions.durable.lastSeqNum, {
      clock,
      syncIntervalMs: setup.options.syncIntervalMs,
      syncBytes: setup.options.syncBytes,
      mayBlock: setup.vfs.hasBlockingSync !== false,
      onFailure: (error) => this.failForGood('log sync', error),
      onSynced: (log, durationMs) => {
        setup.events.emit({ type: 'syncDone', log: log.fileNum, durationMs })
        this.watch.onSynced()
      },
    })
    this.buffers = new WriteBuffers(makeBufferHost(this), setup.firstLog)
    this.holds = new FileHolds(clock)
    const { executor, dir } = setup
    this.deleter = new FileDeleter({ executor, dir, clock, holds: this.holds }, () => this.mayDelete())
    this.logPins = new LogPins({
      dir: setup.dir, executor: setup.executor, versions: this.versions, deleter: this.deleter, events: setup.events,
      clock, bytesMax: setup.options.pinBytesMax, kept: setup.keptLogs, onLessKept: () => this.valueLogSweep.look(),
    })
    this.valueLogSweep = new ValueLogSweep({
      clock, versions: this.versions, logPins: this.logPins, deleter: this.deleter,
      retire: (fileNum, onUnused) => setup.tables.valueLogs.retire(fileNum, onUnused),
      onSwept: (swept) => this.onSwept(swept),
    })
    this.heldEdits = new HeldEdits({
      dir: setup.dir, clock, executor: setup.executor, versions: this.versions,
      intervalMs: setup.options.syncIntervalMs,
      syncingDirectory: () => this.deleter.syncingDirectory(),
      syncKept: (logs) => this.logPins.syncKept(logs),
      syncer: this.syncer,
      onFailure: (error) => this.failForGood('background sync', error),
    })
    this.installer = makeInstaller(this)
    this.flusher = makeFlusher(this)
    this.stalls = new WriteStalls(this)
    this.compactor = makeCompactor(this)
    this.streams = new ValueStreams(this)
    this.operations = new Operations(clock)
    this.versions.runStats = () => runStatsText(this)
    this.versions.logFacts = () => [...this.openLogs.values()].map(({ facts }) => facts)
    this.resumer = new Resumer(this)
    this.watch = new DirectoryWatch(this)
    setup.pool.onMade = touchAhead(setup.executor)
    setup.patience.onShort = (error) => this.health.raise('DEGRADED', 'opening files', error)
    setup.patience.onMended = () => this.health.recoverFrom('opening files')
  }

  /** Starts the database: from here on writes are accepted. */
  start(): void {
    const first = this.buffers.take()!
    this.syncer.add(first.log)
    this.openLogs.set(first.log.fileNum, first.log)
    this.pipeline = new CommitPipeline(first, {
      syncer: this.syncer, turns: this.turns, clock: this.clock, host: makeCommitHost(this),
      waitingBytesMax: waitingBytesMax(this.options), lifetimes: this.expiry.lifetimes,
      lastSeqNum: this.versions.durable.lastSeqNum, position: this.setup.position,
    })
    this.stateNow = new ReadState([first.memtable], this.versions.durable, this.setup.tables)
    this.setup.memory.fit(this.stateNow)
    this.expiry.start()
  }

  /** Ends what a start that failed had begun. */
  async abandon(): Promise<void> {
    this.syncer.stop(new VarveError('CLOSED', 'the database was not opened'))
    await this.buffers.close()
    await runAsync(this.versions.manifest.close())
  }

  /** The state that reads look at now. Hold it over an await. */
  get state(): ReadState {
    return this.stateNow
  }

  get visibleSeqNum(): SeqNum {
    return this.pipeline.visibleSeqNum
  }

  get dir(): string {
    return this.setup.dir
  }

  get clock(): Clock {
    return this.options.clock
  }

  get position(): Uint8Array | null {
    return this.pipeline.position
  }

  holdSnapshot(): HeldSnapshot {
    return this.holdMoment(this.visibleSeqNum, this.readClock.nowMs())
  }

  holdMoment(seqNum: SeqNum, timeMs: number): HeldSnapshot {
    return this.snapshots.hold(seqNum, timeMs)
  }

  checkReadable(): void {
    this.health.checkReadable()
  }

  /** False: nobody but this process removes its tables, so there is nothing newer to read. */
  renew(): boolean {
    return false
  }

  deleteObsolete(names: readonly string[]): void {
    this.deleter.add(names)
  }

  /** Takes sorted runs that have arrived, before an iterator sorts them again. */
  prepareIteration(): void {
    if (this.pipeline.current.memtable.sortsBehind > 0) this.setup.executor.poll(0)
  }

  attach(resource: Resource): void {
    this.resources.add(resource)
  }

  detach(resource: Resource): void {
    this.resources.delete(resource)
  }

  // ── What the write path and the flush pipeline report (hosts.ts) ────────────────────────────────

  onRotated(sealed: WriteBuffer, next: WriteBuffer): void {
    if (next.log.isMade) this.openLogs.set(next.log.fileNum, next.log)
    this.immutables = [sealed.memtable, ...this.immutables]
    this.buffers.expectedKeys = sealed.memtable.keyCount
    this.iterators.holdMoments()
    this.flusher.prepare({ memtable: sealed.memtable, log: sealed.log, nextLogNum: next.log.fileNum })
    this.swapState(next.memtable)
    this.stalls.assess()
    this.setup.events.emit({ type: 'rotated', log: next.log.fileNum })
  }

  swapState(mutable: Memtable): void {
    const old = this.stateNow
    this.stateNow = new ReadState([mutable, ...this.immutables], this.versions.current, this.setup.tables)
    old.release()
    this.setup.memory.fit(this.stateNow)
  }

  /** Readers see a flush's tables in place of its memtable; the log goes when the edit is durable. */
  onInstalled(task: FlushTask, edit: VersionEdit): void {
    this.immutables = this.immutables.filter((memtable) => memtable !== task.memtable)
    this.swapState(this.pipeline.current.memtable)
    this.iterators.letGo()
    task.memtable.release()
    this.expiry.look()
    tellAdded(this.setup.events, edit)
    this.installer.whenDurable({ edit, log: task.log, onDurable: () => this.releaseLog(task) })
    this.health.recoverFrom('flush')
    this.compactor.schedule()
    this.stalls.assess() // may begin compactions: not before the flush's own edit is on its way
    this.pipeline.encodeWaiting()
  }

  /** Readers that begin now use a compaction's tables. */
  onCompacted(task: CompactionTask, edit: VersionEdit): void {
    const { id, startMs, result, pick } = task
    if (pick.reason === 'oldest') this.iterators.lostCount++
    this.swapState(this.pipeline.current.memtable)
    if (pick.kind === 'merge') onCompactionMended(this)
    const outputBytes = result?.writtenBytes ?? 0
    this.setup.events.emit({ type: 'compactionEnd', id, outputBytes, durationMs: this.clock.nowMs() - startMs })
    this.expiry.look()
    tellAdded(this.setup.events, edit)
    if (this.versions.manifest.isLong) this.resumer.rollManifest()
    this.stalls.assess()
    this.pipeline.encodeWaiting()
  }

  /** Value logs are out of the version: whoever reads from now on cannot reach them. */
  private onSwept(swept: readonly ValueLogFacts[]): void {
    this.swapState(this.pipeline.current.memtable)
    for (const { fileNum, bytes } of swept) {
      this.setup.events.emit({ type: 'valueLogRemoved', valueLog: fileNum, fileBytes: bytes })
    }
  }

  /** Releases a log when the edit that replaces it is durable. */
  private releaseLog(task: FlushTask): void {
    const { log } = task
    this.syncer.drop(log)
    this.openLogs.delete(log.fileNum)
    const closing = log.close()
      .catch((error: unknown) => this.setup.events.emit({ type: 'closeFailed', file: log.name, error }))
      .finally(() => this.closingLogs.delete(closing))
    this.closingLogs.add(closing)
    this.logPins.onLogReleased({ fileNum: log.fileNum, bytes: log.writtenEnd })
    this.deleter.add(this.buffers.takeUnusedBelow(this.versions.durable.logPointer))
    if (this.versions.manifest.isLong) this.resumer.rollManifest()
  }

  // ── Failures, by place ──────────────────────────────────────────────────────────────────────────

  checkWritable(): void {
    if (this.isClosing) throw new VarveError('CLOSED', 'the database is closed')
    this.health.checkWritable()
  }

  /** Ends writing: nothing more is written or deleted by this process; reads go on. */
  failForGood(place: FailurePlace, error: unknown): void {
    this.health.raise('FAILED', place, error)
    const told = VarveError.is(error) ? error : this.refusal()
    this.versions.stop(told)
    this.deleter.stop()
    this.heldEdits.stop()
    this.flusher.suspend(told)
    this.compactor.suspend()
    this.refuseWaiting()
  }

  onWriteFailure(error: unknown, buffer: WriteBuffer, cut: boolean): void {
    if (!cut) return this.failForGood('log append', error)
    this.setup.events.emit({ type: 'backgroundError', place: 'log append', file: buffer.log.name, error })
    this.stopWrites('log append', error)
  }

  onLogFailure(error: unknown): void {
    if (isDirectoryFailure(error)) this.failForGood('directory sync', error)
    else this.stopWrites('log creation', error)
  }

  onFlushFailed(task: FlushTask, error: unknown, willRetry: boolean): void {
    this.setup.events.emit({ type: 'flushFailed', id: task.id, attempts: task.attempts, willRetry, error })
    if (willRetry) this.health.raise('DEGRADED', 'flush', error)
    else this.stopWrites('flush', error)
  }

  /** Refuses writes until the cause is gone; a full disk is watched. */
  stopWrites(place: FailurePlace, error: unknown): void {
    this.health.raise('READ_ONLY', place, error)
    this.refuseWaiting()
    this.compactor.wakeWaiting()
    if (isNoSpace(error) || isOutOfFiles(error)) this.resumer.watch()
  }

  private refuseWaiting(): void {
    const refusal = this.refusal()
    if (refusal !== null) this.pipeline?.waiting.rejectAll(refusal)
    this.stalls?.assess()
  }

  /** The error that a write would get now, or null. */
  private refusal(): unknown {
    try {
      this.health.checkWritable()
      return null
    } catch (refusal) {
      return refusal
    }
  }

  /** True only while the disk's state is known and the directory is ours; false when the directory cannot be seen. */
  private mayDelete(): boolean {
    if (!this.health.mayDelete) return false
    try {
      this.setup.vfs.check()
      return true
    } catch {
      return false
    }
  }

  /** Mends a READ_ONLY database. Throws why it cannot. */
  resume(): Promise<void> {
    return this.resumer.resume()
  }

  // ── Manual flush, sync and close ────────────────────────────────────────────────────────────────

  /** Resolves when everything written before the call stands in synced tables. */
  flush(): Promise<void> {
    return flushAll(this)
  }

  compact(range: KeyRange, call: CompactCall): Promise<void> {
    return flushAndCompact(this, range, call)
  }

  /** Resolves when everything written before the call survives power loss. */
  async sync(): Promise<void> {
    this.health.checkReadable()
    if (this.isClosing) throw new VarveError('CLOSED', 'the database is closed')
    await this.pipeline.settled()
    await this.syncer.waitFor(this.visibleSeqNum)
  }

  /** The batches that the call asks for, from every log that a pin keeps and from the logs in use, in order. */
  follow(pin: string, call: FollowCall): AsyncGenerator<FollowedBatch, void, undefined> {
    return followLogs(this, pin, call)
  }

  /** Ends everything in order; reports the first background error. Idempotent. */
  close(): Promise<void> {
    this.closed ??= closeEngine(this)
    return this.closed
  }
}
