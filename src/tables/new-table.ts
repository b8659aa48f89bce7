/**
 * What: one table file while it is written: created, filled through a builder, synced, closed.
 * Owns: the file; `discard` removes it.
 * Does not own: its number and name (given), which entries come, its final name (publish-tables.ts).
 * Thread: worker or main; I/O blocks.
 * States: open → finished (synced in strict mode, closed); discarded from either.
 */
import { hashSeedBytes } from '../base/index.js'
import type { TableFacts } from '../base/index.js'
import type { Version } from '../manifest/index.js'
import { Codec, TableBuilder } from '../sstable/index.js'
import type { BuildBuffer, Replaces, TableBuilderOptions } from '../sstable/index.js'
import { NewFile } from './new-file.js'
import type { NewFileOptions } from './new-file.js'

/** The layout of tables: the same for all that flushes write, and for all that compactions write. */
export type TableSettings = Pick<TableBuilderOptions, 'blockBytes' | 'codec' | 'hashSeed' | 'prefixExtractor'>

interface TableOptions {
  blockSize: number
  compression: Record<TableMaker, 'lz4' | 'none'>
  /** Name of a rule, or empty. */
  prefixFilter: string
}

/** The one place where options of a database become settings of the tables that `maker` writes. */
export function tableSettings(
  { blockSize, compression, prefixFilter }: TableOptions, maker: TableMaker, { hashSeed }: Pick<Version, 'hashSeed'>,
): TableSettings {
  const codec = compression[maker] === 'lz4' ? Codec.packed : Codec.none
  const own = { blockBytes: blockSize, codec, prefixExtractor: prefixFilter }
  return { ...own, ...(hashSeed === null ? {} : { hashSeed: hashSeedBytes(hashSeed) }) }
}

type TableMaker = 'flush' | 'compaction'

export interface NewTableOptions extends NewFileOptions {
  table: TableBuilderOptions
  /** Memory that serves several tables, one after the other; without it the builder makes its own. */
  memory?: BuildBuffer
}

export class NewTable extends NewFile {
  readonly builder: TableBuilder

  /** Makes the file. Throws IO_ERROR when the name is taken. */
  constructor(options: NewTableOptions) {
    super(options)
    this.builder = new TableBuilder(this.file, options.table, options.memory)
  }

  get bytesWritten(): number {
    return this.builder.bytesWritten
  }

  /** Finishes the table, with pauses. Requires: at least one entry. */
  *finish(replaces: Replaces | null): Generator<undefined, TableFacts, unknown> {
    const facts = yield* this.builder.finishing(replaces)
    this.close()
    return facts
  }
}
