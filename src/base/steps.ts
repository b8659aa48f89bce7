/**
 * What: lets I/O that is written once run either way: blocking the thread, or through the event loop.
 *
 * A chain is a generator that yields steps; each step knows both forms of one operation. `runSync`
 * drives it to its end at once (for worker threads, and for Sync calls, which must not wait for the loop);
 * `runAsync` awaits each step. State changes stand between two yields and so are never interrupted.
 * docs/design/0003-steps.md has the design.
 */

/** One operation in its two forms. */
export interface Step<T> {
  sync(): T
  async(): Promise<T>
}

/** A chain of steps, with a result. */
export type Steps<T> = Generator<Step<unknown>, T, unknown>

/** Gives a step's result its type: `const size = yield* step(file.sizeStep())`. */
export function* step<T>(one: Step<T>): Steps<T> {
  return (yield one) as T
}

/** Runs a job that pauses now and then to its end, at once. */
export function runToEnd<T>(job: Generator<undefined, T, unknown>): T {
  for (;;) {
    const turn = job.next()
    if (turn.done === true) return turn.value
  }
}

export function runSync<T>(steps: Steps<T>): T {
  let turn = steps.next()
  while (turn.done !== true) {
    let value: unknown
    try {
      value = turn.value.sync()
    } catch (error) {
      turn = steps.throw(error)
      continue
    }
    turn = steps.next(value)
  }
  return turn.value
}

export async function runAsync<T>(steps: Steps<T>): Promise<T> {
  let turn = steps.next()
  while (turn.done !== true) {
    let value: unknown
    try {
      value = await turn.value.async()
    } catch (error) {
      turn = steps.throw(error)
      continue
    }
    turn = steps.next(value)
  }
  return turn.value
}
