/** Rank 1: points in time that readers hold. */
export * from './snapshot-list.js'
