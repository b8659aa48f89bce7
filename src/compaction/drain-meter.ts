/**
 * What: how fast compactions take away what comes into level 0: the pace at which writers may go on for ever.
 * It is the speed of compactions times the share of what they read that comes out of level 0. The speed is measured
 * only while somebody asks, which is while writers are slowed down: beside writers at full speed compactions get
 * less of the processors. The share is that of the latest compactions, with those under way, whole: where
 * deeper levels have their turn, level 0 is not relieved for seconds.
 * Owns: both averages. Thread: main.
 */
import { totalBytes } from '../pick/index.js'
import type { CompactionPick } from '../pick/index.js'

/** What one compaction takes out of level 0, and all that it reads. */
export interface Relief {
  readonly level0Bytes: number
  readonly inputBytes: number
}

/** What was read before so many bytes counts half. */
const SHARE_HALF_BYTES = 2 ** 30
const SPEED_HALF_MS = 500
/** Not asked for so long: what happened meanwhile says nothing about slow writers. */
const GAP_MS_MAX = 1000
const SAMPLE_MS_MIN = 20

export class DrainMeter {
  private past: Relief = { level0Bytes: 0, inputBytes: 0 }
  private speed = 0
  private sampledMs = -Infinity
  private sampledBytes = 0

  /** A compaction has ended. */
  add(relief: Relief): void {
    this.past = sumOf(this.past, relief)
  }

  /**
   * Bytes a millisecond; 0: not known yet. `busyMs`: how long any compaction ran so far; `readBytes`: what they read,
   * those under way included.
   */
  bytesPerMs(busyMs: number, readBytes: number, running: readonly Relief[]): number {
    this.sample(busyMs, readBytes)
    const { level0Bytes, inputBytes } = running.reduce(sumOf, this.past)
    return inputBytes > 0 ? this.speed * (level0Bytes / inputBytes) : 0
  }

  /** Bytes a millisecond that all compactions read, when it was asked last; 0: not known yet. */
  get speedNow(): number {
    return this.speed
  }

  private sample(busyMs: number, readBytes: number): void {
    const ms = busyMs - this.sampledMs
    if (ms < SAMPLE_MS_MIN) return
    if (ms <= GAP_MS_MAX) {
      const latest = Math.max(0, readBytes - this.sampledBytes) / ms
      const weight = this.speed === 0 ? 0 : 0.5 ** (ms / SPEED_HALF_MS)
      this.speed = this.speed * weight + latest * (1 - weight)
    }
    this.sampledMs = busyMs
    this.sampledBytes = readBytes
  }
}

/** What a compaction relieves. A merge within level 0 counts by the tables that become fewer. */
export function reliefOf({ inputs, outputLevel }: CompactionPick): Relief {
  const level0 = inputs.filter(({ level }) => level === 0).flatMap(({ tables }) => tables)
  const share = outputLevel === 0 ? 1 - 1 / Math.max(1, level0.length) : 1
  return { level0Bytes: totalBytes(level0) * share, inputBytes: totalBytes(inputs.flatMap(({ tables }) => tables)) }
}

function sumOf(past: Relief, { level0Bytes, inputBytes }: Relief): Relief {
  const weight = 0.5 ** (inputBytes / SHARE_HALF_BYTES)
  return { level0Bytes: past.level0Bytes * weight + level0Bytes, inputBytes: past.inputBytes * weight + inputBytes }
}
