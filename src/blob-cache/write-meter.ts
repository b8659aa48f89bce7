/**
 * What: what writing the segments of new blobs cost: bytes, and how long each stage took.
 * Thread: main.
 */
import { FILE_HEADER_BYTES } from '../base/index.js'
import type { Clock } from '../base/index.js'
import { StageTimes } from '../stats/index.js'

export class WriteMeter {
  readonly write = new StageTimes()
  readonly sync = new StageTimes()
  readonly seal = new StageTimes()
  writtenBytes = 0
  private readonly clock: Clock

  constructor(clock: Clock) {
    this.clock = clock
  }

  /** Gives the time at which a stage begins. */
  begin(): number {
    return this.clock.nowMs()
  }

  /** Notes a piece that was written since. */
  wrote(startMs: number, bytes: number): void {
    this.write.record(this.clock.nowMs() - startMs)
    this.writtenBytes += bytes
  }

  /** Notes a footer that was written and synced since; the header was written before. */
  sealed(startMs: number, footerBytes: number): void {
    this.seal.record(this.clock.nowMs() - startMs)
    this.writtenBytes += FILE_HEADER_BYTES + footerBytes
  }
}
