/**
 * What: makes a checkpoint, a database directory of its own that holds one moment of another: target looked at → the
 * moment taken, and all of it held → files linked or copied → manifest, marker, name. It begins a history of its own,
 * whose parent is that of the source.
 * Owns: nothing that lasts. Thread: main.
 * Invariants: CP-1 to CP-9, docs/invariants.md.
 * Design: docs/design/0048-checkpoint.md.
 */
import { compareBytes, MiB, Turns, VarveError } from '../base/index.js'
import type { Clock, FileNum, FileOrigin } from '../base/index.js'
import { NewDirectory } from '../directory/index.js'
import { UniqueNames } from '../engine/index.js'
import type { Engine, Operation, Operations } from '../engine/index.js'
import { Pace } from '../report/index.js'
import { areOnOneVolume } from '../vfs/index.js'
import type { Vfs } from '../vfs/index.js'
import { readCheckpoint } from './backup-info.js'
import type { CheckpointCall, CheckpointResult } from './checkpoint-call.js'
import { checkpointVersion, drawNewLineage } from './checkpoint-version.js'
import { checkInFull } from './full-check.js'
import { checkLogChain } from './log-chain.js'
import { Moment } from './moment.js'
import type { MomentFiles } from './moment.js'
import { findSource, OutsideMoment } from './outside.js'
import type { OutsidePlace } from './outside.js'
import { placeFiles } from './place-files.js'
import type { SourceFile } from './source-file.js'
import { finishTarget } from './target.js'

/** Logs of more than this are flushed, so that a clone need not replay them. */
const KEPT_LOG_BYTES_MAX = 64 * MiB

/** What is known of a source, whichever way it was taken. */
interface Source {
  vfs: Vfs
  dir: string
  origin: Omit<FileOrigin, 'lineage'>
  manifestNum: FileNum
  clock: Clock
}

/** Makes a checkpoint of an open database. */
export async function checkpointEngine(
  engine: Engine, target: string, call: CheckpointCall,
): Promise<CheckpointResult> {
  const { setup: { vfs, dir, origin, names }, clock } = engine
  return engine.operations.run({ kind: 'checkpoint', ...call }, async (operation) => {
    const startMs = clock.nowMs()
    const made = await NewDirectory.find(vfs.inner, target, dir, names.next())
    const moment = await takeMoment(engine, made, call, operation)
    try {
      const found = await moment.settled(operation)
      const source = { vfs, dir, origin, manifestNum: moment.manifestNum, clock }
      return await write(source, found, made, { call, operation, startMs })
    } finally {
      moment.release()
    }
  })
}

async function takeMoment(
  engine: Engine, target: NewDirectory, { logs }: CheckpointCall, operation: Operation,
): Promise<Moment> {
  if (logs === 'flush') return Moment.takeFlushed(engine, operation)
  const { vfs, dir } = engine.setup
  const [from, to] = [await vfs.stat(dir), await target.vfs.stat(target.parent)]
  const isNear = from !== null && to !== null && areOnOneVolume(from, to)
  const moment = await Moment.take(engine, operation)
  const isKept = logs === 'keep' || !moment.isRotated || (isNear && moment.logBytes < KEPT_LOG_BYTES_MAX)
  if (isKept || moment.logBytes === 0) return moment
  moment.release()
  return Moment.takeFlushed(engine, operation)
}

/** A directory that is copied from outside. */
export interface DirectoryPlace extends OutsidePlace {
  clock: Clock
  operations: Operations
  /** True: every byte of the source is checked before anything is written. */
  isCheckedFirst?: boolean
}

/** Makes a checkpoint of a directory that another process may be writing. */
export async function checkpointDirectory(
  { clock, operations, isCheckedFirst = false, ...place }: DirectoryPlace, target: string, call: CheckpointCall,
): Promise<CheckpointResult> {
  return operations.run({ kind: 'checkpoint', ...call }, async (operation) => {
    const startMs = clock.nowMs()
    const { vfs, random } = place
    const dir = await findSource(vfs, place.dir)
    const made = await NewDirectory.find(vfs, target, dir, new UniqueNames(clock).next())
    const moment = await OutsideMoment.take({ ...place, dir }, operation)
    try {
      const { databaseId, generation, manifestNum } = moment
      const check = { place: { vfs, dir, databaseId }, clock, operation, pace: new Pace(clock, call.bytesPerSecond) }
      if (isCheckedFirst) for (const file of moment.found.files) await checkInFull(file, check)
      const source = { vfs, dir, origin: { databaseId, generation, random }, manifestNum, clock }
      return await write(source, moment.found, made, { call, operation, startMs })
    } finally {
      await moment.release()
    }
  })
}

interface Writing {
  call: CheckpointCall
  operation: Operation
  startMs: number
}

async function write(
  { vfs, dir, origin, manifestNum, clock }: Source, found: MomentFiles, target: NewDirectory,
  { call, operation, startMs }: Writing,
): Promise<CheckpointResult> {
  const { version, logs, files, seqNum, position } = found
  const { databaseId } = origin
  const lineage = drawNewLineage(origin.random, version)
  const own = checkpointVersion(version, { logs, seqNum, nextFileNum: manifestNum + 1, lineage })
  const isNeeded = ({ fileNum }: SourceFile): boolean => !version.valueLogs.has(fileNum) || own.valueLogs.has(fileNum)
  const needed = files.filter(isNeeded)
  const base = call.base === null ? null : await findBase(target.vfs, call.base, databaseId)
  operation.progress.setTotals(needed.reduce((sum, { bytes }) => sum + bytes, 0), needed.length)
  try {
    await target.makeHeld()
    const { mode, bytesPerSecond } = call
    const pace = new Pace(clock, bytesPerSecond)
    const check = { place: { vfs: target.vfs, dir: target.dir, databaseId }, clock, operation, pace }
    const verify = call.verify ? (file: SourceFile) => checkInFull(file, check) : null
    const placed = await placeFiles(needed, {
      vfs, dir, databaseId, target, mode, base, pace, bytesPerSecond, operation, verify,
      turns: new Turns(clock),
    })
    operation.check()
    await checkLogChain({ vfs: target.vfs, dir: target.dir, databaseId, logs, logPointer: own.logPointer })
    await finishTarget(target, { ...origin, lineage }, manifestNum, own)
    operation.progress.end()
    return { seqNum, position, fileCount: needed.length, ...placed, durationMs: clock.nowMs() - startMs }
  } finally {
    await target.abandon()
  }
}

/** Finds the files of an earlier checkpoint. Throws INVALID_ARGUMENT when it is none of this database. */
async function findBase(
  vfs: Vfs, location: string, databaseId: Uint8Array,
): Promise<{ dir: string; files: Map<string, SourceFile> }> {
  const { dir, files, databaseId: baseId } = await readCheckpoint(vfs, location)
  if (compareBytes(baseId, databaseId) !== 0) {
    throw new VarveError('INVALID_ARGUMENT', `${location} is a checkpoint of another database`, {
      hint: 'name an earlier checkpoint of this one as base, or none',
    })
  }
  return { dir, files: new Map(files.map((file) => [file.name, file])) }
}
