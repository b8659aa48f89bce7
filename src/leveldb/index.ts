/** Rank 9: reads the directories of LevelDB. */
export type * from './level-options.js'
export { readLevelDatabase } from './read-level-database.js'
