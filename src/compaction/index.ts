/** Rank 5: tables into better tables. */
export * from './compaction-pick.js'
export * from './compaction-run.js'
export * from './compaction-settings.js'
export * from './create-picker.js'
export * from './pick-manual.js'
export * from './simulated-writes.js'
export * from './simulation-report.js'
export * from './simulator.js'
