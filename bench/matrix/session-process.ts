/** What: the process of one session: its task comes as JSON, its answer goes out as JSON. */
import { directoryBytes } from '../disk-usage.js'
import { engines } from '../engines/index.js'
import type { DataSet } from './data-set.js'
import { Entries } from './entries.js'
import { load } from './load.js'
import type { LoadResult } from './load.js'
import { runSession } from './sessions.js'
import type { Course, SessionName, SessionRows } from './sessions.js'
import { Subject } from './subject.js'

export interface SessionTask extends Course {
  engine: string
  session: SessionName
  set: DataSet
  /** The number of entries that the database has when the session begins. */
  entryCount: number
}

export interface SessionAnswer extends SessionRows {
  load?: LoadResult
  /** Milliseconds of `open`, and from there to the answer of the first get. */
  openMs: number
  firstGetMs: number
  /** The highest resident memory of the process above what it had before the database was opened. */
  memoryBytes: number
  /** Bytes of the directory after the last close. */
  keptBytes: number
}

async function main(task: SessionTask): Promise<SessionAnswer> {
  const engine = engines.find(({ name }) => name === task.engine)!
  const entries = new Entries(task.set)
  const subject = new Subject(engine, task.dir, entries, task.entryCount)
  const firstKey = entries.key(Math.floor(task.set.entryCount / 3))
  const memoryBefore = process.memoryUsage.rss()
  const startMs = performance.now()
  await subject.open()
  const openMs = performance.now() - startMs
  subject.use(await subject.store.get(firstKey))
  const firstGetMs = performance.now() - startMs - openMs
  const loaded = task.session === 'load' ? await load(subject) : undefined
  const { rows, writerPart } =
    loaded === undefined ? await runSession(task.session, subject, task) : { rows: [loaded.row], writerPart: undefined }
  const memoryBytes = process.resourceUsage().maxRSS * 1024 - memoryBefore
  await subject.check()
  await subject.close()
  return {
    rows, openMs, firstGetMs, memoryBytes, keptBytes: directoryBytes(task.dir),
    ...(loaded === undefined ? {} : { load: loaded }), ...(writerPart === undefined ? {} : { writerPart }),
  }
}

process.stdout.write(JSON.stringify(await main(JSON.parse(process.argv[2]!) as SessionTask)))
