/**
 * What: the table of background jobs. The worker's entry and the in-thread executor both run these.
 */
import { runSync } from '../base/index.js'
import type { JobTable } from '../exec/index.js'
import { buildTable } from '../flush/index.js'
import { appendGroup } from '../manifest/index.js'
import type { GroupWrite } from '../manifest/index.js'
import { mergeRuns, sortRun } from '../memtable/index.js'
import { compactionRun, deepWalk, loadMerge, loadRun } from '../run/index.js'
import { touchSlab } from '../slab/index.js'
import {
  checkFileJob, checkLogsJob, checkOutsideFile, placeOutsideFile, publishTables, syncFiles, syncOutsideNames,
} from '../tables/index.js'
import type { TableJobContext } from '../tables/index.js'
import { unlinkFiles } from '../versions/index.js'
import type { Vfs } from '../vfs/index.js'
import { asHolder } from './held-jobs.js'

export interface EngineJobContext extends TableJobContext {
  vfs: Vfs
}

function* appendGroupJob(
  input: { dir: string; group: GroupWrite }, { vfs }: EngineJobContext,
): Generator<undefined, number, unknown> {
  return runSync(appendGroup(vfs, input.dir, input.group))
}

/**
 * A pause. Work that is done in pieces on the main thread asks for it between them, so that a caller that polls gets it
 * too.
 */
function* pass(): Generator<undefined, null, unknown> {
  return null
}

export const jobs: JobTable<EngineJobContext> = {
  flushBuild: asHolder(buildTable),
  compactionRun: asHolder(compactionRun),
  publishTables: asHolder(publishTables),
  appendGroup: asHolder(appendGroupJob),
  syncFiles: asHolder(syncFiles),
  unlinkFiles: asHolder(unlinkFiles),
  checkFile: checkFileJob,
  checkLogs: checkLogsJob,
  deepWalk,
  checkOutsideFile: asHolder(checkOutsideFile),
  placeOutsideFile: asHolder(placeOutsideFile),
  syncOutsideNames: asHolder(syncOutsideNames),
  loadRun: asHolder(loadRun),
  loadMerge: asHolder(loadMerge),
  sortRun,
  mergeRuns,
  touchSlab,
  pass,
}
