/** Rank 5: which files make the database as it goes on: versions, held edits, pins, deletion. */
export { FileDeleter } from './file-deleter.js'
export { HeldEdits } from './held-edits.js'
export { LogPins } from './log-pins.js'
export type { PinInfo, RetainedLog } from './log-pins.js'
export { writeManifest } from './manifest-roll.js'
export type { ManifestPlace } from './manifest-roll.js'
export { unlinkFiles } from './unlink-files.js'
export { VersionSet } from './version-set.js'
