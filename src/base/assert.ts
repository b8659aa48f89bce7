import { VarveError } from './errors.js'

/**
 * A broken assertion is a bug in Varve, never a condition of the outside world.
 * The owner of background work turns it into the FAILED state: nothing is written on top of a bug.
 */
export function assert(condition: boolean, what: string): asserts condition {
  if (!condition) throw new VarveError('INTERNAL', `assertion failed: ${what}`)
}
