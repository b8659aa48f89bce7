/**
 * What: suffixes for temp files, `<process id>.<nanoseconds>`, each given out once.
 */
import type { Clock } from '../base/index.js'

export class UniqueNames {
  private readonly clock: Clock
  private readonly processId: number
  private last = 0

  constructor(clock: Clock) {
    this.clock = clock
    this.processId = (globalThis as { process?: { pid?: number } }).process?.pid ?? 0
  }

  next(): string {
    const ns = Math.floor(this.clock.nowMs() * 1e6)
    this.last = ns > this.last ? ns : this.last + 1
    return `${this.processId}.${this.last}`
  }
}
