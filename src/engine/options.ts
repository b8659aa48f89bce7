/**
 * What: the options of open, checked once and completed.
 * Settings are numbers and choices that make sense on disk; components are parts of the platform.
 * Each is read once, inherited ones too; a field of the object's own that is not known is refused.
 */
import {
  checkChoice, GiB, invalidArgument, KiB, MiB, NUMBER_MAX, OPEN_FILES_MAX, prefixRuleName, systemClock, systemRandom,
  takeOptions, WRITE_BUFFER_BYTES_MAX, WRITE_BUFFER_BYTES_MIN,
} from '../base/index.js'
import type { Clock, PrefixRule, Random } from '../base/index.js'
import { checkTtl } from '../commit/index.js'
import { workersByDefault } from '../exec/index.js'
import type { ExecutorFactory } from '../exec/index.js'
import { COMPACTION_STYLES, GARBAGE_RATIO_DEFAULT } from '../pick/index.js'
import type { CompactionStyle } from '../pick/index.js'
import type { Progress } from '../report/index.js'
import type { EngineEvent } from '../stats/index.js'
import { memoryBytesMax } from '../vfs/index.js'
import type { Vfs } from '../vfs/index.js'
import { planMemory } from './memory-plan.js'
import { boolean, callback, integer, ratio, scrubOption, threshold } from './option-checks.js'
import type { Check, ScrubOption } from './option-checks.js'

/** Parts that Varve is built on; each has a default where the platform has one. */
export interface Components {
  /** The file system; on Node the real one. */
  vfs?: Vfs
  /** Time; on each platform its own. */
  clock?: Clock
  /** Salts, seeds and ids; by default the system's. */
  random?: Random
  /** Runs background work in place of threads; then `workers` says nothing. */
  executor?: ExecutorFactory
  /** Hears of every stage, error and recovery; called in a microtask, its errors are contained. */
  onEvent?: (event: EngineEvent) => void
}

/** What is done to the blocks of tables: LZ4, or nothing. */
export type Compression = 'lz4' | 'none'

