/**
 * What: options as callers hand them in. Each field is read once, all of them before anything else happens: reading
 * may run code of the caller, and a getter need not say the same twice. Fields may be inherited. The object's own
 * fields must all be known, since a misspelt option must not be silent.
 */
import { invalidArgument, unreadableArgument } from './errors.js'

/**
 * Gives what `take` reads of the options. Throws INVALID_ARGUMENT when they are no object, have an unknown field, or
 * when the caller's own code throws, which becomes the cause.
 */
export function takeOptions<O, T>(what: string, names: readonly string[], options: O, take: (options: O) => T): T {
  try {
    checkNames(what, names, options)
    return take(options)
  } catch (error) {
    throw unreadableArgument(`${what} options`, error)
  }
}

function checkNames(what: string, names: readonly string[], options: unknown): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw invalidArgument(options === undefined ? `${what} needs options` : `${what} options must be an object`,
      `its options are ${names.join(', ')}`)
  }
  for (const name in options) {
    if (names.includes(name) || !Object.hasOwn(options, name)) continue
    throw invalidArgument(`unknown ${what} option ${JSON.stringify(name.slice(0, 80))}`,
      `its options are ${names.join(', ')}`)
  }
}

/** Gives the flag. Throws INVALID_ARGUMENT when it is neither true nor false nor absent. */
export function checkFlag(value: unknown, name: string): boolean | undefined {
  if (value === undefined || typeof value === 'boolean') return value
  throw invalidArgument(`option ${name} must be true or false`)
}

/** Gives the choice. Throws INVALID_ARGUMENT when it is none of those. */
export function checkChoice<T extends string>(value: unknown, name: string, choices: readonly T[]): T {
  if (choices.includes(value as T)) return value as T
  throw invalidArgument(`option ${name} must be one of ${choices.join(', ')}`)
}
