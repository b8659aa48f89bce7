/**
 * What: makes and parses the names in the directory of a blob cache. A name that does not parse is foreign: it is never
 * touched. Files of a lock are named as in a database.
 *
 *   000012.catalog                which segments count, and what is dead in them
 *   000013.segment                records
 *   000014.index                  snapshot of the index
 *   cache-marker.000003.000012    iteration 3: the catalog is number 12; the highest iteration wins
 */
import { NAME_NUMBER_MAX, parseFileName } from '../base/index.js'
import type { MarkerNames } from '../directory/index.js'

/** The largest number of a file in a cache: places in the index have 32 bits for it. */
export const CACHE_FILE_NUM_MAX = 2 ** 32 - 1

export type CacheFileKind = 'catalog' | 'segment' | 'index'

export type CacheFileName =
  | { kind: CacheFileKind; fileNum: number }
  | { kind: 'marker'; iteration: number; fileNum: number }
  | { kind: 'lock' }

function pad(n: number): string {
  return String(n).padStart(6, '0')
}

export function cacheFileName(kind: CacheFileKind, fileNum: number): string {
  return `${pad(fileNum)}.${kind}`
}

/** Parses a name in the directory; gives null when it is the name of a foreign file. */
export function parseCacheFileName(name: string): CacheFileName | null {
  if (name.length > 80) return null
  if (parseFileName(name)?.kind === 'lock') return { kind: 'lock' }
  let match = /^(\d{6,10})\.(catalog|segment|index)$/.exec(name)
  if (match !== null) {
    const fileNum = parseNumber(match[1]!, CACHE_FILE_NUM_MAX)
    return fileNum === null ? null : { kind: match[2] as CacheFileKind, fileNum }
  }
  match = /^cache-marker\.(\d{6,16})\.(\d{6,10})$/.exec(name)
  if (match === null) return null
  const iteration = parseNumber(match[1]!, NAME_NUMBER_MAX)
  const fileNum = parseNumber(match[2]!, CACHE_FILE_NUM_MAX)
  return iteration === null || fileNum === null ? null : { kind: 'marker', iteration, fileNum }
}

/** Parses digits of the width that is written, and no others: a number has one name only. */
function parseNumber(digits: string, max: number): number | null {
  const n = Number(digits)
  return n <= max && pad(n) === digits ? n : null
}

/** How the marker of a cache is called. */
export const CACHE_MARKER: MarkerNames = {
  owner: 'cache',
  nameOf: (iteration, catalog) => `cache-marker.${pad(iteration)}.${pad(catalog)}`,
  parse(name) {
    const parsed = parseCacheFileName(name)
    return parsed?.kind === 'marker' ? { iteration: parsed.iteration, manifest: parsed.fileNum } : null
  },
}
