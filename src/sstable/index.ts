/** Rank 3: one immutable sorted file. */
export { BLOCK_BYTES_DEFAULT, BLOCK_BYTES_MAX, BLOCK_BYTES_MIN } from './block-format.js'
export { readTableFacts } from './table-open.js'
export * from './table.js'
export * from './table-builder.js'
export * from './table-check.js'
export { describeTable } from './table-layout.js'
