/**
 * What: what one process does with one data set and one engine. A session that only reads works on the loaded
 * directory; one that writes works on a copy of it.
 *
 * - `load` writes the entries of the set, waits for rest, and gives what that cost.
 * - `read` reads the loaded set, warmed up; `read zipf` asks for few entries often.
 * - `live` writes many entries anew, then reads at once ("written"), two seconds after ("rested"), and beside a writer
 *   ("writing").
 * - `cold` reads when nothing of the files is in the system's page cache.
 * - `write` writes entries anew in three ways.
 * - `ycsb` runs the six mixes.
 */
import { setTimeout } from 'node:timers/promises'
import { BackgroundWriter } from './background-writer.js'
import { BASE } from './data-set.js'
import type { Skew } from './draws.js'
import { measure, warmUp } from './measure.js'
import type { Operations, RowResult } from './measure.js'
import { dropFromPageCache } from './page-cache.js'
import * as rows from './rows.js'
import { ROW } from './rows.js'
import type { Subject } from './subject.js'
import { MIXES, mix } from './ycsb.js'

export const SESSIONS = ['load', 'read', 'read zipf', 'live', 'cold', 'write', 'ycsb'] as const
export type SessionName = (typeof SESSIONS)[number]

/** Sessions that change the database, so each works on a copy. */
export const WRITING_SESSIONS: readonly SessionName[] = ['live', 'write', 'ycsb']

export interface Course {
  /** How long a row is measured, and how long it is warmed up before. */
  seconds: number
  warmSeconds: number
  /** The directory of the database. */
  dir: string
}

export interface SessionRows {
  rows: RowResult[]
  /** The part of its pace that the writer beside the reads kept. */
  writerPart?: number
}

/** A full scan of more takes too long. */
const SCANNED_MAX = 2_500_000
/** Written anew before the first row of `live`, and before each of its other rows. */
const BURST = 300_000
const NEXT_BURST = 30_000
/** Sets of large values have fewer entries written anew: as many as take these bytes. */
const BURST_BYTES = BURST * 116
const RESTED_MS = 2000

type Row = [name: string, operations: Operations | undefined]

function readRows(subject: Subject, skew: Skew): Row[] {
  const draw = subject.draw(skew, 'reads')
  const isBase = subject.entries.set.name === BASE
  const all: Row[] = [
    [ROW.get, rows.get(subject, draw)],
    [ROW.getSync, rows.getSync(subject, draw)],
    [ROW.getAbsent, isBase ? rows.getAbsent(subject, draw) : undefined],
    [ROW.getMany, isBase ? rows.getMany(subject, draw) : undefined],
    [ROW.seek10, rows.seek(subject, draw, 10)],
    [ROW.seek100, isBase ? rows.seek(subject, draw, 100) : undefined],
  ]
  return all.filter(([, operations]) => operations !== undefined)
}

/** Gives the scan, too, where it does not take too long. */
function withScan(subject: Subject, list: Row[]): Row[] {
  return subject.entryCount > SCANNED_MAX ? list : [...list, [ROW.scan, rows.scan(subject)]]
}

async function measureAll(list: readonly Row[], state: string, { seconds, warmSeconds }: Course): Promise<RowResult[]> {
  const results: RowResult[] = []
  for (const [row, operations] of list) {
    if (operations === undefined) continue
    if (warmSeconds > 0) await warmUp(operations, warmSeconds)
    results.push(await measure({ state, row }, operations, seconds))
  }
  return results
}

async function read(subject: Subject, course: Course, skew: Skew): Promise<SessionRows> {
  const state = skew === 'uniform' ? 'loaded' : 'loaded, zipf'
  return { rows: await measureAll(withScan(subject, readRows(subject, skew)), state, course) }
}

async function live(subject: Subject, course: Course): Promise<SessionRows> {
  const draw = subject.draw('uniform', 'live')
  const { valueBytes } = subject.entries.set
  const part = Math.min(1, BURST_BYTES / (valueBytes + 16) / BURST, subject.entryCount / BURST)
  const list: Row[] = [[ROW.get, rows.get(subject, draw)], [ROW.seek10, rows.seek(subject, draw, 10)]]
  for (const [, operations] of list) if (operations !== undefined) await warmUp(operations, course.warmSeconds)
  const steady = { ...course, warmSeconds: 0 }
  const results: RowResult[] = []
  for (const [at, row] of withScan(subject, list).entries()) {
    await subject.overwrite(draw, Math.ceil(part * (at === 0 ? BURST : NEXT_BURST)))
    results.push(...await measureAll([row], 'written', steady))
  }
  await setTimeout(RESTED_MS)
  results.push(...await measureAll(withScan(subject, list), 'rested', steady))
  const writer = new BackgroundWriter(subject, draw)
  results.push(...await measureAll(list, 'writing', steady))
  const writerPart = await writer.stop()
  return { rows: results, writerPart }
}

/** Gives no rows where the page cache cannot be emptied. */
async function cold(subject: Subject, course: Course): Promise<SessionRows> {
  const draw = subject.draw('uniform', 'cold')
  const results: RowResult[] = []
  const makers: [string, () => Operations][] = [
    [ROW.get, () => rows.get(subject, draw)], [ROW.seek10, () => rows.seek(subject, draw, 10)],
  ]
  for (const [row, make] of makers) {
    await warmUp(make(), course.warmSeconds)
    await subject.close()
    const isCold = dropFromPageCache(course.dir)
    await subject.open()
    if (isCold) results.push(...await measureAll([[row, make()]], 'cold', { ...course, warmSeconds: 0 }))
  }
  return { rows: results }
}

async function write(subject: Subject, course: Course): Promise<SessionRows> {
  const draw = subject.draw('uniform', 'write')
  const list: Row[] = [[ROW.overwrite, rows.overwrite(subject, draw)], [ROW.put, rows.put(subject, draw)]]
  const results = await measureAll(list, 'loaded', course)
  results.push(...await measureAll([[ROW.putMany, rows.putMany(subject, draw)]], 'loaded', course))
  return { rows: results }
}

async function ycsb(subject: Subject, course: Course): Promise<SessionRows> {
  const results: RowResult[] = []
  for (const one of MIXES) results.push(...await measureAll([[one.row, mix(subject, one)]], 'loaded, zipf', course))
  return { rows: results }
}

/** Runs any session but `load` on a database that is open. */
export async function runSession(name: SessionName, subject: Subject, course: Course): Promise<SessionRows> {
  if (name === 'live') return live(subject, course)
  if (name === 'cold') return cold(subject, course)
  if (name === 'write') return write(subject, course)
  if (name === 'ycsb') return ycsb(subject, course)
  return read(subject, course, name === 'read zipf' ? 'zipf' : 'uniform')
}
