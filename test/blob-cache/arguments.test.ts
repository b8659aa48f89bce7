/** Each wrong option, key and value of each call is refused by name, before anything is done or changed. */
import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { describe, it } from 'node:test'
import { BlobCache } from '../../src/blob-cache.js'
import type {
  BlobCacheComponents, BlobCacheOptions, BlobGetOrSetOptions, BlobKeysOptions, BlobPurge, BlobPutOptions,
  BlobReadOptions, BlobStreamOptions, BlobValue, BlobWriteOptions,
} from '../../src/blob-cache.js'
import { VarveError } from '../../src/index.js'
import type { Bytes, ErrorCode } from '../../src/index.js'
import { MemoryVfs } from '../../src/testing.js'
import { openPublicCache } from '../support/blob-cache/public-cache.js'
import { recordCalls } from '../support/fakes/watched-vfs.js'

const MAX_BYTES = 2 ** 26

/** Values of every kind. Undefined is none of them: it stands for an option that is not given. */
const VALUES = {
  null: null, zero: 0, five: 5, minus: -1, half: 1.5, nan: NaN, infinity: Infinity, 'a big integer': 5n,
  text: 'x', 'no text': '', true: true, false: false, symbol: Symbol('x'), function: () => undefined,
  object: {}, array: [], date: new Date(), bytes: new Uint8Array(2), numbers: new Uint16Array(2),
} as const
type Kind = keyof typeof VALUES
const ABSENT: [kind: string, value: unknown][] = [['nothing', undefined]]

const NUMBERS: Kind[] = ['zero', 'five', 'half', 'infinity']
const OFFSETS: Kind[] = ['zero', 'five']
const FLAGS: Kind[] = ['true', 'false']

/** The table has for each option the kinds of values that it may have. Every other kind is wrong. */
const PUT: Record<keyof BlobPutOptions, Kind[]> = {
  durability: [], ttl: NUMBERS, expiresAt: NUMBERS, version: ['five'], namespace: ['text'], size: OFFSETS,
  checksum: OFFSETS, meta: ['text', 'no text', 'bytes'], compress: FLAGS, signal: [],
}
const GET: Record<keyof BlobReadOptions, Kind[]> = { start: OFFSETS, end: OFFSETS }
const STREAM: Record<keyof BlobStreamOptions, Kind[]> = { ...GET, signal: [] }
const KEYS: Record<keyof BlobKeysOptions, Kind[]> = {
  prefix: ['text', 'no text', 'bytes'], namespace: ['text'], order: [],
}
const PURGE: Record<keyof BlobPurge, Kind[]> = { namespace: ['text'], all: ['true'] }
const WRITE: Record<keyof BlobWriteOptions, Kind[]> = { durability: [] }
const GET_OR_SET: Record<keyof BlobGetOrSetOptions, Kind[]> = {
  durability: [], ttl: NUMBERS, staleWhileRevalidate: NUMBERS, staleIfError: NUMBERS, namespace: ['text'], signal: [],
}
const OPEN: Record<keyof BlobCacheOptions, Kind[]> = {
  maxBytes: [], maxBlobBytes: OFFSETS, durability: [], compression: [], keyIndex: FLAGS, whenLocked: [],
  onEvent: ['function'], components: ['object', 'date'],
}
const COMPONENTS: Record<keyof BlobCacheComponents, Kind[]> = { vfs: [], clock: [], random: [] }

type Call = (options: never) => unknown

function callsOf(cache: BlobCache): Record<string, { options: Record<string, Kind[]>; call: Call }> {
  const list = async (options: BlobKeysOptions) => {
    for await (const key of cache.keys(options)) assert.ok(key)
  }
  return {
    put: { options: PUT, call: (options: BlobPutOptions) => cache.put('k', 'new', options) },
    get: { options: GET, call: (options: BlobReadOptions) => cache.get('k', options) },
    getInto: { options: GET, call: (options: BlobReadOptions) => cache.getInto('k', new Uint8Array(2), options) },
    getStream: { options: STREAM, call: (options: BlobStreamOptions) => cache.getStream('k', options) },
    keys: { options: KEYS, call: list },
    'purge, what': { options: PURGE, call: (what: BlobPurge) => cache.purge(what) },
    purge: { options: WRITE, call: (options: BlobWriteOptions) => cache.purge({ all: true }, options) },
    delete: { options: WRITE, call: (options: BlobWriteOptions) => cache.delete('k', options) },
    getOrSet: {
      options: GET_OR_SET, call: (options: BlobGetOrSetOptions) => cache.getOrSet('new', () => 'v', options),
    },
  }
}

