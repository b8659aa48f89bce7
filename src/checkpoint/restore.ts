/**
 * What: makes a database of a backup or checkpoint again, in a new directory: each file is checked in full, then all of
 * them are linked or copied, and what comes out begins a history of its own, so that nobody who followed the old one
 * takes the new one for it.
 * Owns: nothing. Thread: main.
 */
import type { Clock, Random } from '../base/index.js'
import { Operations } from '../engine/index.js'
import type { ToolReport } from '../report/index.js'
import type { Vfs } from '../vfs/index.js'
import { readBackup } from './backup-info.js'
import { checkpointDirectory } from './checkpoint.js'
import type { CheckpointCall, CheckpointResult } from './checkpoint-call.js'

/** What a restore did. */
export interface RestoreReport extends ToolReport, CheckpointResult {
  tool: 'restore'
  /** The number of the history that the backup was. */
  parent: string
}

export type RestoreCall = Pick<CheckpointCall, 'mode' | 'abort' | 'onProgress' | 'bytesPerSecond'>

export interface RestorePlace {
  vfs: Vfs
  clock: Clock
  random: Random
  backup: string
}

/** Restores. Throws CORRUPTION for a backup that is damaged, before anything is written. */
export async function restore(
  { vfs, clock, random, backup }: RestorePlace, target: string, call: RestoreCall,
): Promise<RestoreReport> {
  const startedMs = clock.wallMs()
  const place = { vfs, clock, random, dir: backup, operations: new Operations(clock), isCheckedFirst: true }
  const made = await checkpointDirectory(place, target, {
    ...call, logs: 'keep', base: null, verify: call.mode === 'copy',
  })
  const { database, lineage, parent } = await readBackup(vfs, target, 0)
  const checkedBytes = made.linkedBytes + made.copiedBytes
  return {
    tool: 'restore', version: 1, database, lineage, parent, startedMs, ok: true, checkedBytes, files: made.fileCount,
    problems: [], ...made,
  }
}
