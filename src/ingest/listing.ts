/**
 * What: makes tables from outside part of a database, all at once, behind a barrier: from when it is raised until
 * readers see the tables, nothing is encoded, so nothing is written with a number above theirs that does not see them.
 *
 *   barrier up, all that is encoded written → memtable sealed, if it has entries; all sealed ones flushed → levels
 *   chosen
 *   and reserved → number given out, and noted in the log (wal/ingest-note.ts) → logs synced: all below the number, and
 *   the note, survive → edits held back made durable → edit with the tables, durable → readers see them → barrier down
 *
 * A crash before the edit is durable: the note counts for nothing, and an open removes the files. Once the note is
 * synced, the edit becomes durable, or the manifest or the disk has failed and nothing more is written.
 * Owns: nothing; the procedure that runs holds its state. Thread: main. A procedure, so that a call that blocks drives
 * it (engine/write-stalls.ts).
 * Invariants: ING-1 all tables are listed by one edit, or none is. ING-3 no reader sees a part of it: number, tables
 * and
 * read state change in one turn. ING-4 no table of the database holds entries from before and from after. ING-6 what
 * was
 * acknowledged before is durable before the edit is.
 */
import { assert, invalidArgument } from '../base/index.js'
import type { LevelNum, SeqNum, TableFacts } from '../base/index.js'
import { compactionSettings, tellAdded } from '../engine/index.js'
import type { Engine } from '../engine/index.js'
import { finished, waitFor } from '../exec/index.js'
import type { Procedure } from '../exec/index.js'
import { CauseCode, compareLowers, extentOf, extentsOverlap } from '../manifest/index.js'
import type { VersionEdit } from '../manifest/index.js'
import { placeOutside } from '../pick/index.js'
import type { OutsidePlace } from '../pick/index.js'
import { numberedFacts } from '../sstable/index.js'
import { encodeNote } from '../wal/index.js'

/** What became of the tables. */
export interface Listed {
  seqNum: SeqNum
  /** The level of each table. */
  levels: LevelNum[]
}

/** Orders tables by their keys. Throws INVALID_ARGUMENT when two share keys; `nameOf` says what to call one. */
export function inOrder<T extends { facts: TableFacts }>(tables: readonly T[], nameOf: (table: T) => string): T[] {
  const sorted = tables.toSorted((a, b) => compareLowers(extentOf(a.facts), extentOf(b.facts)))
  for (const [i, table] of sorted.entries()) {
    const before = sorted[i - 1]
    if (before === undefined || !extentsOverlap(extentOf(before.facts), extentOf(table.facts))) continue
    throw invalidArgument(`${nameOf(before)} and ${nameOf(table)} share keys: ingest them one after the other`)
  }
  return sorted
}

/**
 * Lists tables that stand in the directory, durably, and are loaded. Resolves when readers see them and a reopen would
 * find them; rejects when none of it has happened, or when the manifest or the disk has failed.
 * Requires: at least one; they ascend, and share no keys.
 */
export async function listTables(engine: Engine, tables: readonly TableFacts[]): Promise<Listed> {
  const { pipeline, buffers, stalls } = engine
  // What can be flushed before the barrier need not be flushed behind it.
  if (pipeline.current.isUsed || engine.immutables.length > 0) await engine.flush()
  for (;;) {
    await stalls.going()
    engine.checkWritable()
    // Several may have waited for the end of one barrier: the first of them has raised the next one.
    if (stalls.isBarred) continue
    if (!pipeline.current.isUsed || buffers.spareName !== null) break
    await buffers.prepared()
  }
  return finished(listing(engine, tables))
}

function* listing(engine: Engine, tables: readonly TableFacts[]): Procedure<Listed> {
  const { stalls, pipeline, buffers, flusher, compactor, versions } = engine
  assert(!stalls.isBarred, 'one listing at a time has the barrier')
  stalls.setBarrier('jobs')
  let release = (): void => undefined
  try {
    pipeline.writer.commitNow()
    if (pipeline.current.isUsed) pipeline.rotate(buffers.takeNow())
    yield* succeeding((tell) => flusher.tellReleased(tell))
    const places = placeOutside({
      version: versions.current, settings: compactionSettings(engine.options), running: compactor.reservations.all,
    }, tables)
    release = compactor.reservations.reserve(places.flatMap(({ reservation }) => reservation ?? []))
    const seqNum = writeNote(engine, tables)
    stalls.setBarrier('log sync')
    yield* succeeding((tell) => engine.syncer.tellDurable(seqNum, tell))
    stalls.setBarrier('jobs')
    while (engine.heldEdits.count > 0) yield* succeeding((tell) => engine.heldEdits.tellSettled(tell))
    const edit = editOf(engine, tables, places, seqNum)
    yield* succeeding((tell) => versions.append(edit, tell))
    show(engine, edit)
    return { seqNum, levels: places.map(({ level }) => level) }
  } finally {
    release()
    stalls.setBarrier(null)
  }
}

/** Waits until `begin` calls back with null; throws what it called back with. */
function* succeeding(begin: (tell: (error: unknown) => void) => void): Procedure<void> {
  const error = yield* waitFor<unknown>(begin)
  if (error !== null) throw error
}

/** Takes the next number, and writes the note into the log, which is unused. */
function writeNote(engine: Engine, tables: readonly TableFacts[]): SeqNum {
  const { pipeline, buffers, syncer } = engine
  const stretches = tables.map((facts) => ({ entryCount: facts.entryCount, ...extentOf(facts) }))
  const { body, count } = encodeNote(stretches)
  const { current } = pipeline
  if (!current.isFilled) buffers.fill(current, body.length)
  const seqNum = pipeline.lastSeqNum + 1
  current.setMark(syncer.markLog, syncer.markBytes)
  current.encodeNote(body, seqNum, count)
  pipeline.lastSeqNum = seqNum
  pipeline.writer.writeNote()
  return seqNum
}

/** The tables get their number: only now is it known, and nobody has read them. */
function editOf(
  engine: Engine, tables: readonly TableFacts[], places: readonly OutsidePlace[], seqNum: SeqNum,
): VersionEdit {
  const addTables = tables.map((table, i) => {
    const facts = numberedFacts(table, table.fileNum, seqNum)
    engine.setup.tables.takeNumber(facts)
    return { level: places[i]!.level, facts }
  })
  return { cause: engine.installer.cause(CauseCode.ingest), lastSeqNum: seqNum, addTables }
}

/** Readers that begin now see the tables; those that are under way hold the moment that they see. */
function show(engine: Engine, edit: VersionEdit): void {
  engine.iterators.holdMoments()
  engine.iterators.gap.forget()
  engine.pipeline.writer.publishNote()
  engine.swapState(engine.pipeline.current.memtable)
  engine.expiry.look()
  tellAdded(engine.setup.events, edit)
  if (engine.versions.manifest.isLong) engine.resumer.rollManifest()
}
