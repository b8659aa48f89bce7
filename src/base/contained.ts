/**
 * What: calls code of the user, such as a listener, whose failures must not stop the database. What it throws, and what
 * a promise that it returns rejects with, goes to `onError` and no further. No rejection is left unhandled.
 */
export function callContained(call: () => unknown, onError: (error: unknown) => void): void {
  try {
    const returned = call()
    if (typeof (returned as { then?: unknown } | null | undefined)?.then === 'function') {
      Promise.resolve(returned).then(undefined, onError)
    }
  } catch (error) {
    onError(error)
  }
}
