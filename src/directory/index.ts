/** Rank 2: the directory of a database or a cache: whose it is, its lock, and which of its files count. */
export * from './backup-names.js'
export * from './found-directory.js'
export { checkNotForeign } from './foreign-database.js'
export * from './marker.js'
export * from './new-directory.js'
export { removeDirectory, removeFiles } from './remove-files.js'
export { targetOfTemp } from './unfinished.js'
