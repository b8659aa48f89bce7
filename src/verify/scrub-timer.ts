/**
 * What: begins a scrub of an open database every so often, as the option `scrub` asks, and goes on where the one before
 * was interrupted. How far it came rides on edits of the manifest that are written anyway, once a minute at most: a
 * crash costs a part of a scrub.
 * Owns: the timer and the position. Thread: main.
 * States: waiting → running → waiting; ended by the close of the database.
 */
import { VarveError } from '../base/index.js'
import type { Timer } from '../base/index.js'
import type { Engine } from '../engine/index.js'
import type { ScrubPosition } from '../manifest/index.js'
import { scrubDatabase } from './scrub.js'

const NEWS_EVERY_MS = 60_000
/** A scrub that failed is begun again after so long. */
const AGAIN_MS = 60_000

/** Begins to scrub as the options of the database ask; does nothing where they do not. */
export function scrubInBackground(engine: Engine): void {
  const { scrub } = engine.options
  if (scrub !== null) new ScrubTimer(engine, scrub).start()
}

class ScrubTimer {
  private readonly engine: Engine
  private readonly everyMs: number
  private readonly bytesPerSecond: number
  private timer: Timer | null = null
  private position: ScrubPosition
  /** The position that was written down last, and when. */
  private written: ScrubPosition | null
  private writtenMs = -Infinity
  private isEnded = false

  constructor(engine: Engine, { everyMs, bytesPerSecond }: { everyMs: number; bytesPerSecond: number }) {
    this.engine = engine
    this.everyMs = everyMs
    this.bytesPerSecond = bytesPerSecond
    this.written = engine.versions.durable.scrub
    this.position = this.written ?? { table: 0, beganMs: 0 }
  }

  start(): void {
    const { engine } = this
    engine.versions.scrubNews = () => this.news()
    engine.attach({ cut: () => this.end() })
    this.plan(this.untilNext())
  }

  private end(): void {
    this.isEnded = true
    this.timer?.cancel()
  }

  private plan(delayMs: number): void {
    if (this.isEnded) return
    this.timer = this.engine.clock.after(Math.min(delayMs, 2 ** 30), () => void this.tick())
  }

  /** One that was interrupted goes on at once. A clock that went back does not hold the next one up for ever. */
  private untilNext(): number {
    const { table, beganMs } = this.position
    if (table > 0 || beganMs === 0) return 0
    const sinceMs = this.engine.clock.wallMs() - beganMs
    return sinceMs < 0 ? 0 : Math.max(0, this.everyMs - sinceMs)
  }

  private async tick(): Promise<void> {
    const waitMs = this.untilNext()
    if (waitMs > 0) {
      this.plan(waitMs)
      return
    }
    const { table: after } = this.position
    if (after === 0) this.position = { table: 0, beganMs: this.engine.clock.wallMs() }
    try {
      await scrubDatabase(this.engine, {
        bytesPerSecond: this.bytesPerSecond, tables: null, abort: null, onProgress: undefined, after,
        onTable: (table) => { this.position = { ...this.position, table } },
      })
      this.position = { ...this.position, table: 0 }
      this.plan(this.untilNext())
    } catch (error) {
      if (!VarveError.is(error) || error.code !== 'CLOSED') this.plan(AGAIN_MS)
    }
  }

  /** What an edit takes along that is written now. */
  private news(): ScrubPosition | null {
    const { position, written, engine: { clock } } = this
    const nowMs = clock.nowMs()
    if (position.beganMs === 0 || nowMs - this.writtenMs < NEWS_EVERY_MS) return null
    if (written !== null && written.table === position.table && written.beganMs === position.beganMs) return null
    this.written = position
    this.writtenMs = nowMs
    return position
  }
}
