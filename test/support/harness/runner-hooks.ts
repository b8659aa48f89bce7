/**
 * What: keeps node:test from watching every promise. Its runner has a hook for each promise that is made and collected,
 * to tell which test an error that nobody catches belongs to. In a file that makes millions of promises the hook takes
 * half of the processor time. Without it such an error still fails the file, but names no test.
 */
import { createHook } from 'node:async_hooks'

/**
 * Turns off the hooks of this process that are made from now on. Requires: nothing of node:test was called yet, and the
 * file declares its tests with `test` alone, not within `describe`, which finds its tests by these hooks.
 */
export function leaveOutRunnerHooks(): void {
  const hooks = Object.getPrototypeOf(createHook({})) as ReturnType<typeof createHook>
  hooks.enable = function (this: typeof hooks) {
    return this
  }
}
