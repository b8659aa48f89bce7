/**
 * What: the options that long calls have in common: how they are ended, at which pace they go, who hears of it.
 */
import { AbortWatch, invalidArgument } from '../base/index.js'
import type { Progress } from '../report/index.js'

/** Options that long calls have in common. */
export interface ToolOptions {
  /** Ends the call: it rejects with the signal's reason, and leaves nothing half made. */
  signal?: AbortSignal | undefined
  /** Hears how far the call has come, ten times a second at most. What it throws ends the call. */
  onProgress?: ((progress: Progress) => void) | undefined
  /** The most bytes a second that the call reads or writes; without it as many as the disk gives. */
  bytesPerSecond?: number | undefined
}

/** These options, checked. */
export interface ToolCall {
  /** Watches the signal; whoever runs the call ends the watch. */
  abort: AbortWatch | null
  onProgress: ((progress: Progress) => void) | undefined
  /** Infinity for no limit. */
  bytesPerSecond: number
}

export const TOOL_OPTION_NAMES = ['signal', 'onProgress', 'bytesPerSecond'] as const

/** Reads the fields once, inside of `takeOptions`. */
export function takeToolFields({ signal, onProgress, bytesPerSecond }: ToolOptions): ToolOptions {
  return { signal, onProgress, bytesPerSecond }
}

/**
 * Checks the fields, and begins to watch the signal: whoever calls this must go on to the call. Throws
 * INVALID_ARGUMENT.
 */
export function checkToolFields({ signal, onProgress, bytesPerSecond }: ToolOptions): ToolCall {
  if (onProgress !== undefined && typeof onProgress !== 'function') {
    throw invalidArgument('option onProgress must be a function')
  }
  if (bytesPerSecond !== undefined && !(typeof bytesPerSecond === 'number' && bytesPerSecond >= 1)) {
    throw invalidArgument('option bytesPerSecond must be a number from 1')
  }
  return {
    abort: signal === undefined ? null : new AbortWatch(signal), onProgress,
    bytesPerSecond: bytesPerSecond ?? Infinity,
  }
}
