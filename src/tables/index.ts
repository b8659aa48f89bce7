/** Rank 4: the table files of an open database: made, named, opened, kept in memory. */
export { NewTable, tableSettings } from './new-table.js'
export type { NewTableOptions, TableSettings } from './new-table.js'
export { OpenTables } from './open-tables.js'
export { INSTALL_PRIORITY, isDirectoryFailure, namesMade, publish, publishTables, syncFiles } from './publish-tables.js'
export type { PublishTablesInput } from './publish-tables.js'
export { SpareMemory } from './spare-memory.js'
export type { TableJobContext } from './spare-memory.js'
