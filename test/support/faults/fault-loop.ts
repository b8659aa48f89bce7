/**
 * What: one small program, run once for each of its calls to the file system with a fault at that call. After each run:
 * errors have the right codes, the state is the one that the failed operation asks for, reads go on, and no reopen
 * shows anything illegal. (reliability.md S02, S03; SQLite's error loops)
 */
import assert from 'node:assert/strict'
import { VarveError } from '../../../src/index.js'
import type { EngineEvent, Stats } from '../../../src/index.js'
import type { ActiveFault, FaultRule, OpKind, SimVfs } from '../../../src/testing.js'
import { checkFiles, guardFiles } from '../crash/crash-files.js'
import { crashNow, patiently, reopen } from '../crash/crash-steps.js'
import type { Way } from '../crash/crash-steps.js'
import { Draw } from '../harness/share.js'
import { DIR, Workload } from '../model/workload.js'
import type { Settings } from '../model/workload.js'

/** Fills, syncs, flushes, rotates and writes on, whatever fails. */
async function runProgram(w: Workload): Promise<void> {
  await w.put('a', 300)
  await w.batch([{ key: 'b', length: 500 }, { key: 'a', length: null }], { sync: true })
  await Promise.all([w.put('c', 200), w.put('d', 200, { sync: true }), w.del('b')])
  await patiently(w, () => w.flush())
  for (let i = 0; i < 7; i++) await w.put(`big${i}`, 10_000)
  w.putSync('e', 100, { sync: true })
  await patiently(w, () => w.sync())
  await w.put('f', 100)
}

export interface FaultProgram {
  /** Runs before the faults: another program's loop has these calls. */
  before?: (w: Workload) => Promise<void>
  /** The program; it goes on whatever fails. */
  run: (w: Workload) => Promise<void>
  /** Checks an open database. */
  after?: (w: Workload) => Promise<unknown>
}

const writeProgram: FaultProgram = { run: runProgram, after: checkNothingLeft }

/** Checks that what still works has removed what failed calls left, without an open. True when it works. */
export async function checkNothingLeft(w: Workload): Promise<boolean> {
  await w.vfs.clock.advance(12_000) // what could not be deleted is tried again
  await w.vfs.settled()
  if (w.db.stats().database.state !== 'OPEN') return false
  const copy = w.vfs.cloneKilled(1)
  copy.clearFaults()
  checkFiles(copy, DIR)
  return true
}

type DatabaseState = Stats['database']['state']

export interface FaultRun {
  /** The fault, without the call that it meets. */
  rule: Omit<FaultRule, 'op'>
  settings?: Settings
  /** The program, in place of one that writes and flushes. */
  program?: FaultProgram
  /** True when a sync lost data: what was acknowledged without a sync may be lost with the process too. */
  losesUnsynced?: boolean
  /** True when a sync may lie: only the form of the state is checked. */
  syncLies?: boolean
  /** The crashes after the run. */
  ways?: readonly Way[]
}

/** Codes that a disk which lied may cause. */
const LOSSES = new Set(['CORRUPTION', 'MISSING_FILE', 'MISSING_MARKER'])

export interface FaultOutcome {
  op: string
  openError: string | null
  errors: string[]
  state: DatabaseState
  events: EngineEvent[]
}

/** Gives the numbers, from 1 on, of the calls in the program that match the rule when there is no fault. */
async function callsOf({ rule, settings = {}, program = writeProgram }: FaultRun): Promise<number[]> {
  const w = new Workload({ seed: 29, settings })
  const { lines } = w.vfs.recordOps(DIR)
  await w.open()
  await program.before?.(w)
  const first = program.before === undefined ? 1 : w.vfs.opCount + 1
  await program.run(w)
  await patiently(w, () => w.close())
  const kinds = rule.kind === undefined ? null : [rule.kind].flat()
  const isMeant = (op: number) => {
    const kind = lines[op - 1]!.split(' ')[0] as OpKind
    return kinds === null || kinds.includes(kind) || (kind === 'dataSync' && kinds.includes('sync'))
  }
  return Array.from({ length: w.vfs.opCount - first + 1 }, (_, i) => first + i).filter(isMeant)
}

