/** Rank 13: Varve as an abstract-level database. */
export * from './classic-level.js'
export { VarveLevel } from './varve-level.js'
