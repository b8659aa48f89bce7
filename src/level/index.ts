/** Rank 8: Varve as an abstract-level database. */
export type * from './classic-level.js'
export { VarveLevel } from './varve-level.js'
