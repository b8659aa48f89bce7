/**
 * What: how many segments are made before they are needed. One is enough when segments are made and removed faster than
 * puts fill them; where puts had to wait for one, more are, so that the waits of several disk calls overlap.
 * Thread: main. There is no I/O.
 */

/** More would take a large part of the young queue. */
const COUNT_MAX = 4
/** After so many segments that nobody waited for there is one less. */
const QUIET_COUNT = 32

export class SegmentsAhead {
  private countNow = 1
  private wasShort = false
  private quietCount = 0

  get count(): number {
    return this.countNow
  }

  /** Notes that a put found no segment. */
  noteShort(): void {
    this.wasShort = true
  }

  /** Notes that a segment was made. */
  noteMade(): void {
    if (this.wasShort) this.countNow = Math.min(this.countNow + 1, COUNT_MAX)
    else if (++this.quietCount < QUIET_COUNT) return
    else this.countNow = Math.max(this.countNow - 1, 1)
    this.wasShort = false
    this.quietCount = 0
  }
}
