/**
 * What: a writer beside the reads: it writes entries anew at a fixed pace, as far as the engine lets it, in batches of
 * a hundred.
 */
import { setImmediate, setTimeout } from 'node:timers/promises'
import type { Draw } from './draws.js'
import type { Subject } from './subject.js'

const BATCH = 100
const PER_SECOND = 20_000

export class BackgroundWriter {
  private readonly subject: Subject
  private readonly draw: Draw
  private readonly startMs = performance.now()
  private readonly ended: Promise<void>
  private written = 0
  private isOn = true

  constructor(subject: Subject, draw: Draw) {
    this.subject = subject
    this.draw = draw
    this.ended = this.run()
  }

  /** Ends it; gives the part of its pace that it kept. */
  async stop(): Promise<number> {
    this.isOn = false
    const keptPart = this.written / this.due()
    await this.ended
    return Math.min(1, keptPart)
  }

  private due(): number {
    return ((performance.now() - this.startMs) / 1000) * PER_SECOND
  }

  private async run(): Promise<void> {
    while (this.isOn) {
      if (this.written + BATCH > this.due()) {
        await setTimeout(1)
        continue
      }
      await this.subject.overwrite(this.draw, BATCH)
      this.written += BATCH
      // An engine that answers at once would let nothing else run.
      await setImmediate()
    }
  }
}
