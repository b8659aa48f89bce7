/**
 * What: measures how fast compactions take bytes out of level 0, which is the pace that writers can keep up for ever.
 * It is the speed of compactions times the share of level 0 in what they read. The speed is measured only while it is
 * asked for, which is while writers are slowed down: beside writers at full speed compactions get less of the
 * processors. The share is that of the latest compactions, and of running ones as a whole, since level 0 gets no relief
 * for seconds while deeper levels have their turn.
 * Owns: both averages. Thread: main.
 */
import { inputTables, totalBytes, valueBytesOf } from '../pick/index.js'
import type { CompactionPick } from '../pick/index.js'

/** The bytes that one compaction takes out of level 0, and all bytes that it reads. */
export interface Relief {
  /** With values that stand in value logs: writers are paced by what they write. */
  readonly level0Bytes: number
  /** Bytes of tables. */
  readonly inputBytes: number
}

/** The weight of a compaction halves when later ones have read this many bytes. */
const SHARE_HALF_BYTES = 2 ** 30
const SPEED_HALF_MS = 500
/** A longer gap between two calls gives no sample, since writers were not slow in between. */
const GAP_MS_MAX = 1000
const SAMPLE_MS_MIN = 20

export class DrainMeter {
  private past: Relief = { level0Bytes: 0, inputBytes: 0 }
  private speed = 0
  private sampledMs = -Infinity
  private sampledBytes = 0

  /** Adds a compaction that has ended. */
  add(relief: Relief): void {
    this.past = sumOf(this.past, relief)
  }

  /**
   * The bytes per millisecond out of level 0, or 0 when they are not known yet. `busyMs` is the time during which
   * compactions ran so far, and `readBytes` what they read, including running ones.
   */
  bytesPerMs(busyMs: number, readBytes: number, running: readonly Relief[]): number {
    this.sample(busyMs, readBytes)
    const { level0Bytes, inputBytes } = running.reduce(sumOf, this.past)
    return inputBytes > 0 ? this.speed * (level0Bytes / inputBytes) : 0
  }

  /** The bytes per millisecond that all compactions read at the latest sample; 0 when they are not known yet. */
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

/** The relief that a compaction brings. A merge within level 0 counts by the share of its tables that go. */
export function reliefOf({ inputs, outputLevel }: CompactionPick): Relief {
  const level0 = inputTables({ inputs: inputs.filter(({ level }) => level === 0) })
  const share = outputLevel === 0 ? 1 - 1 / Math.max(1, level0.length) : 1
  const level0Bytes = (totalBytes(level0) + valueBytesOf(level0)) * share
  return { level0Bytes, inputBytes: totalBytes(inputTables({ inputs })) }
}

function sumOf(past: Relief, { level0Bytes, inputBytes }: Relief): Relief {
  const weight = 0.5 ** (inputBytes / SHARE_HALF_BYTES)
  return { level0Bytes: past.level0Bytes * weight + level0Bytes, inputBytes: past.inputBytes * weight + inputBytes }
}
