/**
 * What: reads of many keys as callers ask for them: options and keys are read once, before anything is looked up.
 */
import type { Bytes } from '../base/index.js'
import { readMany, readManySync } from '../read/index.js'
import type { ManyReads, PointReader, ReadView } from '../read/index.js'
import { takeKeys } from './given-keys.js'
import { momentOf, takeReadOptions } from './read-options.js'
import type { CopyingMoment, ReadOptions } from './read-options.js'

/** What a list of values has for one that was read into memory of its own. */
const asItIs = (value: Uint8Array): Uint8Array => value

type Values = (Uint8Array | undefined)[]

interface Reading {
  view: ReadView
  reads: PointReader
}

export async function getMany(
  from: Reading, keys: readonly Bytes[], options: ReadOptions | undefined,
): Promise<Values> {
  const { moment, many } = take(from, keys, options)
  return readMany(from.view, moment, many)
}

export function getManySync(from: Reading, keys: readonly Bytes[], options: ReadOptions | undefined): Values {
  const { moment, many } = take(from, keys, options)
  return readManySync(from.view, moment, many)
}

function take(
  { view, reads }: Reading, keys: readonly Bytes[], options: ReadOptions | undefined,
): { moment: CopyingMoment; many: ManyReads<Uint8Array | undefined> } {
  const given = takeReadOptions(options)
  const own = takeKeys(keys)
  const moment = momentOf(given, view)
  const { copies } = moment
  return { moment, many: { keys: own, lookup: (at, key) => reads.getOrPlace(at, key, copies), give: asItIs } }
}
