/**
 * What: where a streamed value comes from, as callers give it: streams of the web, async and plain iterables, Blobs.
 * Code of the caller runs where a source is taken, and in both calls of a ByteSource, and nowhere else.
 */
import { invalidArgument, unreadableArgument } from './errors.js'
import { isByteView } from './given-bytes.js'

/**
 * Gives the bytes of a value in pieces: a ReadableStream, anything that `for await` walks along, or a Blob. A Readable
 * of Node is one, if no encoding is set.
 */
export type ValueSource =
  | AsyncIterable<Uint8Array>
  | Iterable<Uint8Array>
  | { getReader(): StreamReader }
  | { stream(): unknown; readonly size: number }

/** The reader of a ReadableStream. */
export interface StreamReader {
  /** The next piece. */
  read(): Promise<{ done: boolean; value?: Uint8Array | undefined }>
  /** No more is wanted. */
  cancel(reason?: unknown): Promise<void>
}

/** Where a value comes from. Both calls may run code of the caller. */
export interface ByteSource {
  /** The next bytes, lent until the call after; null at the end. Rejects with what the caller's code threw. */
  next(): Promise<unknown>
  /** No more is wanted. */
  cancel(reason: unknown): void
}

interface Walk {
  next(): unknown
  return?: (reason?: unknown) => unknown
}

type Given = {
  [Symbol.asyncIterator]?: () => Walk
  [Symbol.iterator]?: () => Walk
  getReader?: () => StreamReader
  stream?: () => unknown
}

/** Begins to read. Throws INVALID_ARGUMENT for what is no source. */
export function takeSource(source: unknown): ByteSource {
  try {
    if (typeof source !== 'object' || source === null || isByteView(source)) throw noSource(source)
    const given = source as Given
    const walk = given[Symbol.asyncIterator]?.() ?? readerOf(given) ?? given[Symbol.iterator]?.()
    if (walk !== undefined) return sourceOf(walk)
    if (typeof given.stream === 'function') return takeSource(given.stream())
  } catch (error) {
    throw unreadableArgument('the source', error)
  }
  throw noSource(source)
}

function readerOf(given: Given): Walk | undefined {
  if (typeof given.getReader !== 'function') return undefined
  const reader = given.getReader()
  return { next: () => reader.read(), return: (reason) => reader.cancel(reason) }
}

function sourceOf(walk: Walk): ByteSource {
  return {
    async next() {
      const { done, value } = (await walk.next()) as IteratorResult<unknown>
      return done === true ? null : ((await value) ?? undefined)
    },
    cancel(reason) {
      try {
        // Its end is not waited for: it may never come.
        Promise.resolve(walk.return?.(reason)).catch(() => undefined)
      } catch {
        // The caller hears of what was wrong before.
      }
    },
  }
}

function noSource(source: unknown): Error {
  const hint = typeof source === 'string' || isByteView(source) ? '; put takes a value that is whole' : ''
  return invalidArgument(`a source is a ReadableStream, an iterable of Uint8Array or a Blob${hint}`)
}
