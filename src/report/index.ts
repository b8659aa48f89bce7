/** Rank 1: what tools report: problems, progress, and the pace that they keep. */
export * from './byte-ledger.js'
export * from './pace.js'
export * from './progress.js'
export * from './tool-report.js'
