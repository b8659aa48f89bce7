/**
 * What: a streamed put as callers call it: its options and its source are read once, and checked.
 * Code of the caller runs where options and source are read.
 */
import {
  AbortWatch, checkFlag, copyBytes, invalidArgument, takeOptions, takeSource, VALUE_BYTES_MAX, VarveError,
} from '../base/index.js'
import type { Bytes, ValueSource } from '../base/index.js'
import { checkKey } from '../commit/index.js'
import type { Lifetime } from '../commit/index.js'
import type { Engine } from '../engine/index.js'
import type { PutOptions } from './write-options.js'

/** Options of `putStream`. */
export interface StreamWriteOptions extends PutOptions {
  /** Bytes that the source is going to give. When it gives more or fewer, nothing is stored. */
  length?: number | undefined
  /** Gives the call up while the value is not whole, or not yet on its way into the log: then nothing is stored. */
  signal?: AbortSignal | undefined
}

interface StreamCall {
  sync: boolean | undefined
  lifetime: Lifetime
  length: number | null
  abort: AbortWatch | null
}

/** Reads the options once, and begins to watch the signal. Throws INVALID_ARGUMENT or VALUE_TOO_LARGE. */
function takeStreamWriteOptions(options: StreamWriteOptions): StreamCall {
  const names = ['sync', 'ttl', 'expiresAt', 'length', 'signal']
  const { sync, ttl, expiresAt, length, signal } = takeOptions('putStream', names, options, (given) => ({
    sync: given.sync, ttl: given.ttl, expiresAt: given.expiresAt, length: given.length, signal: given.signal,
  }))
  if (length !== undefined && !(Number.isSafeInteger(length) && length >= 0)) {
    throw invalidArgument('option length must be a whole number from 0 on')
  }
  if (length !== undefined && length > VALUE_BYTES_MAX) {
    throw new VarveError('VALUE_TOO_LARGE', `option length is ${length}, the limit is ${VALUE_BYTES_MAX}`)
  }
  const isSynced = checkFlag(sync, 'sync')
  const abort = signal === undefined ? null : new AbortWatch(signal)
  return { sync: isSynced, lifetime: { ttl, expiresAt }, length: length ?? null, abort }
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
  const { sync = syncByDefault, lifetime, length, abort } = takeStreamWriteOptions(options)
  try {
    checkKey(key)
    const expiryMs = engine.expiry.lifetimes.expiryMs(lifetime)
    const ownKey = copyBytes(key)
    await engine.streams.put({ key: ownKey, source: takeSource(source), sync, expiryMs, length, abort })
  } finally {
    abort?.end()
  }
}
