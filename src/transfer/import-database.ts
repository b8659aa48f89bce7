/**
 * What: an import: entries of a stream, a file or another database become a database, or a part of one, all or nothing.
 * Owns: the source and the database until it has ended. Thread: main.
 * Invariants: EXP-5 a target that was empty stays so until all is in it; one that has a database gets all at once.
 */
import { invalidArgument, toHex, VarveError } from '../base/index.js'
import { checkApart, placeOf } from '../directory/index.js'
import type { Engine } from '../engine/index.js'
import { loadEntries } from '../ingest/index.js'
import type { LoadResult } from '../ingest/index.js'
import { openEngine } from '../open/index.js'
import { ProgressMeter } from '../report/index.js'
import type { ImportCall, ImportFormat, ImportReport } from './import-call.js'
import { ImportSieve, streamEntries } from './import-entries.js'
import { inputOf, knowInput, openInputFile } from './import-source.js'
import type { KnownInput } from './import-source.js'
import { findImportTarget, finishTarget, makeUnfinished } from './import-target.js'
import { levelEntries } from './level-source.js'

/** What is read: a stream, or the directory of another database. */
type Origin = { stream: KnownInput } | { dir: string }

/**
 * Imports into `target`. Rejects with CORRUPTION when the source is damaged or has no end, SOURCE_FAILED,
 * ALREADY_EXISTS, NOT_FOUND, LOCKED, the reason of the signal, or as open and writes do. Then nothing was imported, and
 * nothing is left.
 */
export async function importDatabase(target: string, call: ImportCall): Promise<ImportReport> {
  const { options: { clock }, abort } = call
  const [startedMs, startMs] = [clock.wallMs(), clock.nowMs()]
  try {
    abort?.check()
    const origin = await originOf(call, target)
    try {
      const done = await importFrom(origin, target, call)
      return { ...done, startedMs, durationMs: clock.nowMs() - startMs }
    } catch (error) {
      if ('stream' in origin) await origin.stream.input.end(error)
      throw error
    }
  } finally {
    abort?.end()
  }
}

async function originOf({ source, plan, vfs }: ImportCall, target: string): Promise<Origin> {
  if (typeof source === 'string') {
    const info = await vfs.realPath(source).then((path) => vfs.stat(path), () => null)
    if (info?.kind === 'directory') {
      if (plan.format !== 'leveldb' && plan.format !== 'auto') {
        throw invalidArgument(`${source} is a directory, and no file of the format '${plan.format}'`)
      }
      checkApart(vfs, (await placeOf(vfs, target)).location, await vfs.realPath(source))
      return { dir: source }
    }
    if (plan.format === 'leveldb' && info !== null) throw invalidArgument(`${source} is no LevelDB directory`)
    if (plan.format === 'leveldb') throw new VarveError('NOT_FOUND', `${source} does not exist`)
  }
  if (plan.format === 'leveldb') throw invalidArgument(`the source of the format 'leveldb' is a directory`)
  const input = typeof source === 'string' ? await openInputFile(vfs, source) : inputOf(source)
  try {
    return { stream: await knowInput(input, plan.format) }
  } catch (error) {
    await input.end(error)
    throw error
  }
}

type Done = Omit<ImportReport, 'startedMs' | 'durationMs'>

async function importFrom(origin: Origin, target: string, call: ImportCall): Promise<Done> {
  const { plan: { isIntoExisting }, vfs, options } = call
  if (isIntoExisting) {
    const engine = await openEngine(target, vfs, { ...options, createIfMissing: false, errorIfExists: false })
    return closing(engine, () => load(engine, origin, call))
  }
  const fresh = await findImportTarget(vfs, target, options)
  try {
    await makeUnfinished(fresh)
    const engine = await openEngine(fresh.dir, vfs, { ...options, createIfMissing: true, errorIfExists: true })
    const done = await closing(engine, () => load(engine, origin, call))
    call.abort?.check()
    await finishTarget(fresh)
    return done
  } catch (error) {
    await fresh.abandon()
    throw error
  }
}

/** Closes the database however the work ends. */
async function closing<T>(engine: Engine, work: () => Promise<T>): Promise<T> {
  let result: T
  try {
    result = await work()
  } catch (error) {
    await engine.close().catch(() => undefined) // the first error is reported
    throw error
  }
  await engine.close()
  return result
}

async function load(engine: Engine, origin: Origin, call: ImportCall): Promise<Done> {
  const { plan, vfs, options: { clock }, abort, onProgress, bytesPerSecond } = call
  const progress = new ProgressMeter(clock, onProgress)
  const sieve = new ImportSieve(clock, plan.onlyMissing && plan.isIntoExisting ? engine : null)
  const { anyComparator } = plan
  const isLevel = 'dir' in origin
  const source = isLevel
    ? levelEntries({ vfs, dir: origin.dir, clock, anyComparator, abort }, sieve, progress)
    : streamEntries(origin.stream, plan, sieve, progress)
  const isSorted = plan.isSorted || isLevel
  const loaded = await loadEntries(engine, source, { isSorted, abort, onProgress: undefined, bytesPerSecond })
  if (!isLevel) await origin.stream.input.end(undefined)
  progress.end()
  return reportOf(engine, isLevel ? 'leveldb' : origin.stream.format, sieve, loaded)
}

function reportOf(engine: Engine, format: ImportFormat, { counts }: ImportSieve, loaded: LoadResult): Done {
  const { databaseId, lineage } = engine.setup.origin
  const { problems, ...counted } = counts
  return {
    tool: 'import', version: 1, database: toHex(databaseId), lineage: String(lineage),
    ok: problems.length === 0, checkedBytes: format === 'varve' ? counts.bytes : 0, files: loaded.tableCount, problems,
    format, entryCount: loaded.entryCount, duplicateCount: loaded.duplicateCount, ...counted,
  }
}
