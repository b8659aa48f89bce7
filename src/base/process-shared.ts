/**
 * What: values that all copies of this package share in one thread. Two builds of it (import and require), two
 * installed versions, or a bundle beside the package must not each lock directories or start threads for themselves.
 * Owns: nothing; each value belongs to the copy that asked for it first.
 * The key carries a number that changes with the meaning of a value, so that unlike versions never share one.
 */
const SHARED = Symbol.for('varve.shared.1')

/** Gives the shared value of this name. The first call makes it. */
export function processShared<T>(name: string, make: () => T): T {
  const holder = globalThis as { [SHARED]?: Map<string, unknown> }
  const values = (holder[SHARED] ??= new Map<string, unknown>())
  if (!values.has(name)) values.set(name, make())
  return values.get(name) as T
}
