/**
 * What: what the writers of all formats have in common, and what the readers have.
 * Thread: main. No I/O.
 */
import type { ExportTotals, LentEntry } from './export-writer.js'

/** The formats of an export. */
export const EXPORT_FORMATS = ['varve', 'jsonl', 'csv'] as const
/** How entries are written: as a varve stream, as lines of JSON, or as a table of cells. */
export type ExportFormat = 'varve' | 'jsonl' | 'csv'

/** Entries in, bytes out. */
export interface EntryWriter {
  /** Adds an entry from where it stands. `expiryMs`: 0 for never. Throws INVALID_ARGUMENT for what cannot be told. */
  addLent(entry: LentEntry, expiryMs: number): void
  /** Writes what tells the end; nothing is added any more. */
  end(): ExportTotals
}

/** An entry as it was read. */
export interface ReadEntry {
  key: Uint8Array
  value: Uint8Array
  /** When the value expires, in milliseconds since 1970; 0 for never. */
  expiryMs: number
}

/** Bytes in, entries out. */
export interface EntryReader {
  /** Takes the next bytes, which are the caller's again when it returns; gives the entries that are whole now. */
  push(bytes: Uint8Array): ReadEntry[]
  /** Gives the last entries. Throws CORRUPTION when the stream has no end. */
  end(): ReadEntry[]
}

/** Hears of a line that is no entry. It throws when that is one too many. */
export type OnBadLine = (problem: { offset: number; bytes: number; message: string }) => void
