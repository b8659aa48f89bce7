/** What: the options of reads of a cache, read once and checked. */
import { invalidArgument, isByteView, hasMemory, NUMBER_MAX, takeOptions } from '../base/index.js'
import type { BlobPart } from './blob-parts.js'

/** Which part of a blob is read. */
export interface BlobReadOptions {
  /** The first byte, from 0 on; 0 when absent. */
  start?: number
  /** The byte behind the last one; the end of the blob when absent, or when it is behind that. */
  end?: number
}

/** Options of a stream. */
export interface BlobStreamOptions extends BlobReadOptions {
  /** Breaks the stream off. */
  signal?: AbortSignal
}

/** Reads the part. Throws INVALID_ARGUMENT. */
export function takePart(call: string, options: BlobReadOptions, names = ['start', 'end']): BlobPart {
  const { start = 0, end = NUMBER_MAX } = takeOptions(call, names, options, (o) => ({ start: o.start, end: o.end }))
  for (const [name, offset] of Object.entries({ start, end })) {
    if (!Number.isSafeInteger(offset) || offset < 0) {
      throw invalidArgument(`option ${name} must be a whole number from 0 on`)
    }
  }
  if (end < start) throw invalidArgument(`option end is ${end}, below start ${start}`)
  return { start, end }
}

export function checkTarget(target: Uint8Array): void {
  if (!isByteView(target) || !hasMemory(target)) throw invalidArgument('the target must be a Uint8Array')
}
