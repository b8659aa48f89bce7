/**
 * What: an ingest: files that a table writer made become part of a database, all or none.
 *
 *   every file looked at → linked or copied under a number of its own, synced → directory synced → opened → listed
 *   (listing.ts) → with `move`, the sources removed
 *
 * Owns: the files that it makes, until they are listed. Thread: main; jobs do the reading and copying.
 * Invariants: ING-1 all files or none, at every crash: an open removes those that no edit lists. ING-2 the sources are
 * never written; with `move` they are removed when the edit is durable.
 */
import { errnoOf, invalidArgument, ioError, tableFileName, tempFileName, VarveError } from '../base/index.js'
import type { TableFacts } from '../base/index.js'
import { isInside } from '../directory/index.js'
import { syncNames } from '../engine/index.js'
import type { Engine } from '../engine/index.js'
import type { IngestCall, IngestResult } from './ingest-options.js'
import { inOrder, listTables } from './listing.js'
import { runWatched, watchedCall } from './watched-job.js'
import type { WatchedCall } from './watched-job.js'

const BAD_TABLE = 'it is damaged, or no file that Varve.tableWriter has made: make it anew; nothing was changed'

/** A file to ingest. */
interface Source {
  /** Its path as it was given. */
  name: string
  /** Its path without symbolic links. */
  path: string
  facts: TableFacts
}

/** A source with its place in the directory of the database. */
interface Placed extends Source {
  tempName: string
  finalName: string
}

/**
 * Rejects with INVALID_ARGUMENT for a file that is no table from outside, or shares keys with another of them;
 * NOT_FOUND,
 * CORRUPTION, UNSUPPORTED_FORMAT, the reason of the signal, CLOSED, or as writes do. Then nothing has changed.
 */
export async function ingestFiles(engine: Engine, names: readonly string[], call: IngestCall): Promise<IngestResult> {
  const { abort, onProgress, bytesPerSecond } = call
  return engine.operations.run({ kind: 'ingest', abort, onProgress }, async (operation) => {
    engine.checkWritable()
    const watched = watchedCall(engine, operation, bytesPerSecond)
    if (names.length === 0) return { seqNum: engine.visibleSeqNum, levels: [], sourcesLeft: [] }
    const sources = await lookAt(watched, names, call)
    const placed = inOrder(sources, ({ name }) => name).map((source) => planned(engine, source))
    const { seqNum, levels } = await undoOnFailure(engine, placed, async () => {
      await bringIn(watched, placed, call)
      operation.check()
      return listTables(engine, placed.map(({ facts }) => facts))
    })
    operation.progress.end()
    const sourcesLeft = call.mode === 'move' ? await removeSources(engine, placed) : []
    const levelOf = new Map(placed.map(({ name }, i) => [name, levels[i]!]))
    return { seqNum, levels: names.map((name) => levelOf.get(name)!), sourcesLeft }
  })
}

/** Runs work that makes these tables part of the database; when it fails, what it made is removed. */
async function undoOnFailure<T>(
  engine: Engine, tables: readonly Pick<Placed, 'facts' | 'finalName' | 'tempName'>[], work: () => Promise<T>,
): Promise<T> {
  const { setup: { tables: open }, deleter } = engine
  try {
    return await work()
  } catch (error) {
    // Where nobody knows what a reopen would find, the deleter deletes nothing.
    for (const { facts, finalName, tempName } of tables) {
      open.retire(facts.fileNum, () => deleter.add([finalName, tempName]))
    }
    throw error
  }
}

async function lookAt(watched: WatchedCall, names: readonly string[], call: IngestCall): Promise<Source[]> {
  const { engine, operation: { progress } } = watched
  const sources: Source[] = []
  progress.setTotals(null, names.length)
  for (const name of names) {
    const path = await realPath(engine, name)
    if (sources.some((other) => other.path === path)) throw invalidArgument(`${name} is given twice`)
    // Of a copy that is made in any case the copy is read.
    const isWhole = call.isVerified && call.mode !== 'copy'
    const input = { dir: engine.dir, path, isWhole }
    sources.push({ name, path, facts: await checkFile(watched, input) })
    progress.add(0, 1)
  }
  return sources
}

/** What makes it no table that can be taken in is told with what to do. */
async function checkFile(watched: WatchedCall, input: { dir: string; path: string }): Promise<TableFacts> {
  try {
    return await runWatched<TableFacts>(watched, 'checkOutsideFile', input)
  } catch (error) {
    if (!VarveError.is(error) || error.code !== 'CORRUPTION') throw error
    const { code, message, file, offset, cause } = error
    throw new VarveError(code, message, { file: file ?? input.path, offset: offset ?? 0, cause, hint: BAD_TABLE })
  }
}

async function realPath({ setup: { vfs }, dir }: Engine, name: string): Promise<string> {
  let path: string
  try {
    path = await vfs.realPath(name)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw ioError(error, 'find', name)
    throw new VarveError('NOT_FOUND', `${name} does not exist`, { cause: error, file: name })
  }
  if (!isInside(vfs, path, await vfs.realPath(dir))) return path
  throw invalidArgument(`${name} lies in the directory of the database`)
}

function planned({ versions, setup: { names } }: Engine, source: Source): Placed {
  const fileNum = versions.allocateFileNum()
  const finalName = tableFileName(fileNum)
  const facts = { ...source.facts, fileNum }
  return { ...source, facts, finalName, tempName: tempFileName(finalName, names.next()) }
}

/** Gives the files their names in the directory, durably, and opens them. */
async function bringIn(watched: WatchedCall, placed: readonly Placed[], call: IngestCall): Promise<void> {
  const { engine } = watched
  const { dir, setup: { tables } } = engine
  for (const { path, facts, tempName, finalName } of placed) {
    const file = { path, facts, tempName, finalName }
    await runWatched(watched, 'placeOutsideFile', {
      dir, file, mayLink: call.mode !== 'copy', isChecked: call.isVerified,
    } as { dir: string })
  }
  await syncNames(engine)
  for (const { facts } of placed) await tables.load(facts)
}

/** Removes the sources; gives the names of those that stayed. */
async function removeSources({ setup: { vfs } }: Engine, placed: readonly Placed[]): Promise<string[]> {
  const left: string[] = []
  for (const { path, name } of placed) {
    try {
      await vfs.unlink(path)
    } catch {
      left.push(name)
    }
  }
  return left
}
