/**
 * What: the way of each memtable from its first write to the end of its log, made of events: when it was filled,
 * waited, was built, waited for its turn, was installed, and was let go, and why it waited.
 * Owns: the last lanes. Thread: main.
 */
import type { EngineEvent } from '../stats/index.js'

const LANES_MAX = 300

/** One memtable. Times are in milliseconds since 1970; 0: it has not come to that. */
export interface Lane {
  /** The number of its flush; 0 while it takes writes. */
  id: number
  log: number
  /** The table it became; 0: none yet, or there was nothing to keep. */
  table: number
  tableBytes: number
  entries: number
  filled: number
  queued: number
  building: number
  built: number
  installing: number
  released: number
  /** When its log was let go; later than `released` where edits become durable in the background. */
  freed: number
  /** Why it waited for its build, and for its install; '' when it did not. */
  waitBuild: string
  waitInstall: string
  failures: number
}

function newLane(log: number, filled: number): Lane {
  return {
    id: 0, log, table: 0, tableBytes: 0, entries: 0, filled, queued: 0, building: 0, built: 0, installing: 0,
      released: 0,
    freed: 0, waitBuild: '', waitInstall: '', failures: 0,
  }
}

/** A wait that is shorter needs no reason. */
const WAIT_MS_MIN = 1

export class LaneBook {
  private lanes: Lane[] = []
  /** The table of the flush that is being installed: told just before its end. */
  private added: { table: number; bytes: number; entries: number } | null = null
  private isCompaction = false

  /** Begins with the memtable that takes writes now. */
  constructor(log: number, nowMs: number) {
    this.lanes.push(newLane(log, nowMs))
  }

  /** All lanes, oldest first. */
  get all(): readonly Lane[] {
    return this.lanes
  }

  hear(event: EngineEvent, nowMs: number): void {
    switch (event.type) {
      case 'rotated':
        this.add(newLane(event.log, nowMs))
        break
      case 'flushStage':
        this.stage(this.lane(event.id, event.log, nowMs), event, nowMs)
        break
      case 'flushFailed':
        this.fail(event.id, nowMs)
        break
      case 'compactionEnd':
        this.isCompaction = true
        break
      case 'tableAdded':
        if (!this.isCompaction) this.added = { table: event.table, bytes: event.tableBytes, entries: event.entryCount }
        break
      default:
        if (event.type !== 'valueLogAdded') this.isCompaction = false
    }
    if (event.type === 'flushStage' || event.type === 'rotated') this.isCompaction = false
  }

  /** Notes which logs are still needed. */
  noteLogs(isOpen: (log: number) => boolean, nowMs: number): void {
    for (const lane of this.lanes) if (lane.released > 0 && lane.freed === 0 && !isOpen(lane.log)) lane.freed = nowMs
  }

  private add(lane: Lane): void {
    this.lanes.push(lane)
    if (this.lanes.length > LANES_MAX) this.lanes.shift()
  }

  /** The lane of a log; one of which the beginning was not heard has none yet. */
  private lane(id: number, log: number, nowMs: number): Lane {
    let lane = this.lanes.findLast((each) => each.log === log)
    if (lane === undefined) {
      lane = newLane(log, nowMs)
      this.add(lane)
      this.lanes.sort((a, b) => a.log - b.log)
    }
    lane.id = id
    return lane
  }

  private stage(lane: Lane, { stage, durationMs }: EngineEvent & { type: 'flushStage' }, nowMs: number): void {
    switch (stage) {
      case 'queued':
        lane.queued = nowMs
        break
      case 'building':
        lane.building = nowMs
        lane.queued ||= nowMs - durationMs
        lane.built = 0
        if (nowMs - lane.queued >= WAIT_MS_MIN) lane.waitBuild = this.buildWait(lane)
        break
      case 'built':
        lane.built = nowMs
        lane.building ||= nowMs - durationMs
        lane.queued ||= lane.building
        break
      case 'installing':
        lane.installing = nowMs
        if (nowMs - lane.built >= WAIT_MS_MIN) lane.waitInstall = this.installWait(lane)
        break
      case 'released':
        this.release(lane, nowMs)
    }
  }

  private release(lane: Lane, nowMs: number): void {
    lane.released = nowMs
    lane.installing ||= nowMs
    if (this.added === null) return
    lane.table = this.added.table
    lane.tableBytes = this.added.bytes
    lane.entries = this.added.entries
    this.added = null
  }

  private fail(id: number, nowMs: number): void {
    const lane = this.lanes.findLast((each) => each.id === id)
    if (lane === undefined) return
    lane.failures++
    lane.queued = nowMs
    lane.building = lane.built = lane.installing = 0
  }

  private buildWait(lane: Lane): string {
    if (lane.failures > 0) return `retry after failure ${lane.failures}`
    const others = this.lanes.filter((each) => each !== lane && each.building > 0 && each.building < lane.building &&
      (each.built === 0 || each.built > lane.queued))
    if (others.length > 0) return `no free worker: ${others.length} other build${others.length === 1 ? '' : 's'}`
    return 'its log was still being written'
  }

  private installWait(lane: Lane): string {
    const before = this.lanes.findLast((each) => each.log < lane.log && each.released > lane.built)
    return before === undefined ? 'turn of the event loop' : `its turn, behind log ${before.log}`
  }
}
