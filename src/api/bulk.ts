/**
 * What: bulk loads as programs ask for them: table files, ingests, loads. Options are read once and checked here.
 */
import {
  checkChoice, checkFlag, invalidArgument, keepAliveUntil, printAs, printedObject, setHidden, systemClock, systemRandom,
  takeOptions,
} from '../base/index.js'
import type { Bytes } from '../base/index.js'
import { readRequiredRange } from '../commit/index.js'
import type { KeyBounds, Lifetime } from '../commit/index.js'
import { resolveOptions } from '../engine/index.js'
import type { Compression, Engine, VarveOptions } from '../engine/index.js'
import { INGEST_MODES } from '../ingest/index.js'
import type { IngestMode, IngestResult, LoadResult, LoadSource, TableFile, TableFileInfo } from '../ingest/index.js'
import { BLOCK_BYTES_DEFAULT } from '../sstable/index.js'
import { tableSettings } from '../tables/index.js'
import { NodeVfs } from '../vfs/index.js'
import type { Vfs } from '../vfs/index.js'
import { checkToolFields, takeToolFields, TOOL_OPTION_NAMES } from './tool-options.js'
import type { ToolOptions } from './tool-options.js'
import { useTools } from './use-tools.js'

/** Options of `Varve.tableWriter`: those of `Varve.open` that matter to a table. */
export interface TableWriterOptions {
  /** With 'lz4' blocks are packed where that saves an eighth or more; default 'none'. */
  compression?: Compression | undefined
  /** Bytes of a table block; 1 KiB to 1 MiB, default as the table format says. */
  blockSize?: number | undefined
  /** The rule of a filter of prefixes; default none. */
  prefixFilter?: VarveOptions['prefixFilter'] | undefined
  /** The file system; on Node the real one. */
  vfs?: Vfs | undefined
}

/** Options of `ingest`. */
export interface IngestOptions extends ToolOptions {
  /** How the files come into the directory of the database; default 'link'. */
  mode?: IngestMode | undefined
  /** Reads and checks every byte of the files first; default true. */
  verify?: boolean | undefined
}

/** Options of `load`. */
export interface LoadOptions extends ToolOptions {
  /** True: the keys come in ascending order, and one that does not ends the load. Default false. */
  sorted?: boolean | undefined
}

const LIFETIME_NAMES = ['ttl', 'expiresAt']

/**
 * Writes a table file outside of any database, for `ingest`: in a process of its own, say. Keys must ascend. Its
 * calls block while they write.
 */
export class TableWriter {
  private declare readonly file: TableFile

  static {
    printAs(this, (writer) => printedObject('TableWriter', { entryCount: writer.entryCount }))
  }

  private constructor(file: TableFile) {
    setHidden(this, { file })
  }

  private static of(file: TableFile): TableWriter {
    return new TableWriter(file)
  }

  /** Entries that were added. */
  get entryCount(): number {
    return this.file.entryCount
  }

  /**
   * Adds an entry. Throws INVALID_ARGUMENT, with the key, unless it is behind the one added last; KEY_TOO_LARGE,
   * VALUE_TOO_LARGE: then nothing was added. NO_SPACE or IO_ERROR: the file is given up.
   */
  add(key: Bytes, value: Bytes, lifetime?: Lifetime): void {
    const take = ({ ttl, expiresAt }: Lifetime): Lifetime => ({ ttl, expiresAt })
    this.file.add(key, value, lifetime === undefined ? {} : takeOptions('add', LIFETIME_NAMES, lifetime, take))
  }

  /**
   * Adds a deletion of what a database has of a range when it ingests the file. Entries of the file itself stay, and
   * ranges may come in any order.
   */
  delRange(range: KeyBounds): void {
    this.file.delRange(readRequiredRange(range))
  }

  /**
   * Completes the file; it is durable under its name when this resolves. Rejects with INVALID_ARGUMENT when nothing was
   * added, NO_SPACE or IO_ERROR.
   */
  async finish(): Promise<TableFileInfo> {
    return keepAliveUntil(systemClock, this.file.finish())
  }

  /** Removes what was written. It has no effect after `finish`. */
  async abort(): Promise<void> {
    await keepAliveUntil(systemClock, this.file.abort())
  }

  /** Removes an unfinished file at the end of an `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.abort()
  }
}

export async function beginTable(path: string, options: TableWriterOptions = {}): Promise<TableWriter> {
  checkPath(path)
  const names = ['compression', 'blockSize', 'prefixFilter', 'vfs']
  const { vfs, ...given } = takeOptions('tableWriter', names, options,
    ({ compression, blockSize, prefixFilter, vfs: own }) => ({ compression, blockSize, prefixFilter, vfs: own }))
  const defined = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
  const resolved = resolveOptions(defined, BLOCK_BYTES_DEFAULT)
  const settings = tableSettings(resolved, 'compaction', { hashSeed: null })
  const call = { vfs: vfs ?? new NodeVfs(), clock: systemClock, random: systemRandom, settings }
  const begun = useTools(null, (tools) => tools.TableFile.begin(path, call))
  return TableWriter['of'](await keepAliveUntil(systemClock, begun))
}

export async function ingest(
  engine: Engine, files: readonly string[], options: IngestOptions = {},
): Promise<IngestResult> {
  if (!Array.isArray(files)) throw invalidArgument('the files to ingest must be an array of paths')
  const paths = Array.from(files as readonly string[], checkPath)
  const { mode = 'link', verify, ...tool } = takeOptions(
    'ingest', ['mode', 'verify', ...TOOL_OPTION_NAMES], options,
    (given) => ({ mode: given.mode, verify: given.verify, ...takeToolFields(given) }))
  checkChoice(mode, 'mode', INGEST_MODES)
  const isVerified = checkFlag(verify, 'verify') ?? true
  const call = { mode, isVerified, ...checkToolFields(tool) }
  return useTools(call.abort, ({ ingestFiles }) => ingestFiles(engine, paths, call))
}

export async function load(engine: Engine, entries: LoadSource, options: LoadOptions = {}): Promise<LoadResult> {
  const isSource = typeof entries === 'object' && entries !== null &&
    (Symbol.iterator in entries || Symbol.asyncIterator in entries)
  if (!isSource) throw invalidArgument('the entries to load must be an iterable, or an async one')
  const { sorted, ...tool } = takeOptions(
    'load', ['sorted', ...TOOL_OPTION_NAMES], options,
    (given) => ({ sorted: given.sorted, ...takeToolFields(given) }))
  const isSorted = checkFlag(sorted, 'sorted') ?? false
  const call = { isSorted, ...checkToolFields(tool) }
  return useTools(call.abort, ({ loadEntries }) => loadEntries(engine, entries, call))
}

function checkPath(path: unknown): string {
  if (typeof path === 'string' && path !== '' && !path.includes('\0')) return path
  throw invalidArgument('the path of a file must be a string')
}
