/**
 * What: notices that the directory of an open database was lost or moved, and tells it. Calls of the file system find a
 * loss themselves (vfs/held-vfs.ts); this looks now and then while writes go to a log, which would notice nothing until
 * the log is full.
 * Owns: what was told. Thread: main.
 */
import { VarveError } from '../base/index.js'
import type { EngineCore } from './engine-core.js'

/** Not more often than syncs, nor than this. */
const LOOK_MS = 1000

export class DirectoryWatch {
  private readonly engine: EngineCore
  private readonly onLost: (error: VarveError) => void
  private lookedMs = -Infinity
  private hasToldLoss = false
  /** Where it was when that was last told. */
  private knownPath: string

  constructor(engine: EngineCore) {
    const { parts } = engine
    this.engine = engine
    this.knownPath = parts.dir
    this.onLost = (error) => {
      if (!this.hasToldLoss) parts.events.emit({ type: 'directoryLost', error })
      this.hasToldLoss = true
      engine.failForGood('lock', error)
    }
    parts.vfs.onLost = this.onLost
    parts.executor.onLost = this.onLost
  }

  onSynced(): void {
    const nowMs = this.engine.options.clock.nowMs()
    if (nowMs - this.lookedMs < LOOK_MS) return
    this.lookedMs = nowMs
    this.look()
    if (this.engine.parts.vfs.hasPlace) void this.lookForMove()
  }

  look(): void {
    try {
      this.engine.parts.vfs.check()
    } catch {
      // A loss has been told. What cannot be seen now may be seen later.
    }
  }

  private async lookForMove(): Promise<void> {
    const { vfs, dir, events } = this.engine.parts
    try {
      const path = await vfs.realPath(dir)
      if (path === this.knownPath || this.hasToldLoss) return
      events.emit({ type: 'directoryMoved', from: this.knownPath, to: path })
      this.knownPath = path
    } catch {
      // It is gone, or cannot be seen: the next look tells.
    }
  }
}
