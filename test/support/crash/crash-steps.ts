/**
 * What: crashes at one named change of the disk, and looks what the next open makes of it.
 */
import assert from 'node:assert/strict'
import { parseFileName } from '../../../src/base/index.js'
import type { DataFileKind } from '../../../src/base/index.js'
import type { Varve } from '../../../src/index.js'
import type { EngineEvent } from '../../../src/index.js'
import type { SimVfs, SurvivalPolicy } from '../../../src/testing.js'
import { checkFiles } from './crash-files.js'
import { readState } from './crash-read.js'
import { matchState } from '../model/oracle.js'
import type { Expectation, Oracle } from '../model/oracle.js'
import { atRest, DIR, openOn } from '../model/workload.js'
import type { OpenOptions, Workload } from '../model/workload.js'

export type Way = SurvivalPolicy | 'kill'

/** A disk as a crash left it, with what must be on it. */
export interface CrashedDisk {
  vfs: SimVfs
  oracle: Oracle
  expected: Expectation
}

/** Makes the machine after a crash now; the workload goes on. */
export function crashNow(w: Workload, way: Way, seed = 1): CrashedDisk {
  const vfs = way === 'kill' ? w.vfs.cloneKilled(seed) : w.vfs.clone(way, seed)
  return { vfs, oracle: w.oracle, expected: w.expect(way === 'kill' ? 'process' : 'power') }
}

/**
 * Runs a part of a program and crashes the machine right after the nth change of its disk whose text matches, in each
 * of the ways. The program goes on to the end of the part.
 */
export async function crashAfter(
  w: Workload, step: RegExp, ways: readonly Way[], run: () => Promise<void>, nth = 1,
): Promise<CrashedDisk[]> {
  const crashed: CrashedDisk[] = []
  let count = 0
  w.vfs.onEffect = (_index, description) => {
    if (!step.test(description) || ++count !== nth) return
    for (const way of ways) crashed.push(crashNow(w, way))
  }
  await run()
  w.vfs.onEffect = null
  assert.equal(crashed.length, ways.length, `no step ${step}`)
  return crashed
}

export interface Reopened {
  db: Varve
  /** The number of batches that are there. */
  matched: number
  /** File names before the open and, when it has nothing left to do, after. */
  before: string[]
  after: string[]
  events: EngineEvent[]
}

/** Opens the database on the disk, and checks for a legal state and for files that nobody needs. */
export async function reopen({ vfs, oracle, expected }: CrashedDisk, options: OpenOptions = {}): Promise<Reopened> {
  const before = vfs.statSync(DIR) === null ? [] : vfs.listSync(DIR).sort()
  const events: EngineEvent[] = []
  const db = await openOn(vfs, { ...options, onEvent: (event) => events.push(event) })
  const matched = matchState(readState(db, oracle.keys, vfs.clock.wallMs()), expected)
  await atRest(vfs, options.settings)
  return { db, matched, before, after: checkFiles(vfs, DIR), events }
}

/** Gives the numbers of the files of one kind among the names. */
export function numbersOf(names: readonly string[], kind: DataFileKind | 'temp'): number[] {
  return names.flatMap((name) => {
    const parsed = parseFileName(name)
    return parsed?.kind === kind ? [parsed.fileNum] : []
  })
}

export function readFile(vfs: SimVfs, name: string): Uint8Array {
  const path = vfs.join(DIR, name)
  const bytes = new Uint8Array(vfs.statSync(path)!.size)
  const file = vfs.openSync(path, 'read')
  file.readSync(bytes, 0, bytes.length, 0)
  file.closeSync()
  return bytes
}

/** Gives what counts of a manifest: without the zeros that are written ahead. Frames end at multiples of 8. */
export function readFrames(vfs: SimVfs, name: string): Uint8Array {
  const bytes = readFile(vfs, name)
  const end = bytes.findLastIndex((byte) => byte !== 0) + 1
  return bytes.slice(0, Math.ceil(end / 8) * 8)
}

/** Writes, cuts and syncs a file, as only a test may. */
export function rewriteFile(vfs: SimVfs, name: string, bytes: Uint8Array): void {
  const path = vfs.join(DIR, name)
  const file = vfs.openSync(path, vfs.statSync(path) === null ? 'create' : 'write')
  file.truncateSync(bytes.length)
  file.writeSync(bytes, 0, bytes.length, 0)
  file.syncSync()
  file.closeSync()
  vfs.syncDirSync(DIR)
}

/** Lets some turns of the machine's event loop pass. */
export async function turns(w: Workload, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise<void>((resolve) => w.vfs.clock.defer(resolve))
}

/** Lets time pass during the call, so that what failed is tried again. */
export async function patiently(w: Workload, call: () => Promise<void>): Promise<void> {
  let isDone = false
  const called = call().finally(() => (isDone = true))
  called.catch(() => undefined) // it is awaited below, after a rejection perhaps
  for (let i = 0; i < 40 && !isDone; i++) await w.vfs.clock.advance(100)
  assert.ok(isDone, 'the call settles')
  await called
}
