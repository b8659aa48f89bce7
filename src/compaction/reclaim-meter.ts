/**
 * What: measures how fast runs that move values give space back: the bytes of garbage that go, for the time in which
 * compactions ran. While there is too much garbage, runs with other work count with their time, since they keep it
 * waiting.
 * Owns: the average. Thread: main.
 */
import { garbageBytesOf, inputTables, valueBytesOf } from '../pick/index.js'
import type { CompactionTask } from './compaction-task.js'

/** What was measured counts half when compactions have run so much longer. */
const HALF_MS = 2000

export class ReclaimMeter {
  private bytes = 0
  private ms = 0
  private addedMs = 0

  /** Adds a run that has ended. `busyMs` is the time during which compactions ran so far. */
  add(reclaimedBytes: number, busyMs: number): void {
    const ms = busyMs - this.addedMs
    const weight = 0.5 ** (ms / HALF_MS)
    this.bytes = this.bytes * weight + reclaimedBytes
    this.ms = this.ms * weight + ms
    this.addedMs = busyMs
  }

  /** The time of runs up to now does not count: there was not too much garbage. */
  pass(busyMs: number): void {
    this.addedMs = busyMs
  }

  /** The bytes per millisecond; 0 when nothing was measured, or nothing came back. */
  get bytesPerMs(): number {
    return this.ms > 0 ? this.bytes / this.ms : 0
  }
}

/**
 * The garbage that goes thanks to a run. A file goes when all its values have been moved, so a run that moves some of
 * them counts for that part of the file's garbage.
 */
export function reclaimedBy({ pick, condemned }: Pick<CompactionTask, 'pick' | 'condemned'>): number {
  const tables = inputTables(pick)
  let sum = 0
  for (const log of condemned) {
    const moved = valueBytesOf(tables, new Set([log.fileNum]))
    sum += garbageBytesOf(log) * (moved / log.liveBytes)
  }
  return sum
}
