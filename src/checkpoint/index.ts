/** Rank 10: copies of a database at one moment: checkpoints, sets of backups, and what is made of them again. */
export type { BackupInfo } from './backup-info.js'
export { backUp, listBackups } from './backup-set.js'
export type { BackupCall, BackupResult, BackupSource } from './backup-set.js'
export { checkpointDirectory, checkpointEngine } from './checkpoint.js'
export { CHECKPOINT_LOGS, CHECKPOINT_MODES } from './checkpoint-call.js'
export type { CheckpointCall, CheckpointLogs, CheckpointMode, CheckpointResult } from './checkpoint-call.js'
export { restore } from './restore.js'
export type { RestoreCall, RestoreReport } from './restore.js'
