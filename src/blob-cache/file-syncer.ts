/**
 * What: makes written files durable: of each file at most one sync is in flight, and who waits for bytes that are
 * written while it runs gets the next one. Files are independent of each other: one that fails stops no other.
 * Owns: how far each file is synced, and the callers that wait. Does not own: what follows from a failure.
 * Thread: main.
 * Invariants: BC-9 bytes count as synced only after a sync that was submitted after they were written. BC-10 a failed
 * sync is never repeated. BC-7 each caller is answered.
 */
import { KeptAlive, VarveError } from '../base/index.js'
import type { Clock } from '../base/index.js'
import { StageTimes } from '../stats/index.js'
import type { VfsFile } from '../vfs/index.js'

/** A file as its writer knows it. */
export interface SyncedFile {
  readonly name: string
  readonly file: VfsFile
  /** The end of the bytes that are in the file. */
  readonly writtenEnd: number
  /** The end of the bytes that survive power loss. Only the syncer changes it. */
  syncedEnd: number
  /** The error of the first write or sync that failed, or null. */
  readonly failure: unknown
  /** Called when a sync failed. */
  fail(error: unknown): void
}

interface Waiter {
  end: number
  resolve: () => void
  reject: (error: unknown) => void
}

interface FileSyncs {
  waiters: Waiter[]
  isRunning: boolean
}

export class FileSyncer {
  private readonly files = new Map<SyncedFile, FileSyncs>()
  private readonly clock: Clock
  private readonly times: StageTimes
  private readonly keptAlive: KeptAlive
  private readonly onSynced: () => void

  /** `onSynced` is called after each sync, good or not; `times` gets how long it took. */
  constructor(clock: Clock, onSynced: () => void, times = new StageTimes()) {
    this.clock = clock
    this.times = times
    this.keptAlive = new KeptAlive(clock)
    this.onSynced = onSynced
  }

  /** Resolves when the first `end` bytes survive power loss. Rejects when a write or a sync of the file failed. */
  waitFor(file: SyncedFile, end: number): Promise<void> {
    if (file.syncedEnd >= end) return Promise.resolve()
    if (file.failure !== null) return Promise.reject(syncError(file))
    let syncs = this.files.get(file)
    if (syncs === undefined) {
      syncs = { waiters: [], isRunning: false }
      this.files.set(file, syncs)
    }
    const { waiters } = syncs
    const waiting = new Promise<void>((resolve, reject) => waiters.push({ end, resolve, reject }))
    this.keptAlive.set(true)
    this.start(file, syncs)
    return waiting
  }

  /** Called after each write, good or not, and after a sync of another's: bytes may be safe that somebody waits for. */
  noteWritten(file: SyncedFile): void {
    const syncs = this.files.get(file)
    if (syncs !== undefined) this.start(file, syncs)
  }

  private start(file: SyncedFile, syncs: FileSyncs): void {
    if (syncs.isRunning) return
    this.answer(file, syncs)
    const { failure, writtenEnd, syncedEnd } = file
    if (failure !== null || writtenEnd <= syncedEnd || !syncs.waiters.some(({ end }) => end <= writtenEnd)) return
    syncs.isRunning = true
    void this.sync(file, syncs)
  }

  private async sync(file: SyncedFile, syncs: FileSyncs): Promise<void> {
    const end = file.writtenEnd
    const startMs = this.clock.nowMs()
    try {
      await file.file.dataSync()
      if (file.failure === null) file.syncedEnd = Math.max(file.syncedEnd, end)
    } catch (error) {
      file.fail(error)
    }
    this.times.record(this.clock.nowMs() - startMs)
    syncs.isRunning = false
    this.answer(file, syncs)
    this.onSynced()
    this.start(file, syncs)
  }

  private answer(file: SyncedFile, syncs: FileSyncs): void {
    const waiting: Waiter[] = []
    for (const waiter of syncs.waiters) {
      if (waiter.end <= file.syncedEnd) waiter.resolve()
      else if (file.failure !== null) waiter.reject(syncError(file))
      else waiting.push(waiter)
    }
    syncs.waiters = waiting
    if (waiting.length === 0 && !syncs.isRunning) this.files.delete(file)
    this.keptAlive.set(this.files.size > 0)
  }
}

function syncError(file: SyncedFile): VarveError {
  return new VarveError('IO_ERROR', `${file.name} could not be written`, { cause: file.failure, file: file.name })
}
