/**
 * What: the caller's signal while a call goes on: an AbortSignal of any realm, or an object of the same form. Code of
 * the caller runs when the watch begins, when the signal fires and when the watch ends, and nowhere else.
 * Owns: the listener on the signal: it is gone when the watch has ended, however the call did.
 */
import { invalidArgument, unreadableArgument, VarveError } from './errors.js'

type Signal = Pick<AbortSignal, 'aborted' | 'reason' | 'addEventListener' | 'removeEventListener'>

export class AbortWatch {
  private readonly signal: Signal
  private fired: { reason: unknown } | null = null
  private listener: ((reason: unknown) => void) | null = null
  private wake: () => void = () => undefined
  private readonly firing = new Promise<void>((resolve) => (this.wake = resolve))

  /** Begins to watch. Throws INVALID_ARGUMENT for what is no signal. */
  constructor(signal: unknown) {
    try {
      this.signal = checkSignal(signal)
      if (this.signal.aborted) this.onAbort()
      else this.signal.addEventListener('abort', this.onAbort)
    } catch (error) {
      throw unreadableArgument('option signal', error)
    }
  }

  private readonly onAbort = (): void => {
    if (this.fired !== null) return
    this.fired = { reason: reasonOf(this.signal) }
    this.wake()
    this.listener?.(this.fired.reason)
  }

  /** Throws the signal's reason when it has fired. */
  check(): void {
    if (this.fired !== null) throw this.fired.reason
  }

  /** Calls `listener` once with the signal's reason: now when it has fired, or when it fires. There is one listener. */
  tell(listener: (reason: unknown) => void): void {
    this.listener = listener
    if (this.fired !== null) listener(this.fired.reason)
  }

  /** Gives what `waited` gives, or throws the signal's reason when that comes first. */
  async orAborted<T>(waited: Promise<T>): Promise<T> {
    const first = await Promise.race([waited, this.firing])
    this.check()
    return first as T
  }

  /** Ends the watch, since the call has ended. */
  end(): void {
    this.listener = null
    try {
      this.signal.removeEventListener('abort', this.onAbort)
    } catch {
      // An error of the caller's own code changes nothing.
    }
  }
}

function checkSignal(signal: unknown): Signal {
  const { aborted, addEventListener, removeEventListener } = Object(signal) as Partial<Signal>
  const isSignal = typeof aborted === 'boolean' && typeof addEventListener === 'function' &&
    typeof removeEventListener === 'function'
  if (!isSignal) throw invalidArgument('option signal must be an AbortSignal')
  return signal as Signal
}

/** Gives the reason of a signal; older forms of signals have none. */
function reasonOf(signal: Signal): unknown {
  try {
    if (signal.reason !== undefined) return signal.reason
  } catch {
    // An error of the caller's own code changes nothing.
  }
  return new VarveError('ABORTED', 'the call was aborted')
}
