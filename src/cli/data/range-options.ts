/**
 * What: the options by which commands choose keys, and the moment that they read at.
 */
import { pastSnapshot, readersOf } from '../../api/index.js'
import type { RangeOptions, Varve } from '../../api/index.js'
import { UsageError } from '../command.js'
import { bytesOption, numberOption } from '../kit/index.js'

export const KEY_RANGE_OPTIONS = {
  prefix: bytesOption('KEY', 'only keys that begin so'),
  from: bytesOption('KEY', 'only this key and those behind it'),
  to: bytesOption('KEY', 'only keys before this one'),
}

export const AT_OPTION = numberOption('SEQ', [
  'as the database was at this sequence number, as far as the logs',
  'still have every version; else the newest that there is',
], { min: 0, max: Number.MAX_SAFE_INTEGER })

export interface GivenRange {
  readonly prefix: Uint8Array | undefined
  readonly from: Uint8Array | undefined
  readonly to: Uint8Array | undefined
}

/** Gives the options of a read for what was given. Throws UsageError. */
export function rangeOf({ prefix, from, to }: GivenRange): RangeOptions {
  if (prefix !== undefined && (from !== undefined || to !== undefined)) {
    throw new UsageError('--prefix excludes --from and --to')
  }
  return {
    ...(prefix === undefined ? {} : { prefix }), ...(from === undefined ? {} : { gte: from }),
    ...(to === undefined ? {} : { lt: to }),
  }
}

/** Adds the moment to read at. */
export function momentOptions(db: Varve, at: number | undefined): Pick<RangeOptions, 'snapshot'> {
  return at === undefined ? {} : { snapshot: pastSnapshot(readersOf(db).view, at) }
}
