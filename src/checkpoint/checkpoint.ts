/**
 * What: makes a checkpoint, a database directory of its own that holds one moment of another: target looked at → the
 * moment taken, and all of it held → files linked or copied → manifest, marker, name. It begins a history of its own,
 * whose parent is that of the source.
 * Owns: nothing that lasts. Thread: main.
 * Invariants: CP-1 to CP-9, docs/invariants.md.
 * Design: docs/design/0048-checkpoint.md.
 */
import { MiB, runAsync, VarveError } from '../base/index.js'
import type { Clock, FileNum, FileOrigin } from '../base/index.js'
import { readMarker } from '../directory/index.js'
import { UniqueNames } from '../engine/index.js'
import type { Engine, Operation, Operations } from '../engine/index.js'
import { readManifest } from '../manifest/index.js'
import { Pace } from '../report/index.js'
import { areOnOneVolume, listDirectory } from '../vfs/index.js'
import type { Vfs } from '../vfs/index.js'
import type { CheckpointCall, CheckpointResult } from './checkpoint-call.js'
import { checkpointVersion, drawNewLineage } from './checkpoint-version.js'
import { Moment } from './moment.js'
import type { MomentFiles } from './moment.js'
import { findSource, OutsideMoment } from './outside.js'
import type { OutsidePlace } from './outside.js'
import { placeFiles } from './place-files.js'
import { filesOfVersion, logFile } from './source-file.js'
import type { FileIdentity } from './source-file.js'
import { Target } from './target.js'
import { fullCheck } from './full-check.js'

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
export async function checkpointEngine(engine: Engine, target: string, call: CheckpointCall): Promise<CheckpointResult> {
  const { setup: { vfs, dir, origin, names }, clock } = engine
  return engine.operations.run({ kind: 'checkpoint', ...call }, async (operation) => {
    const startMs = clock.nowMs()
    const made = await Target.check(vfs.inner, target, dir, names.next())
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
  engine: Engine, target: Target, { mode, logs }: CheckpointCall, operation: Operation,
): Promise<Moment> {
  if (logs === 'flush') return Moment.takeFlushed(engine, operation)
  const { vfs, dir } = engine.setup
  const [from, to] = [await vfs.stat(dir), await target.vfs.stat(target.parent)]
  const isNear = mode !== 'copy' && from !== null && to !== null && areOnOneVolume(from, to)
  const moment = await Moment.take(engine, operation)
  const isKept = logs === 'keep' || !moment.isRotated || (isNear && moment.logBytes < KEPT_LOG_BYTES_MAX)
  if (isKept || moment.logBytes === 0) return moment
  moment.release()
  return Moment.takeFlushed(engine, operation)
}

/** Makes a checkpoint of a directory that another process may be writing. */
export async function checkpointDirectory(
  { clock, operations, ...place }: OutsidePlace & { clock: Clock; operations: Operations }, target: string,
  call: CheckpointCall,
): Promise<CheckpointResult> {
  return operations.run({ kind: 'checkpoint', ...call }, async (operation) => {
    const startMs = clock.nowMs()
    const { vfs, random } = place
    const dir = await findSource(vfs, place.dir)
    const made = await Target.check(vfs, target, dir, new UniqueNames(clock).next())
    const moment = await OutsideMoment.take({ ...place, dir }, operation)
    try {
      const { databaseId, generation, manifestNum } = moment
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
  { vfs, dir, origin, manifestNum, clock }: Source, found: MomentFiles, target: Target,
  { call, operation, startMs }: Writing,
): Promise<CheckpointResult> {
  const { version, logs, files, seqNum, position } = found
  const { databaseId } = origin
  const lineage = drawNewLineage(origin.random, version)
  const own = checkpointVersion(version, { logs, seqNum, nextFileNum: manifestNum + 1, lineage })
  const needed = files.filter(({ fileNum, magic }) => magic === 'varvetab' || !version.valueLogs.has(fileNum) ||
    own.valueLogs.has(fileNum))
  const base = call.base === null ? null : await readBase(target.vfs, call.base, databaseId)
  operation.progress.setTotals(needed.reduce((sum, { bytes }) => sum + bytes, 0), needed.length)
  try {
    await target.make()
    const { mode, bytesPerSecond } = call
    const pace = new Pace(clock, bytesPerSecond)
    const verify = call.verify ? fullCheck(target, databaseId, own) : null
    const placed = await placeFiles(needed, {
      vfs, dir, databaseId, target, mode, base, pace, bytesPerSecond, operation, verify,
    })
    operation.check()
    await target.finish({ ...origin, lineage }, manifestNum, own)
    operation.progress.end()
    return { seqNum, position, fileCount: needed.length, ...placed, durationMs: clock.nowMs() - startMs }
  } finally {
    await target.abandon()
  }
}

/** Reads which files an earlier checkpoint has. Throws INVALID_ARGUMENT when it is no checkpoint of this database. */
async function readBase(
  vfs: Vfs, location: string, databaseId: Uint8Array,
): Promise<{ dir: string; files: Map<string, FileIdentity> }> {
  const dir = await findSource(vfs, location)
  const marker = readMarker(await runAsync(listDirectory(vfs, dir)))
  if (marker === null) throw new VarveError('NOT_FOUND', `there is no checkpoint in ${location}`)
  const { version, databaseId: baseId } = await runAsync(readManifest(vfs, dir, marker.manifest))
  if (!isEqualId(baseId, databaseId)) {
    throw new VarveError('INVALID_ARGUMENT', `${location} is a checkpoint of another database`, {
      hint: 'name an earlier checkpoint of this one as base, or none',
    })
  }
  const logs = [...version.logs.values()].filter(({ isExact }) => isExact)
  const files = [...filesOfVersion(version), ...logs.map(logFile)]
  return { dir, files: new Map(files.map((file) => [file.name, file])) }
}

function isEqualId(a: Uint8Array, b: Uint8Array): boolean {
  return a.every((byte, i) => byte === b[i])
}
