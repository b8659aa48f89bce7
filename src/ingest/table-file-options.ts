/**
 * What: what a table writer takes and gives.
 * Thread: main.
 */
import type { Clock, Random } from '../base/index.js'
import type { TableSettings } from '../tables/index.js'
import type { Vfs } from '../vfs/index.js'

/** A table writer's options, checked. */
export interface TableFileCall {
  vfs: Vfs
  clock: Clock
  random: Random
  settings: TableSettings
}

/** What a finished table holds. */
export interface TableFileInfo {
  /** Path of the file. */
  path: string
  /** Bytes of the file. */
  bytes: number
  /** Entries in it. */
  entryCount: number
  /** Range deletes in it, cut at one another's bounds. */
  rangeCount: number
  /** The first key of an entry. */
  smallestKey: Uint8Array
  /** The last key of an entry. */
  largestKey: Uint8Array
}
