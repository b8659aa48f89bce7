/** Rank 14: a blob cache as a store of Keyv's. */
export { VarveKeyv, VarveKeyvFive } from './varve-keyv.js'
export type { Keyv5Entry, KeyvEntry } from './varve-keyv.js'
