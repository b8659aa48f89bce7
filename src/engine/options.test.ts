import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GiB, MiB, systemClock, systemRandom } from '../base/index.js'
import { workersByDefault } from '../exec/index.js'
import { simExecutor } from '../exec/sim-executor.js'
import { MemoryVfs } from '../vfs/index.js'
import { expectError } from '../../test/support/harness/expect-error.js'
import { resolveOptions } from './options.js'
import type { VarveOptions } from './options.js'

const flags = [
  'createIfMissing', 'errorIfExists', 'readOnly', 'manifestSync', 'sync', 'flushOnClose', 'ownBuffers',
  'allowSharedDirectory', 'marks',
] as const
const numbers: Record<string, [min: number, max: number]> = {
  memoryBudget: [MiB, 1024 * 1024 * MiB],
  writeBufferSize: [64 * 1024, 2048 * MiB - 64 * 1024],
  immutablesMax: [1, 64],
  syncIntervalMs: [1, 3_600_000],
  syncBytes: [64 * 1024, 1024 * MiB],
  workers: [0, 16],
  blockCacheSize: [0, 64 * 1024 * MiB],
  blockSize: [1024, MiB],
  maxOpenFiles: [1, 1024 * 1024],
  valueFileBytes: [MiB, 2048 * MiB],
  pinBytesMax: [0, Number.MAX_SAFE_INTEGER],
}
/** Resolves options as in a process that may use 1 GiB. */
const resolve = (options?: unknown) => resolveOptions(options, 4096, GiB)
const refused = (options: unknown, name: string) => {
  const { message } = expectError(() => resolve(options), 'INVALID_ARGUMENT')
  assert.ok(message.includes(name), `${message}: names ${name}`)
}

test('without options, or with undefined ones, the defaults of the manual', () => {
  const { vfs, clock, random, executor, onEvent, ...settings } = resolve()
  const defaults = { vfs: null, clock: systemClock, random: systemRandom, executor: null, onEvent: null }
  assert.deepEqual({ vfs, clock, random, executor, onEvent }, defaults)
  assert.deepEqual(settings, {
    createIfMissing: true, errorIfExists: false, readOnly: false, memoryBudget: 256 * MiB,
    writeBufferSize: 32 * MiB, immutablesMax: 3,
    manifestSync: true, sync: false, syncIntervalMs: 1000, syncBytes: 8 * MiB, workers: workersByDefault(),
    blockCacheSize: 96 * MiB, blockSize: 4096, maxOpenFiles: 1024 * 1024,
    compaction: { style: 'leveled', maxBytes: Infinity },
    compression: { flush: 'none', compaction: 'none' },
    valueThreshold: 4096, garbageRatio: 0.3, valueFileBytes: 256 * MiB,
    ttl: null, ttlGraceMs: 600_000, ttlClosedMaxMs: 400 * 86_400_000,
    pinBytesMax: 1024 * MiB, prefixFilter: '', scrub: null,
    flushOnClose: true, ownBuffers: false, allowSharedDirectory: false, marks: false, onProgress: null,
  })
  assert.deepEqual(resolve({}), resolve())
  const names = [...flags, ...Object.keys(numbers), 'components']
  const allUndefined = Object.fromEntries(names.map((name) => [name, undefined]))
  assert.deepEqual(resolve(allUndefined), resolve())
  assert.ok(Object.isFrozen(resolve()))
})

test('onProgress takes a function and nothing else', () => {
  const onProgress = (): void => undefined
  assert.equal(resolve({ onProgress }).onProgress, onProgress)
  for (const value of [null, {}, 'x', 1]) refused({ onProgress: value }, 'onProgress')
})

test('every flag takes true and false and nothing else', () => {
  for (const name of flags) {
    for (const value of [true, false]) {
      assert.equal(resolve({ [name]: value })[name], value)
    }
    for (const value of [null, 0, 1, '', 'true', {}, [], NaN, 1n, new Boolean(true)]) refused({ [name]: value }, name)
  }
})

test('compression is lz4 or none, for all tables or for those of flushes and of compactions', () => {
  const given = (compression: unknown) => resolve({ compression }).compression
  assert.deepEqual(given('lz4'), { flush: 'lz4', compaction: 'lz4' })
  assert.deepEqual(given('none'), { flush: 'none', compaction: 'none' })
  assert.deepEqual(given({ compaction: 'lz4' }), { flush: 'none', compaction: 'lz4' })
  assert.deepEqual(given({ flush: 'lz4', compaction: undefined }), { flush: 'lz4', compaction: 'none' })
  assert.deepEqual(given({}), { flush: 'none', compaction: 'none' })
  const wrong = ['LZ4', 'snappy', '', 1, true, false, null, ['lz4']]
  for (const value of wrong) refused({ compression: value }, 'compression')
  refused({ compression: { flush: 'zstd' } }, 'compression.flush')
  refused({ compression: { compaction: null } }, 'compression.compaction')
  refused({ compression: { level: 'lz4' } }, 'compression option "level"')
})