function wrongValues(right: readonly Kind[]): [kind: string, value: unknown][] {
  return Object.entries(VALUES).filter(([kind]) => !right.includes(kind as Kind))
}

/** Expects that a call throws or rejects with this code; `about` is in the message, or says what was called. */
async function refused(
  call: () => unknown, code: ErrorCode = 'INVALID_ARGUMENT', about: string | RegExp = '',
): Promise<VarveError> {
  try {
    await call()
  } catch (error) {
    if (!VarveError.is(error)) throw error
    assert.equal(error.code, code, `${error.message} (${about})`)
    if (about instanceof RegExp) assert.match(error.message, about)
    return error
  }
  return assert.fail(`no error: ${about}`)
}

/** Calls with each wrong value of each option; the error has the name of the option in it. */
async function refuseOptions(call: Call, options: Record<string, readonly Kind[]>): Promise<number> {
  let count = 0
  for (const [name, right] of Object.entries(options)) {
    for (const [kind, value] of wrongValues(right)) {
      const error = await refused(() => call({ [name]: value } as never), 'INVALID_ARGUMENT', `${name}: ${kind}`)
      assert.ok(error.message.includes(name), `${name}: ${kind}: ${error.message}`)
      count++
    }
  }
  return count
}

describe('wrong arguments', () => {
  it('of open change nothing: not one call of the file system is made', async () => {
    const calls: string[] = []
    const vfs = recordCalls(new MemoryVfs(), calls)
    const right = { maxBytes: MAX_BYTES, components: { vfs } }
    const open = (options: object) => BlobCache.open('/cache', { ...right, ...options })
    const rebuild = (options: object) => BlobCache.rebuild('/cache', { ...right, ...options })
    for (const call of [open, rebuild]) {
      assert.ok(await refuseOptions(call, OPEN) > 100)
      await refuseOptions((parts: object) => call({ components: { vfs, ...parts } }), COMPONENTS)
      await refused(() => call({ maxByte: 5 }), 'INVALID_ARGUMENT', /"maxByte"/)
      await refused(() => call({ maxBytes: 2 ** 25 - 1 }), 'INVALID_ARGUMENT', /33554432 or more/)
      await refused(() => call({ maxBlobBytes: MAX_BYTES / 4 }), 'INVALID_ARGUMENT', /at most 15728640/)
    }
    for (const place of [...wrongValues(['text']).map(([, value]) => value), 'a\0b', undefined]) {
      await refused(() => BlobCache.open(place as never, { maxBytes: MAX_BYTES }), 'INVALID_ARGUMENT', /location/)
      await refused(() => BlobCache.rebuild(place as never, { maxBytes: MAX_BYTES }), 'INVALID_ARGUMENT', /location/)
    }
    assert.deepEqual(calls, [])
  })

  it('of every other call neither, and what is there stays', async () => {
    const calls: string[] = []
    const cache = await openPublicCache({}, recordCalls(new MemoryVfs(), calls))
    await cache.put('k', 'old')
    const before = cache.stats()
    calls.length = 0
    for (const [name, { options, call }] of Object.entries(callsOf(cache))) {
      await refuseOptions(call, options)
      for (const [kind, value] of wrongValues(['object', 'date', 'array', 'bytes', 'numbers'])) {
        await refused(() => call(value as never), 'INVALID_ARGUMENT', `${name}: ${kind}`)
      }
      await refused(() => call({ unknown: 1 } as never), 'INVALID_ARGUMENT', /"unknown"/)
    }
    await refused(() => cache.put('k', 'v', { ttl: 5, expiresAt: 5 }), 'INVALID_ARGUMENT', /ttl or expiresAt/)
    await refused(() => cache.put('k', 'v', { meta: new Uint8Array(60_001) }), 'INVALID_ARGUMENT', /60000/)
    await refused(() => cache.get('k', { start: 2, end: 1 }), 'INVALID_ARGUMENT', /below start/)
    await refused(() => cache.purge({ all: true, namespace: 'a' } as never), 'INVALID_ARGUMENT')
    assert.deepEqual(calls, [])
    assert.deepEqual({ ...cache.stats(), stages: 0 }, { ...before, stages: 0 })
    assert.equal(new TextDecoder().decode(await cache.get('k')), 'old')
    await cache.close()
  })

  it('keys, values, targets and loads', async () => {
    const cache = await openPublicCache()
    const keyed: Record<string, (key: Bytes) => unknown> = {
      put: (key) => cache.put(key, 'v'), get: (key) => cache.get(key), has: (key) => cache.has(key),
      getInto: (key) => cache.getInto(key, new Uint8Array(2)), getStream: (key) => cache.getStream(key),
      getEntry: (key) => cache.getEntry(key), mayHave: (key) => cache.mayHave(key),
      delete: (key) => cache.delete(key), getOrSet: (key) => cache.getOrSet(key, () => 'v'),
    }
    const lost = new Uint8Array(3)
    structuredClone(lost.buffer, { transfer: [lost.buffer] })
    for (const [name, call] of Object.entries(keyed)) {
      for (const [kind, key] of [...wrongValues(['text', 'bytes']), ...ABSENT, ['lost bytes', lost]] as const) {
        const error = await refused(() => call(key as never), 'INVALID_ARGUMENT', `${name}: ${kind}`)
        assert.match(error.message, /key/)
      }
      await refused(() => call('x'.repeat(65_536)), 'KEY_TOO_LARGE', name)
    }
    for (const [kind, value] of [...wrongValues(['text', 'no text', 'bytes', 'array']), ...ABSENT]) {
      await refused(() => cache.put('k', value as BlobValue), 'INVALID_ARGUMENT', `value: ${kind}`)
      await refused(() => cache.getOrSet('k', () => value as string), 'INVALID_ARGUMENT', `load gives: ${kind}`)
    }
    for (const [kind, value] of wrongValues(['bytes'])) {
      await refused(() => cache.getInto('k', value as Uint8Array), 'INVALID_ARGUMENT', `target: ${kind}`)
    }
    for (const [kind, value] of wrongValues(['function'])) {
      await refused(() => cache.getOrSet('k', value as () => string), 'INVALID_ARGUMENT', `load: ${kind}`)
    }
    assert.equal(cache.stats().items, 0)
    await cache.close()
  })
})

