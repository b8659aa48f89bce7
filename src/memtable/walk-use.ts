/**
 * What: tells whether walks over memtables are to be expected: whether there was one since the last memtable was made.
 * Then it pays to merge the sorted runs of the next one while it is written.
 * Thread: main.
 */
export class WalkUse {
  private isSeen = false

  /** Called when a walk begins. */
  note(): void {
    this.isSeen = true
  }

  /** True when a walk began since the last call. */
  takeSeen(): boolean {
    const { isSeen } = this
    this.isSeen = false
    return isSeen
  }
}
