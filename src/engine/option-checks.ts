/**
 * What: checks of single options: each gives the value as the engine takes it, or throws INVALID_ARGUMENT.
 */
import { invalidArgument, NUMBER_MAX, takeOptions, VALUE_BYTES_MAX, VALUE_THRESHOLD_MIN } from '../base/index.js'

const GARBAGE_RATIO_MIN = 0.05
const GARBAGE_RATIO_MAX = 0.95

export type Check = (value: unknown, name: string) => unknown

export const boolean: Check = (value, name) => {
  if (typeof value !== 'boolean') throw invalidArgument(`option ${name} must be true or false`)
  return value
}

export const callback: Check = (value, name) => {
  if (typeof value !== 'function') throw invalidArgument(`option ${name} must be a function`)
  return value
}

export function integer(min: number, max: number): Check {
  return (value, name) => {
    if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max || Object.is(value, -0)) {
      throw invalidArgument(`option ${name} must be an integer from ${min} to ${max}`)
    }
    return value
  }
}

export const threshold: Check = (value, name) => {
  if (value === 0 && !Object.is(value, -0)) return value
  try {
    return integer(VALUE_THRESHOLD_MIN, VALUE_BYTES_MAX)(value, name)
  } catch {
    throw invalidArgument(`option ${name} must be 0 or an integer from ${VALUE_THRESHOLD_MIN} to ${VALUE_BYTES_MAX}`)
  }
}

export const ratio: Check = (value, name) => {
  if (typeof value !== 'number' || !(value >= GARBAGE_RATIO_MIN && value <= GARBAGE_RATIO_MAX)) {
    throw invalidArgument(`option ${name} must be a number from ${GARBAGE_RATIO_MIN} to ${GARBAGE_RATIO_MAX}`)
  }
  return value
}

/** How often the files of an open database are read anew, and how fast. */
export interface ScrubOption {
  /** Milliseconds from the beginning of one walk to that of the next. */
  everyMs: number
  /** The most bytes a second. */
  bytesPerSecond: number
}

export const scrubOption: Check = (value) => {
  if (value === false) return null
  const { everyMs, bytesPerSecond } = takeOptions(
    'scrub', ['everyMs', 'bytesPerSecond'], value as Record<string, unknown>,
    (given) => ({ everyMs: given['everyMs'], bytesPerSecond: given['bytesPerSecond'] }))
  return {
    everyMs: integer(1000, NUMBER_MAX)(everyMs, 'scrub.everyMs'),
    bytesPerSecond: integer(1, NUMBER_MAX)(bytesPerSecond, 'scrub.bytesPerSecond'),
  }
}
