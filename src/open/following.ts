/**
 * What: refreshes a read-only database again and again, and tells what came. It polls, since no event of a file system
 * is told everywhere, and none is told surely.
 * Owns: the pause between two refreshes. Thread: main.
 * States: going on → ended: by `stop`, the signal, the close of the database, or an error.
 */
import { setHidden } from '../base/index.js'
import type { AbortWatch, Timer } from '../base/index.js'
import type { RefreshResult } from './follower.js'
import type { ReadOnlyView } from './read-only.js'

/** What is to be done, checked. */
export interface FollowCall {
  everyMs: number
  durableOnly: boolean
  abort: AbortWatch | null
  onChange: ((result: RefreshResult) => unknown) | undefined
  onError: ((error: unknown) => unknown) | undefined
}

/**
 * A database that is being followed: see `Varve.follow`. It keeps the process alive until it ends. With `using` it ends
 * at the end of the block.
 */
export class Following {
  /**
   * Resolves when no refresh comes any more: after `stop`, the signal, `close`, or an error that `onError` was told and
   * that nothing can follow. Rejects with the first error of a refresh when there is no `onError`, and with what a
   * callback throws.
   */
  readonly ended: Promise<void>
  private declare readonly view: ReadOnlyView
  private declare readonly call: FollowCall
  private declare isStopped: boolean
  private declare wake: () => void

  private constructor(view: ReadOnlyView, call: FollowCall) {
    setHidden(this, { view, call, isStopped: false, wake: () => undefined })
    this.ended = this.run()
  }

  private static of(view: ReadOnlyView, call: FollowCall): Following {
    return new Following(view, call)
  }

  /** Ends it; a refresh that is under way still ends, and nobody hears of it. May be called again. */
  stop(): void {
    this.isStopped = true
    this.wake()
  }

  /** Ends it at the end of a block: `using following = db.follow()`. */
  [Symbol.dispose](): void {
    this.stop()
  }

  private async run(): Promise<void> {
    const { view, call } = this
    const alive = view.clock.keepAlive()
    const resource = { cut: () => this.stop() }
    view.attach(resource)
    try {
      call.abort?.tell(() => this.stop())
      while (!this.isStopped) {
        await this.once()
        if (!this.isStopped) await this.pause()
      }
    } finally {
      this.isStopped = true
      view.detach(resource)
      call.abort?.end()
      alive.cancel()
    }
  }

  private async once(): Promise<void> {
    const { view, call } = this
    let result: RefreshResult
    try {
      result = await view.follower.refresh(call.durableOnly)
    } catch (error) {
      if (this.isStopped) return
      if (call.onError === undefined) throw error
      if (view.follower.isGone) this.stop()
      await call.onError(error)
      return
    }
    if (result.changed && !this.isStopped) await call.onChange?.(result)
  }

  private pause(): Promise<void> {
    let timer: Timer | null = null
    return new Promise<void>((resolve) => {
      this.wake = resolve
      timer = this.view.clock.after(this.call.everyMs, resolve)
    }).finally(() => timer?.cancel())
  }
}

export function newFollowing(view: ReadOnlyView, call: FollowCall): Following {
  return Following['of'](view, call)
}