test('the threshold of values is 0 or at least 512 bytes, and at most 1 GiB', () => {
  for (const value of [0, 512, 4096, 1024 * MiB]) {
    assert.equal(resolve({ valueThreshold: value }).valueThreshold, value)
  }
  for (const value of [-0, -1, 1, 511, 512.5, 1024 * MiB + 1, NaN, Infinity, null, '4096', true]) {
    refused({ valueThreshold: value }, 'valueThreshold')
  }
})

test('the ratio of garbage is a number from 0.05 to 0.95', () => {
  for (const value of [0.05, 0.5, 0.95]) assert.equal(resolve({ garbageRatio: value }).garbageRatio, value)
  for (const value of [0, 0.049, 0.951, 1, -0.5, NaN, Infinity, null, '0.5', true]) {
    refused({ garbageRatio: value }, 'garbageRatio')
  }
})

test('every number takes integers of its range and nothing else', () => {
  for (const [name, [min, max]] of Object.entries(numbers)) {
    for (const value of [min, max]) {
      const expected = name === 'writeBufferSize' ? Math.ceil(value / 8) * 8 : value
      assert.equal(resolve({ [name]: value })[name as keyof VarveOptions & 'workers'], expected, name)
    }
    const wrong = [
      min - 1, max + 1, -1, -0, min + 0.5, NaN, Infinity, -Infinity,
      String(min), null, true, {}, [min], BigInt(min),
    ]
    for (const value of wrong) {
      if (value === max + 1 && !Number.isSafeInteger(max + 1) && max + 1 === max) continue
      refused({ [name]: value }, name)
    }
  }
  assert.equal(resolve({ writeBufferSize: 65_537 }).writeBufferSize, 65_544, 'slabs end at a multiple of 8')
})

test('an unknown name is refused, also one that every object has', () => {
  const unknown = ['valueTreshold', 'Sync', 'toString', 'constructor', 'hasOwnProperty', '', ' sync', 'x'.repeat(1000)]
  for (const name of unknown) {
    refused({ [name]: true }, name.slice(0, 80))
  }
  refused(JSON.parse('{"__proto__": {"sync": true}}'), '__proto__')
  assert.equal(resolve(Object.create({ sync: true })).sync, true, 'known ones may be inherited')
  assert.equal(({} as { sync?: boolean }).sync, undefined)
})

test('options are an object or nothing', () => {
  for (const options of [null, 1, 'sync', true, [], [{}], () => undefined, Symbol('s')]) refused(options, 'options')
})

test('each option is read once', () => {
  const reads: string[] = []
  const counted = { sync: true, workers: 0, writeBufferSize: 65_536, components: { vfs: new MemoryVfs() } }
  const options = Object.defineProperties({}, Object.fromEntries(Object.entries(counted).map(([name, value]) => [
    name,
    {
      enumerable: true,
      get: () => (reads.push(name), reads.filter((read) => read === name).length > 1 ? 'bad' : value),
    },
  ])))
  const resolved = resolve(options)
  assert.deepEqual(reads.sort(), Object.keys(counted).sort())
  assert.deepEqual([resolved.sync, resolved.workers, resolved.vfs], [true, 0, counted.components.vfs])
})

test('a getter that throws is the cause of the refusal', () => {
  const mine = new RangeError('mine')
  assert.equal(expectError(() => resolve({ get sync() { throw mine } }), 'INVALID_ARGUMENT').cause, mine)
})

test('components are known, and of the right type', () => {
  const vfs = new MemoryVfs()
  const onEvent = () => undefined
  const executor = simExecutor({ seed: 1 })
  const resolved = resolve({ components: { vfs, clock: systemClock, random: systemRandom, executor, onEvent } })
  assert.deepEqual([resolved.vfs, resolved.executor, resolved.onEvent], [vfs, executor, onEvent])
  assert.equal(resolve({ components: { vfs: undefined } }).vfs, null)
  for (const components of [null, 1, 'vfs', true]) refused({ components }, 'components')
  refused({ components: { fs: vfs } }, 'fs')
  for (const name of ['vfs', 'clock', 'random', 'executor', 'onEvent']) {
    const isFunction = name === 'executor' || name === 'onEvent'
    for (const value of [null, 1, 'x', isFunction ? {} : () => undefined]) {
      refused({ components: { [name]: value } }, name)
    }
  }
})

test('readOnly and errorIfExists exclude each other', () => {
  refused({ readOnly: true, errorIfExists: true }, 'errorIfExists')
})
