/**
 * What: the options of `getStream`, read and checked.
 */
import { invalidArgument, NUMBER_MAX, takeOptions } from '../base/index.js'
import type { ValuePart } from '../read/index.js'
import type { ReadOptions } from './read-options.js'

/** Options of a stream of one value. */
export interface StreamOptions {
  /** Reads as of this moment instead of now. */
  snapshot?: ReadOptions['snapshot']
  /** The first byte to give, from 0 on; 0 when absent. */
  start?: number | undefined
  /** The byte behind the last one to give; the end of the value when absent, or when it is behind that. */
  end?: number | undefined
}

const NAMES = ['snapshot', 'start', 'end']

/** Reads the options once. Throws INVALID_ARGUMENT. */
export function takeStreamOptions(options: StreamOptions | undefined): { part: ValuePart; read: ReadOptions } {
  const given = options === undefined ? {} : takeOptions('stream', NAMES, options, takeFields)
  const { snapshot, start = 0, end = NUMBER_MAX } = given
  checkOffset('start', start)
  checkOffset('end', end)
  if (end < start) throw invalidArgument(`option end is ${end}, below start ${start}`)
  return { part: { start, end }, read: { snapshot } }
}

function takeFields({ snapshot, start, end }: StreamOptions): StreamOptions {
  return { snapshot, start, end }
}

function checkOffset(name: string, offset: unknown): void {
  if (Number.isSafeInteger(offset) && (offset as number) >= 0) return
  throw invalidArgument(`option ${name} must be a whole number from 0 on`)
}
