/**
 * What: where a streamed value comes from, as callers give it: streams of the web, async and plain iterables, Blobs.
 * Code of the caller runs where options and source are read, and in both calls of a ByteSource, and nowhere else.
 */
import {
  checkFlag, copyBytes, invalidArgument, isByteView, takeOptions, unreadableArgument, VALUE_BYTES_MAX, VarveError,
} from '../base/index.js'
import type { Bytes } from '../base/index.js'
import { checkKey } from '../commit/index.js'
import { AbortWatch } from '../engine/index.js'
import type { ByteSource, Engine } from '../engine/index.js'
import type { WriteOptions } from './write-options.js'

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

/** Options of `putStream`. */
export interface StreamWriteOptions extends WriteOptions {
  /** Bytes that the source is going to give. When it gives more or fewer, nothing is stored. */
  length?: number | undefined
  /** Gives the call up while the value is not whole, or not yet on its way into the log: then nothing is stored. */
  signal?: AbortSignal | undefined
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

interface StreamCall {
  sync: boolean | undefined
  length: number | null
  abort: AbortWatch | null
}

/** Reads the options once, and begins to watch the signal. Throws INVALID_ARGUMENT or VALUE_TOO_LARGE. */
function takeStreamWriteOptions(options: StreamWriteOptions): StreamCall {
  const names = ['sync', 'length', 'signal']
  const { sync, length, signal } = takeOptions('putStream', names, options, (given) => ({
    sync: given.sync, length: given.length, signal: given.signal,
  }))
  if (length !== undefined && !(Number.isSafeInteger(length) && length >= 0)) {
    throw invalidArgument('option length must be a whole number from 0 on')
  }
  if (length !== undefined && length > VALUE_BYTES_MAX) {
    throw new VarveError('VALUE_TOO_LARGE', `option length is ${length}, the limit is ${VALUE_BYTES_MAX}`)
  }
  const isSynced = checkFlag(sync, 'sync')
  return { sync: isSynced, length: length ?? null, abort: signal === undefined ? null : new AbortWatch(signal) }
}

/** What a caller gives to `putStream`. */
export interface StreamedGiven {
  key: Bytes
  source: ValueSource
  options: StreamWriteOptions | undefined
}

/** Puts what a caller gives; `Varve.putStream` tells of it. */
export async function putStream(
  engine: Engine, { key, source, options = {} }: StreamedGiven, syncByDefault: boolean,
): Promise<void> {
  const { sync = syncByDefault, length, abort } = takeStreamWriteOptions(options)
  try {
    checkKey(key)
    const ownKey = copyBytes(key)
    await engine.streams.put({ key: ownKey, source: takeSource(source), sync, length, abort })
  } finally {
    abort?.end()
  }
}