/** Options of `open`. An unknown one, or a value of the wrong type or size, is refused. */
export interface VarveOptions {
  /** Make the database when there is none; default true. */
  createIfMissing?: boolean
  /** Refuse to open one that exists; default false. */
  errorIfExists?: boolean
  /** Change nothing and take no lock; works beside a writer; default false. */
  readOnly?: boolean
  /**
   * Bytes that slabs, memtables, tables' indexes and the block cache may take together; 1 MiB to 1 TiB. Default:
   * 160 MiB for writes and a cache that follows the memory of the machine, or what the sizes below need; 256 MiB at
   * least. Sizes that do not fit into it are refused. Writes that wait for room may take as much again, 16 MiB at
   * least. On top come the JavaScript heaps, worker threads and jobs' buffers: docs/design/0018-memory-budget.md.
   */
  memoryBudget?: number
  /**
   * Bytes of one slab, its log and its memtable; 64 KiB to 2 GiB. Default 32 MiB; with a smaller `memoryBudget`
   * what its part for writes allows.
   */
  writeBufferSize?: number
  /** Sealed memtables that may wait for their flush before writers must wait; 1 to 64, default 3. */
  immutablesMax?: number
  /**
   * Default true: each stage of an install is durable before the next. False: tables are installed in memory
   * first and made durable in the background; the logs stay until then, so nothing more can be lost.
   */
  manifestSync?: boolean
  /** Every write waits for the disk; default false. Each call may say otherwise. */
  sync?: boolean
  /** A background sync starts this long after the first unsynced write; 1 to 3,600,000 ms, default 1000. */
  syncIntervalMs?: number
  /** A background sync starts after this many unsynced bytes; 64 KiB to 1 GiB, default 8 MiB. */
  syncBytes?: number
  /**
   * Worker threads that background work may use at once, 0 to 16; 0 does it on the caller's thread in slices. All
   * databases of the process share them. Default 2, or 1 where there are two processors or one.
   */
  workers?: number
  /**
   * Bytes of cached table blocks, at most; 0 to 64 GiB. Default what a given `memoryBudget` leaves, else a sixteenth of
   * the memory of the machine or the container, 96 MiB to 1 GiB. Memory is taken as blocks are read. What tables need
   * for their indexes the cache has less, down to an eighth.
   */
  blockCacheSize?: number
  /** Bytes of a table block; 1 KiB to 1 MiB, default as the table format says. */
  blockSize?: number
  /**
   * With 'lz4' blocks of tables are packed where that saves an eighth or more of them, which takes less space and fewer
   * bytes written, and more time for a read that is not in the cache; default 'none'. Blocks above 64 KiB, and values
   * in value logs, stay as they are. An object says it apart for the tables that flushes write, and for those that
   * compactions write; what it leaves out is 'none'. A table stays as it was written until a compaction writes it anew.
   */
  compression?: Compression | {
    /** What flushes do to the tables that they write. */
    flush?: Compression
    /** What compactions do to the tables that they write. */
    compaction?: Compression
  }
  /**
   * Tables get a filter of the prefixes of their keys, so that a walk over a range whose keys all have one prefix, such
   * as `{ prefix: 'user:42:' }`, does not open the tables that have none of them. A prefix is the first `bytes` bytes
   * of a key, or all up to and with the place where `until` stands for the first, or the `count`-th, time. The default
   * is no filter. A table keeps the one that it was written with, until a compaction writes it anew.
   */
  prefixFilter?: PrefixRule
  /**
   * Files of tables that may be open at once; 1 to 1,048,576. Others are closed and opened again by the next read.
   * Default, and most: nine sixteenths of what the process may have open (`ulimit -n`), 8,192 at most, for all its
   * databases together; where the system does not tell, 1,152.
   */
  maxOpenFiles?: number
  /**
   * A value of this many bytes or more is written once, into a value log, and stays there while tables are merged; 512
   * to 1 GiB, default 4096. 0: values stay in tables.
   */
  valueThreshold?: number
  /**
   * The part of what value logs hold that may be garbage: above it, values are moved out of the worst and their space
   * comes back; 0.05 to 0.95, default 0.3. Less takes less space and writes more. When no write comes, less stays.
   */
  garbageRatio?: number
  /** Bytes of a value log, about; 1 MiB to 2 GiB, default 256 MiB. */
  valueFileBytes?: number
  /**
   * Milliseconds that a value lives about which its put says nothing else: from then on it is not there, and its space
   * comes back by itself. An integer ≥ 1; null, the default: values live for ever. It counts for what is written from
   * now on.
   */
  ttl?: number | null
  /**
   * Milliseconds for which the wall clock must go as the monotonic one does before anything that has expired is
   * destroyed, so that a clock which is wrong for a while hides values and destroys none; 0 to 2^53 - 1, default
   * 600,000.
   */
  ttlGraceMs?: number
  /**
   * A database is believed to have been closed for no longer than this, in milliseconds; 0 to 2^53 - 1, default 400
   * days. When the clock says more, what expired later than that stays until `compact({}, { expired: true })`.
   */
  ttlClosedMaxMs?: number
  /** How tables are merged in the background. */
  compaction?: {
    /**
     * Default 'leveled', which keeps reads fast and space small; docs/compaction.md says when to take another, and each
     * open may. 'tiered' writes less and takes more space; 'lazy' is between them; 'simple' has a fixed number of
     * levels. 'fifo' merges next to nothing, and lets the oldest tables go, with all that is in them, when there are
     * more bytes than `maxBytes`. With 'none' tables are merged only by `compact()`, which then empties value logs,
     * too, and by `collectGarbage()`; reads slow down with each flush.
     */
    style?: CompactionStyle
    /**
     * The bytes of all tables, and of the values that they point to, above which the oldest tables leave; only with the
     * style 'fifo', which needs it. From 1 to 2^53 - 1.
     */
    maxBytes?: number
  }
  /** Bytes of logs that pins may keep; over it the pin with the oldest log is dropped. Default 1 GiB. */
  pinBytesMax?: number
  /**
   * Reads all files again and again in the background, to find bytes that the disk has lost while a backup still has
   * them: a walk over the database begins every `everyMs` (1000 to 2^53 - 1), and reads `bytesPerSecond` at most (from
   * 1). It goes on where it was when the database is opened again. Default false.
   */
  scrub?: false | ScrubOption
  /** Flush memtables on close; default true. Without, the next open replays the log. */
  flushOnClose?: boolean
  /**
   * Gives every key and value that is read an ArrayBuffer of its own, which may then be transferred to another thread;
   * default false: small ones share memory in chunks of 8 KiB, which takes a tenth of the time. Each read may say
   * otherwise.
   */
  ownBuffers?: boolean
  /**
   * True: each flush and compaction sets a `performance.measure`, such as `varve flush #12`, so that it stands beside
   * the event loop in a profiler; default false. The program clears them: `performance.clearMeasures`.
   */
  marks?: boolean
  /**
   * Hears how far the open has come, ten times a second at most: bytes of logs that are read again, and then tables
   * that are written of them. What it throws ends the open.
   */
  onProgress?: (progress: Progress) => void
  /** True: other users may write the directory. By default such a directory is refused. */
  allowSharedDirectory?: boolean
  /** Parts of the platform: file system, time, chance, threads; and the listener of events. */
  components?: Components
}

