/**
 * What: notices that the directory of an open database was lost or moved, and reports it. Calls of the file system find
 * a loss themselves (vfs/held-vfs.ts); this looks now and then while writes go to a log, which would notice nothing
 * until the log is full.
 * Owns: what was reported. Thread: main.
 */
import { VarveError } from '../base/index.js'
import type { EngineCore } from './engine-core.js'

/** The watch looks no more often than logs are synced, nor than this. */
const LOOK_MS = 1000

/** Tells whether an error says that the directory is not the one any more that was opened. */
export function isOfLoss(error: unknown): error is VarveError {
  return VarveError.is(error) && error.code === 'LOCKED'
}

export class DirectoryWatch {
  private readonly engine: EngineCore
  private lookedMs = -Infinity
  private hasToldLoss = false
  /** The path that was reported last. */
  private knownPath: string

  constructor(engine: EngineCore) {
    const { setup } = engine
    this.engine = engine
    this.knownPath = setup.dir
    // The caller is in the middle of something that a failure must not change under its hands.
    setup.vfs.onLost = (error) => queueMicrotask(() => this.tell(error))
    setup.executor.onLost = (error) => this.tell(error)
  }

  onSynced(): void {
    const nowMs = this.engine.options.clock.nowMs()
    if (nowMs - this.lookedMs < LOOK_MS) return
    this.lookedMs = nowMs
    this.look()
    if (this.engine.setup.vfs.hasPlace) void this.lookForMove()
  }

  look(): void {
    try {
      this.engine.setup.vfs.check()
    } catch (error) {
      if (isOfLoss(error)) this.tell(error) // what cannot be seen now may be seen later
    }
  }

  private tell(error: VarveError): void {
    if (!this.hasToldLoss) this.engine.setup.events.emit({ type: 'directoryLost', error })
    this.hasToldLoss = true
    this.engine.failForGood('lock', error)
  }

  private async lookForMove(): Promise<void> {
    const { vfs, dir, events } = this.engine.setup
    try {
      const path = await vfs.realPath(dir)
      if (path === this.knownPath || this.hasToldLoss) return
      events.emit({ type: 'directoryMoved', from: this.knownPath, to: path })
      this.knownPath = path
    } catch {
      // The directory is gone, or cannot be seen: the next look reports it.
    }
  }
}
