/**
 * What: files that long calls hold while they run: tables, value logs and logs, by their numbers. What is held stays in
 * the directory, whatever versions, pins and readers say; the file deleter asks.
 * Owns: who holds which file, and since when. Does not own: what nobody holds any more (file-deleter.ts).
 * Thread: main.
 * Invariants: HOLD-1 a file that a call holds is not removed before the call has let go of it. HOLD-2 a call that has
 * ended, however it ended, holds nothing.
 */
import type { Clock, FileNum } from '../base/index.js'
import type { FileHoldStats } from '../stats/index.js'

/** What one call holds, until it lets go. */
export interface FileHold {
  /** Lets go of all of it. Idempotent. */
  release(): void
}

interface Held {
  readonly owner: string
  readonly startedMs: number
  readonly files: ReadonlySet<FileNum>
}

export class FileHolds {
  private readonly clock: Clock
  private readonly held = new Set<Held>()
  /** Called when files may be held no longer. */
  onReleased: () => void = () => undefined

  constructor(clock: Clock) {
    this.clock = clock
  }

  /** Holds files for an owner, whom `stats()` names. Requires: none of them was given to the deleter. */
  hold(owner: string, files: Iterable<FileNum>): FileHold {
    const held: Held = { owner, startedMs: this.clock.wallMs(), files: new Set(files) }
    this.held.add(held)
    return {
      release: () => {
        if (this.held.delete(held)) this.onReleased()
      },
    }
  }

  isHeld(fileNum: FileNum): boolean {
    for (const { files } of this.held) if (files.has(fileNum)) return true
    return false
  }

  stats(): FileHoldStats[] {
    return [...this.held].map(({ owner, startedMs, files }) => ({ owner, startedMs, fileCount: files.size }))
  }
}
