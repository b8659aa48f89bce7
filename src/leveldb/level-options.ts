/**
 * What: what reading a LevelDB directory takes and gives.
 * Thread: main.
 */
import type { AbortWatch, Clock } from '../base/index.js'
import type { ProgressMeter } from '../report/index.js'
import type { Codec, CodecName } from '../vfs/index.js'

/** One live entry. Both arrays are the receiver's own: their bytes do not change any more. */
export interface LevelEntry {
  key: Uint8Array
  value: Uint8Array
}

export interface LevelReadOptions {
  clock: Clock
  /** Takes a database in another order than the bytewise one too; its entries are sorted bytewise. Default false. */
  anyComparator?: boolean | undefined
  /** Watches the caller's signal; whoever calls ends the watch. */
  abort?: AbortWatch | null
  /** Hears of bytes read from files, of which it is given the total, and of entries that left. */
  meter?: ProgressMeter | null
  /** Bytes of logs, and of what is to be sorted, that stand in memory at once. Default 64 MiB. */
  sortBytes?: number
  /** The codecs for blocks that are packed with deflate and zstd. Default: those of the platform. */
  codecOf?: (name: CodecName) => Codec | null
}

/** What was read. It counts on while the chunks are taken, and is whole when they have ended. */
export interface LevelReadReport {
  /** The name of the order of keys that the directory gives. */
  comparator: string
  /** Entries that are live. */
  entries: number
  /** Bytes of their keys and values. */
  entryBytes: number
  /** Entries in files: live ones, older versions and deletions. */
  storedEntries: number
  /** Tables that the manifest lists. */
  tables: number
  /** Logs whose entries stand in no table yet. */
  logs: number
  /** Bytes read from files. */
  readBytes: number
  /** Sentences about what a person should know: the end of a torn log, another order of keys. */
  notes: string[]
}

export interface LevelReading {
  /** Live entries in ascending bytewise order, each key once, in arrays that have at least one. */
  readonly chunks: AsyncGenerator<LevelEntry[], void, undefined>
  readonly report: LevelReadReport
}