export interface ResolvedOptions {
  createIfMissing: boolean
  errorIfExists: boolean
  readOnly: boolean
  memoryBudget: number
  writeBufferSize: number
  immutablesMax: number
  manifestSync: boolean
  sync: boolean
  syncIntervalMs: number
  syncBytes: number
  workers: number
  blockCacheSize: number
  blockSize: number
  compression: { flush: Compression; compaction: Compression }
  /** Name of the rule (base/prefix-extractor.ts); empty for none. */
  prefixFilter: string
  maxOpenFiles: number
  valueThreshold: number
  garbageRatio: number
  valueFileBytes: number
  ttl: number | null
  ttlGraceMs: number
  ttlClosedMaxMs: number
  /** `maxBytes` is Infinity where tables do not leave by size. */
  compaction: { style: CompactionStyle; maxBytes: number }
  pinBytesMax: number
  scrub: ScrubOption | null
  flushOnClose: boolean
  ownBuffers: boolean
  allowSharedDirectory: boolean
  marks: boolean
  onProgress: ((progress: Progress) => void) | null
  vfs: Vfs | null
  clock: Clock
  random: Random
  executor: ExecutorFactory | null
  onEvent: ((event: EngineEvent) => void) | null
}

/** Below it, gets and walks lose more by a value log than writes win. */
const VALUE_THRESHOLD_DEFAULT = 4 * KiB
const GRACE_MS_DEFAULT = 600_000
const CLOSED_MS_DEFAULT = 400 * 86_400_000

const compactionOption: Check = (value) => {
  const { style, maxBytes } = takeOptions(
    'compaction', ['style', 'maxBytes'], value as { style?: unknown; maxBytes?: unknown },
    ({ style = 'leveled', maxBytes }) => ({ style, maxBytes }))
  checkChoice(style, 'compaction.style', COMPACTION_STYLES)
  if ((style === 'fifo') !== (maxBytes !== undefined)) {
    const what = style === 'fifo' ? 'is needed by' : 'is only for'
    throw invalidArgument(`option compaction.maxBytes ${what} the style 'fifo'`)
  }
  if (maxBytes !== undefined) integer(1, NUMBER_MAX)(maxBytes, 'compaction.maxBytes')
  return { style, maxBytes: maxBytes ?? Infinity }
}

const UNCOMPRESSED: ResolvedOptions['compression'] = { flush: 'none', compaction: 'none' }
const COMPRESSIONS: readonly Compression[] = ['lz4', 'none']

const compressionOption: Check = (value) => {
  if (typeof value !== 'object') return { flush: codec(value, 'compression'), compaction: value }
  const names = ['flush', 'compaction']
  const fields = takeOptions('compression', names, value as Record<string, unknown>, fieldsOf(names))
  const given = new Map(fields)
  const chosen = (name: string) => codec(given.has(name) ? given.get(name) : 'none', `compression.${name}`)
  return { flush: chosen('flush'), compaction: chosen('compaction') }
}

function codec(value: unknown, name: string): unknown {
  return checkChoice(value, name, COMPRESSIONS)
}

const CHECKS: Record<keyof Omit<VarveOptions, 'components'>, Check> = {
  createIfMissing: boolean,
  errorIfExists: boolean,
  readOnly: boolean,
  memoryBudget: integer(MiB, 1024 * 1024 * MiB),
  writeBufferSize: integer(WRITE_BUFFER_BYTES_MIN, WRITE_BUFFER_BYTES_MAX),
  immutablesMax: integer(1, 64),
  manifestSync: boolean,
  sync: boolean,
  syncIntervalMs: integer(1, 3_600_000),
  syncBytes: integer(64 * KiB, 1024 * MiB),
  workers: integer(0, 16),
  blockCacheSize: integer(0, 64 * 1024 * MiB),
  blockSize: integer(KiB, MiB),
  compression: compressionOption,
  prefixFilter: prefixRuleName,
  maxOpenFiles: integer(1, OPEN_FILES_MAX),
  valueThreshold: threshold,
  garbageRatio: ratio,
  valueFileBytes: integer(MiB, 2 * GiB),
  ttl: (value, name) => value === null ? null : checkTtl(value, name),
  ttlGraceMs: integer(0, Number.MAX_SAFE_INTEGER),
  ttlClosedMaxMs: integer(0, Number.MAX_SAFE_INTEGER),
  compaction: compactionOption,
  pinBytesMax: integer(0, Number.MAX_SAFE_INTEGER),
  scrub: scrubOption,
  flushOnClose: boolean,
  ownBuffers: boolean,
  allowSharedDirectory: boolean,
  marks: boolean,
  onProgress: callback,
}

