/** The worker's entry of the executor's contract suite. */
import { serveJobs } from '../../src/exec/index.js'
import { testJobs } from './executor-jobs.js'

serveJobs(testJobs, (spec) => {
  if (spec === 'broken') throw new Error('no such context')
  return { name: `made from ${String(spec)}` }
})
