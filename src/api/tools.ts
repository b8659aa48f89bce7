/**
 * What: the work behind the calls that most programs never make, or make once: copies, checks, repair, bulk loads,
 * entries as streams. Only use-tools.ts imports this file, when the first of these calls is made.
 */
export { backUp, checkpointDirectory, checkpointEngine, listBackups, restore } from '../checkpoint/index.js'
export { ingestFiles, loadEntries, TableFile } from '../ingest/index.js'
export { repairDirectory } from '../repair/index.js'
export { exportEntries, importDatabase } from '../transfer/index.js'
export { healDirectory, healOpen, scrubDatabase, scrubInBackground, verifyDirectory } from '../verify/index.js'
