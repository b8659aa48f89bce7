/** Rank 4: the table files of an open database: made, named, opened, kept in memory. */
export { checkFile, identityOf, nameOfListed } from './file-check.js'
export type {
  FileCheckLevel, FileCheckOptions, FileCheckPart, FileCheckPlace, FileCheckResult, FileProblem, ListedFile,
} from './file-check.js'
export type { NewFileOptions } from './new-file.js'
export { NewStreamedFile } from './new-streamed-file.js'
export { NewTable, tableSettings } from './new-table.js'
export type { NewTableOptions, TableSettings } from './new-table.js'
export { NewValueLogFile } from './new-value-log.js'
export { OpenTables } from './open-tables.js'
export {
  INSTALL_PRIORITY, isDirectoryFailure, namesMade, nameWithoutReplacing, publish, publishTables, syncFiles,
} from './publish-tables.js'
export type { PlannedFile, PublishTablesInput } from './publish-tables.js'
export { JobControl } from './job-control.js'
export { checkOutsideFile, placeOutsideFile, syncOutsideNames } from './outside-files.js'
export type { OutsideCheckInput, OutsidePlaceInput } from './outside-files.js'
export { ReadAhead } from './read-ahead.js'
export type { AheadReader } from './read-ahead.js'
export { SpareMemory } from './spare-memory.js'
export type { TableJobContext } from './spare-memory.js'
export { openValueLog } from './value-log-file.js'
export type { ListedValueLog, OpenValueLog } from './value-log-file.js'
export { cutShort, isRight, readBytesSync, seedAt, ValuePlace, wrongValue } from './value-place.js'
export { OpenValueLogs } from './value-logs.js'
export type { ValueLogView } from './value-logs.js'
