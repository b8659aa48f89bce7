/**
 * What: the entry of a worker thread. scripts/build.mjs bundles it into exec/worker-source.ts.
 * Thread: worker.
 */
import { serveJobs } from '../exec/index.js'
import { SpareMemory } from '../tables/index.js'
import { vfsFromSpec } from '../vfs/index.js'
import type { VfsSpec } from '../vfs/index.js'
import { jobs } from './jobs.js'
import type { EngineJobContext } from './jobs.js'

serveJobs(jobs, (spec): EngineJobContext => ({ vfs: vfsFromSpec(spec as VfsSpec), spare: new SpareMemory() }))
