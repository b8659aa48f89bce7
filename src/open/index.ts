/** Rank 8: the two ways in, to write and to read, and what both find in a directory. */
export { checkNotForeign } from './foreign-database.js'
export { lockFor, openEngine } from './open.js'
export { deleteOrphans, listOrphans } from './orphans.js'
export type { KeptFileInfo } from './orphans.js'
export { findDirectory, makeDirectories, namesIn, syncFoundName } from './prepare-directory.js'
export { openReadOnly } from './read-only.js'
export { collectStats } from './stats-collector.js'