it('a value whose bytes are not as many as `size` says is not stored, whatever it is', async () => {
  const cache = await openPublicCache()
  const values: BlobValue[] = [
    'four', new Uint8Array(4), new Uint8Array(2 ** 20), [new Uint8Array(4)], new Blob(['four']),
    new Blob(['four']).stream(),
  ]
  for (const value of values) {
    assert.deepEqual(await cache.put('k', value, { size: 5 }), { stored: false, reason: 'size' })
  }
  for (const value of ['five!', new Uint8Array(5), new Blob(['five!'])]) {
    assert.deepEqual(await cache.put('k', value, { size: 5 }), { stored: true })
  }
  await cache.close()
})

it('a call that is refused, or finds nothing, leaves no listener on its signal', async () => {
  const cache = await openPublicCache()
  const { signal } = new AbortController()
  await refused(() => cache.put('k', 5 as never, { signal }), 'INVALID_ARGUMENT')
  assert.equal(await cache.getStream('k', { signal }), undefined)
  await cache.put('k', 'value', { signal })
  await cache.put('empty', '')
  for (const key of ['k', 'empty']) {
    const stream = await cache.getStream(key, { signal })
    for await (const piece of stream!) assert.equal(piece.length, 5)
  }
  await (await cache.getStream('k', { signal }))!.cancel()
  await cache.close()
  await refused(() => cache.getStream('k', { signal }), 'CLOSED')
  assert.deepEqual(getEventListeners(signal, 'abort'), [])
})

it('a signal breaks off a stream before it is read, small or large, with its reason', async () => {
  const cache = await openPublicCache()
  await cache.put('small', 'value')
  await cache.put('large', new Uint8Array(5 * 2 ** 20))
  for (const key of ['small', 'large']) {
    const abort = new AbortController()
    const stream = await cache.getStream(key, { signal: abort.signal })
    const reason = new Error('enough')
    abort.abort(reason)
    await assert.rejects(stream!.getReader().read(), reason)
    await assert.rejects(cache.getStream(key, { signal: abort.signal }), reason)
  }
  await cache.close()
})

it('a cache is printed as what it is, and copied as nothing', async () => {
  const cache = await openPublicCache()
  const { inspect } = await import('node:util')
  assert.match(inspect(cache), /^BlobCache { state: 'OK', items: 0, usedBytes: \d+, maxBytes: 67108864 }$/)
  assert.equal(JSON.stringify(cache), '{}')
  await cache[Symbol.asyncDispose]()
  await refused(() => cache.get('k'), 'CLOSED')
})