/** Every name that `open` knows. */
export const OPTION_NAMES: readonly string[] = [...Object.keys(CHECKS), 'components']

/** The type of each component, and its name in messages. */
const PARTS: Record<string, string> = {
  vfs: 'object', clock: 'object', random: 'object', executor: 'function', onEvent: 'function',
}

/**
 * Checks and completes the options. Throws INVALID_ARGUMENT with the option's name; `blockSize` is the default of the
 * table format, `memoryBytes` the memory that the process may use.
 */
export function resolveOptions(
  options: unknown, blockSize: number, memoryBytes: number = memoryBytesMax(),
): ResolvedOptions {
  const given = readOptions(options)
  const components = readComponents(given.get('components'))
  const get = <T>(name: keyof VarveOptions, fallback: T): T => (given.get(name) as T | undefined) ?? fallback
  const immutablesMax = get('immutablesMax', 3)
  const resolved: ResolvedOptions = {
    createIfMissing: get('createIfMissing', true),
    errorIfExists: get('errorIfExists', false),
    readOnly: get('readOnly', false),
    immutablesMax,
    ...planMemory(immutablesMax, {
      memoryBudget: get('memoryBudget', undefined),
      writeBufferSize: get('writeBufferSize', undefined),
      blockCacheSize: get('blockCacheSize', undefined),
    }, memoryBytes),
    manifestSync: get('manifestSync', true),
    sync: get('sync', false),
    syncIntervalMs: get('syncIntervalMs', 1000),
    syncBytes: get('syncBytes', 8 * MiB),
    workers: get('workers', workersByDefault()),
    blockSize: get('blockSize', blockSize),
    compression: get('compression', UNCOMPRESSED) as ResolvedOptions['compression'],
    prefixFilter: get<unknown>('prefixFilter', '') as string,
    maxOpenFiles: get('maxOpenFiles', OPEN_FILES_MAX),
    valueThreshold: get('valueThreshold', VALUE_THRESHOLD_DEFAULT),
    garbageRatio: get('garbageRatio', GARBAGE_RATIO_DEFAULT),
    valueFileBytes: get('valueFileBytes', 256 * MiB),
    ttl: get<number | null>('ttl', null),
    ttlGraceMs: get('ttlGraceMs', GRACE_MS_DEFAULT),
    ttlClosedMaxMs: get('ttlClosedMaxMs', CLOSED_MS_DEFAULT),
    compaction: get<ResolvedOptions['compaction']>('compaction', { style: 'leveled', maxBytes: Infinity }),
    pinBytesMax: get('pinBytesMax', 1024 * MiB),
    scrub: get<ScrubOption | null>('scrub', null),
    flushOnClose: get('flushOnClose', true),
    ownBuffers: get('ownBuffers', false),
    allowSharedDirectory: get('allowSharedDirectory', false),
    marks: get('marks', false),
    onProgress: get<ResolvedOptions['onProgress']>('onProgress', null),
    vfs: components.vfs ?? null,
    clock: components.clock ?? systemClock,
    random: components.random ?? systemRandom,
    executor: components.executor ?? null,
    onEvent: components.onEvent ?? null,
  }
  if (resolved.readOnly && resolved.errorIfExists) {
    throw invalidArgument('options readOnly and errorIfExists exclude each other')
  }
  return Object.freeze(resolved)
}

function readOptions(options: unknown): Map<string, unknown> {
  const given = new Map<string, unknown>()
  if (options === undefined) return given
  const values = takeOptions('open', OPTION_NAMES, options as Record<string, unknown>, fieldsOf(OPTION_NAMES))
  for (const [name, value] of values) {
    given.set(name, name === 'components' ? value : CHECKS[name as keyof typeof CHECKS](value, name))
  }
  return given
}

/** Makes a function that reads those of these fields that are given. */
function fieldsOf(names: readonly string[]): (options: Record<string, unknown>) => [name: string, value: unknown][] {
  return (options) => names.flatMap((name): [string, unknown][] => {
    const value = options[name]
    return value === undefined ? [] : [[name, value]]
  })
}

function readComponents(value: unknown): Components {
  if (value === undefined) return {}
  const names = Object.keys(PARTS)
  const given = takeOptions('components', names, value as Record<string, unknown>, fieldsOf(names))
  for (const [name, component] of given) {
    const expected = PARTS[name]
    if (typeof component !== expected || component === null) {
      throw invalidArgument(`component ${name} must be ${expected === 'object' ? 'an object' : 'a function'}`)
    }
  }
  return Object.fromEntries(given) as Components
}
