/** Rank 10: entries out of a database and into one, as streams. */
export { ExportWriter } from './export-writer.js'
export type { ExportOrigin, ExportTotals, LentEntry } from './export-writer.js'
export { ExportReader, readExport } from './export-reader.js'
export type { EntryFacts, ExportEntry } from './export-format.js'
