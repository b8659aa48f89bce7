/** Rank 11: a blob cache as a store of Keyv's. */
export { VarveKeyv } from './varve-keyv.js'
export type { KeyvEntry } from './varve-keyv.js'
