/** What: the process of one engine and one group: its options come as JSON, its answer goes out as JSON. */
import { engines } from './engines/index.js'
import { groups } from './groups.js'
import type { GroupResult } from './groups.js'
import { Bench } from './workload.js'
import type { RowResult, RunOptions } from './workload.js'

export interface ChildTask {
  engine: string
  group: string
  options: RunOptions
}

export interface ChildAnswer extends GroupResult {
  rows: RowResult[]
  /** The highest resident memory of the process, above what it had before the database was opened. */
  memoryBytes: number
}

async function main(): Promise<void> {
  const task = JSON.parse(process.argv[2]!) as ChildTask
  const engine = engines.find(({ name }) => name === task.engine)!
  const group = groups.find(({ name }) => name === task.group)!
  const bench = new Bench(engine, task.options, group)
  const before = process.memoryUsage.rss()
  const result = (await group.run(bench)) ?? {}
  const memoryBytes = process.resourceUsage().maxRSS * 1024 - before
  const answer: ChildAnswer = { ...result, rows: bench.results, memoryBytes }
  process.stdout.write(JSON.stringify(answer))
}

await main()
