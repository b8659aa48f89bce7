/** Rank 3: the newest writes in memory. */
export * from './entry-sort.js'
export * from './memtable.js'
export * from './order-jobs.js'
export { WalkUse } from './walk-use.js'