/** Runs the program with the fault at call `op`; checks what must be true whatever the fault was. */
async function runWithFault(op: number, run: FaultRun): Promise<FaultOutcome> {
  const { rule, settings, syncLies, program = writeProgram } = run
  const events: EngineEvent[] = []
  const problems: string[] = []
  const w = new Workload({
    seed: 29, toleratesErrors: true, onEvent: (event) => events.push(event),
    ...(settings === undefined ? {} : { settings }),
    onMachine: (vfs) => (syncLies === true ? undefined : guardFiles(vfs, DIR, problems)),
  })
  const fault = w.vfs.addFault({ ...rule, op })
  const record = w.vfs.recordOps(DIR)
  const openError = await tryOpen(w)
  let state: DatabaseState = 'CLOSED'
  if (openError === null) {
    await program.before?.(w)
    await program.run(w)
    await program.after?.(w)
    state = w.db.stats().database.state
    checkReadsBeside(w, fault)
    await checkOpen(w, state)
    if (state === 'READ_ONLY' && syncLies !== true) await checkResumes(w, fault)
  }
  const line = record.lines[op - 1] ?? 'not reached'
  fault.remove()
  if (w.isOpen) await patiently(w, () => w.close())
  await w.vfs.settled()
  assert.deepEqual([...w.vfs.violations, ...problems], [])
  assert.equal(w.vfs.openFileCount, 0, 'open handles after close')
  await checkReopens(w, run)
  return { op: line, openError, errors: w.errors, state, events }
}

/** Runs the program once for each call that shall fail; the short run draws a share of them. */
export async function runLoop(run: FaultRun): Promise<FaultOutcome[]> {
  const outcomes: FaultOutcome[] = []
  const draw = new Draw(JSON.stringify([run.rule, run.settings]))
  for (const op of await callsOf(run)) {
    if (!draw.takes()) continue
    try {
      outcomes.push(await runWithFault(op, run))
    } catch (error) {
      throw new Error(`with the fault at call ${op}: ${(error as Error).message}`, { cause: error })
    }
  }
  return outcomes
}

async function tryOpen(w: Workload): Promise<string | null> {
  try {
    await patiently(w, () => w.open())
    return null
  } catch (error) {
    assert.ok(VarveError.is(error), `open failed with ${String(error)}`)
    return error.code
  }
}

/** Reads everything. A read that meets the fault is told to its caller, and right the next time. */
function checkReadsBeside(w: Workload, fault: ActiveFault): void {
  const { hitCount } = fault
  try {
    w.checkReads()
  } catch (error) {
    if (fault.hitCount === hitCount) throw error
  }
  w.checkReads()
}

/** Checks that reads go on in every state, and that a state which refuses writes refuses all of them alike. */
async function checkOpen(w: Workload, state: DatabaseState): Promise<void> {
  w.checkReads()
  if (state !== 'READ_ONLY' && state !== 'FAILED') return
  w.errors.length = 0
  await w.put('late', 10)
  w.putSync('late', 20)
  await w.batch([{ key: 'late', length: null }], { sync: true })
  assert.equal(new Set(w.errors).size, 1, `one code, not ${w.errors}`)
  assert.equal(w.errors.length, 3)
  assert.ok(['BACKGROUND_ERROR', 'NO_SPACE'].includes(w.errors[0]!), w.errors[0])
  w.checkReads()
}

/** Checks that the database takes writes again once the cause is gone, and that what failed calls left goes. */
async function checkResumes(w: Workload, fault: ActiveFault): Promise<void> {
  const errors = w.errors.splice(0)
  fault.remove()
  await patiently(w, () => w.db.resume())
  await w.put('resumed', 50, { sync: true })
  await patiently(w, () => w.flush())
  assert.deepEqual(w.errors.splice(0), [])
  assert.ok(await checkNothingLeft(w), w.db.stats().database.state)
  w.checkReads()
  w.errors.push(...errors)
}

async function checkReopens(
  w: Workload, { losesUnsynced = false, syncLies = false, ways = ['kill', 'random50'] }: FaultRun,
): Promise<void> {
  for (const way of ways) {
    const disk = crashNow(w, way)
    disk.vfs.clearFaults()
    if (losesUnsynced) evictAll(disk.vfs)
    const expected = losesUnsynced ? w.oracle.expect('power') : disk.expected
    try {
      const { db } = await reopen({ ...disk, expected: syncLies ? { ...expected, atLeast: 0 } : expected })
      await db.close()
    } catch (error) {
      if (!syncLies || !VarveError.is(error) || !LOSSES.has(error.code)) throw error
    }
  }
}

function evictAll(vfs: SimVfs): void {
  if (vfs.statSync(DIR) === null) return
  for (const name of vfs.listSync(DIR)) vfs.evict(vfs.join(DIR, name))
}


