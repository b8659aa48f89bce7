/**
 * What: options as programs written for ClassicLevel give them, as options of the engine. A name that
 * neither knows is the program's own and is left out; ClassicLevel's numbers are moved inside of Varve's
 * limits, as LevelDB does with its own.
 */
import { KiB, MiB, OPEN_FILES_MAX, WRITE_BUFFER_BYTES_MAX, WRITE_BUFFER_BYTES_MIN } from '../base/index.js'
import { OPTION_NAMES } from '../engine/index.js'
import type { VarveOptions } from '../engine/index.js'

interface Limits {
  min: number
  max: number
}

const WRITE_BUFFER: Limits = { min: WRITE_BUFFER_BYTES_MIN, max: WRITE_BUFFER_BYTES_MAX }
const BLOCK: Limits = { min: KiB, max: MiB }
const CACHE: Limits = { min: 0, max: 64 * 1024 * MiB }
const OPEN_FILES: Limits = { min: 1, max: OPEN_FILES_MAX }

export function engineOptions(options: Record<string, unknown>): VarveOptions {
  const result: Record<string, unknown> = {}
  for (const name of OPTION_NAMES) if (options[name] !== undefined) result[name] = options[name]
  result.writeBufferSize = clipped(options.writeBufferSize, WRITE_BUFFER)
  result.blockSize = clipped(options.blockSize, BLOCK)
  result.maxOpenFiles = clipped(options.maxOpenFiles, OPEN_FILES)
  result.blockCacheSize ??= clipped(options.cacheSize, CACHE)
  // ClassicLevel's `compression` means Snappy, or nothing.
  if (typeof result.compression === 'boolean') result.compression = result.compression ? 'lz4' : 'none'
  return result as VarveOptions
}

/** Moves a number inside the limits; anything else means the default. */
function clipped(given: unknown, { min, max }: Limits): number | undefined {
  if (typeof given !== 'number' || Number.isNaN(given)) return undefined
  return Math.trunc(Math.min(Math.max(given, min), max))
}
