/**
 * What: a load: entries that come in any order become part of a database, all or none.
 *
 *   entries copied into slabs → each full slab sorted and written as a table, in a thread (run/load-run.ts) → when all
 *   tables ascend they are what is ingested; else they are merged (run/load-merge.ts), the latest of a key wins →
 *   directory synced → opened → listed (listing.ts)
 *
 * The tables have their final names from the start and are in no version: an open after a crash removes them.
 * Owns: the slabs and the tables, until they are listed or removed. Thread: main: it copies entries, in steps of 2 ms.
 * Invariants: ING-1 all entries or none. LOAD-1 the memory of a load is at most half of the database's budget, and what
 * one entry takes that is larger.
 */
import { invalidArgument, KiB, MiB, newFileHeader, tableFileName } from '../base/index.js'
import type { FileHeader, FileNum, FileOrigin, TableFacts } from '../base/index.js'
import { compactionSettings, syncFilesAndNames, syncNames } from '../engine/index.js'
import type { Engine, Operation } from '../engine/index.js'
import { extentOf, extentsOverlap, compareLowers } from '../manifest/index.js'
import type { LoadMergeOutput, LoadRunOutput } from '../run/index.js'
import { numberedFacts } from '../sstable/index.js'
import { tableSettings } from '../tables/index.js'
import { runFilesMax } from '../vfs/index.js'
import { listTables } from './listing.js'
import { LentEntries } from './lent-entries.js'
import type { LoadCall, LoadEntry, LoadResult, LoadSource } from './load-options.js'
import { LoadSlab } from './load-slab.js'
import { runWatched, watchedCall } from './watched-job.js'
import type { WatchedCall } from './watched-job.js'

/** A slab costs its bytes, and what it takes to sort its entries. */
const SLAB_COST = 1.5
const SLAB_BYTES_MIN = 256 * KiB
const SLAB_BYTES_MAX = 32 * MiB
/** A slab whose keys ascend ends at about these bytes, the first one earlier, so that no thread waits for it long. */
const ASCENDING_BYTES_MAX = 16 * MiB
const FIRST_BYTES_MAX = 4 * MiB
/** The most runs that are merged at once. */
const RUNS_MAX = 64
/** Entries between two looks at the clock. */
const ENTRIES_PER_LOOK = 64

/**
 * Puts all entries into the database at once, or none. Of entries with one key the last counts. Rejects with the
 * error of the source, the reason of the signal, CLOSED, INVALID_ARGUMENT, or as writes do; then nothing has changed.
 */
export async function loadEntries(
  engine: Engine, source: LoadSource | AsyncIterable<LentEntries>, call: LoadCall,
): Promise<LoadResult> {
  const { abort, onProgress, bytesPerSecond, isSorted } = call
  return engine.operations.run({ kind: 'load', abort, onProgress }, async (operation) => {
    engine.checkWritable()
    const startMs = engine.clock.nowMs()
    const load = new Load(watchedCall(engine, operation, bytesPerSecond), isSorted)
    try {
      await load.take(source)
      const tables = await load.finish()
      operation.check()
      const seqNum = tables.length === 0 ? engine.visibleSeqNum : (await listTables(engine, tables)).seqNum
      load.keep(tables)
      operation.progress.end()
      const entryCount = tables.reduce((sum, table) => sum + table.entryCount, 0)
      const bytes = tables.reduce((sum, table) => sum + table.bytes, 0)
      const { duplicateCount } = load
      const durationMs = engine.clock.nowMs() - startMs
      return { entryCount, duplicateCount, tableCount: tables.length, bytes, seqNum, durationMs }
    } finally {
      await load.end()
    }
  })
}

class Load {
  duplicateCount = 0
  private readonly watched: WatchedCall
  private readonly engine: Engine
  private readonly isSorted: boolean
  private readonly origin: FileOrigin
  private readonly slabBytes: number
  private readonly slotsMax: number
  /** Memory that a job has done with. */
  private readonly free: SharedArrayBuffer[] = []
  private slab: LoadSlab | null = null
  /** The last key of the slab before, when keys must be sorted. */
  private keyBefore: Uint8Array | null = null
  /** Runs in the order in which their entries came: each is a list of tables that ascend. */
  private runs: Promise<TableFacts[]>[] = []
  private runningCount = 0
  private failure: { error: unknown } | null = null
  private readonly made = new Set<FileNum>()
  private wake: () => void = () => undefined
  /** False once a run begins before the end of the one before it: then runs are merged, and need not be synced. */
  private isAscending = true
  private last: TableFacts | null = null

  constructor(watched: WatchedCall, isSorted: boolean) {
    const { engine } = watched
    const { options, setup: { origin, executor } } = engine
    this.watched = watched
    this.engine = engine
    this.isSorted = isSorted
    const databaseId = new Uint8Array(16)
    options.random.fill(databaseId)
    this.origin = { ...origin, databaseId, lineage: 0 }
    // While one slab is filled, each thread has one, also the thread that a load may use besides (exec/job.ts), and
    // one waits.
    this.slotsMax = executor.workerCount === 0 ? 2 : executor.workerCount + 3
    const share = options.memoryBudget / 2 / this.slotsMax / SLAB_COST
    this.slabBytes = Math.floor(Math.min(SLAB_BYTES_MAX, Math.max(SLAB_BYTES_MIN, share)) / 8) * 8
  }

  /** Takes all entries. What the source throws is thrown. */
  async take(source: LoadSource | AsyncIterable<LentEntries>): Promise<void> {
    const { engine: { turns }, watched: { operation } } = this
    for await (const chunk of untilEnd(operation, chunked(source))) {
      const lent = chunk instanceof LentEntries ? chunk : null
      const count = lent === null ? (chunk as readonly LoadEntry[]).length : lent.count
      for (let i = 0; i < count; i++) {
        const wait = lent === null ? this.put((chunk as readonly LoadEntry[])[i]!) : this.putLent(lent, i)
        if (wait !== null) await wait
        if (i % ENTRIES_PER_LOOK === 0 && turns.isOverNow()) await turns.next()
      }
      this.check()
      if (turns.isOverNow()) await turns.next()
    }
    if (this.slab !== null) this.beginRun(this.slab)
    this.slab = null
  }

  private check(): void {
    this.watched.operation.check()
    if (this.failure !== null) throw this.failure.error
  }

  /** Begins the run of a slab that ascends and has enough; gives what to wait for before the next entry. */
  private afterPut(slab: LoadSlab): Promise<void> | null {
    if (!slab.isAscending || slab.end < (this.runs.length === 0 ? FIRST_BYTES_MAX : ASCENDING_BYTES_MAX)) return null
    this.beginRun(slab)
    this.slab = null
    return this.room()
  }

  /** Copies an entry. Gives what to wait for before the next one, or null. */
  private put(entry: LoadEntry): Promise<void> | null {
    const [key, value, expiresAt] = fieldsOf(entry)
    const { lifetimes } = this.engine.expiry
    const expiryMs = expiresAt === undefined ? lifetimes.expiryByDefaultMs() : lifetimes.expiryMs({ expiresAt })
    this.slab ??= this.newSlab(this.slabBytes)
    let needed = this.slab.put(key, value, expiryMs)
    if (needed === 0) return this.afterPut(this.slab)
    if (this.slab.entryCount > 0) this.beginRun(this.slab)
    this.slab = this.newSlab(Math.max(needed, this.slabBytes))
    needed = this.slab.put(key, value, expiryMs)
    if (needed > 0) throw invalidArgument('the memory of a key or value grew during the call')
    return this.room()
  }

  private putLent(lent: LentEntries, i: number): Promise<void> | null {
    const { lifetimes } = this.engine.expiry
    const expiresAt = lent.expiryMs(i)
    const expiryMs = expiresAt === 0 ? lifetimes.expiryByDefaultMs() : lifetimes.expiryMs({ expiresAt })
    this.slab ??= this.newSlab(this.slabBytes)
    const needed = this.slab.putLent(lent, i, expiryMs)
    if (needed === 0) return this.afterPut(this.slab)
    if (this.slab.entryCount > 0) this.beginRun(this.slab)
    this.slab = this.newSlab(Math.max(needed, this.slabBytes))
    this.slab.putLent(lent, i, expiryMs)
    return this.room()
  }

  private newSlab(bytes: number): LoadSlab {
    const memory = bytes <= this.slabBytes ? this.free.pop() : undefined
    return new LoadSlab(memory ?? new SharedArrayBuffer(bytes), this.isSorted, this.keyBefore)
  }

  /** Resolves when another slab may be filled. */
  private async room(): Promise<void> {
    while (this.runningCount >= this.slotsMax - 1 && this.failure === null) {
      await new Promise<void>((resolve) => (this.wake = resolve))
    }
    this.check()
  }

  private beginRun(slab: LoadSlab): void {
    this.runningCount++
    if (this.isSorted) this.keyBefore = slab.lastKey()
    const run = this.makeRun(slab)
    this.runs.push(run)
    run.catch((error: unknown) => (this.failure ??= { error })).finally(() => {
      this.runningCount--
      if (slab.memory.byteLength === this.slabBytes) this.free.push(slab.memory)
      this.wake()
    }).catch(() => undefined)
    if (this.runs.length < RUNS_MAX) return
    const runs = this.runs
    this.runs = [Promise.all(runs).then((all) => this.gather(all))]
    this.runs[0]!.catch((error: unknown) => {
      this.failure ??= { error }
      this.wake()
    })
  }

  private async makeRun(slab: LoadSlab): Promise<TableFacts[]> {
    const { fileName, header } = this.newTable()
    const { facts, duplicateCount } = await runWatched<LoadRunOutput>(this.watched, 'loadRun', {
      ...this.tables(this.isAscending), fileName, header,
      slab: slab.memory, end: slab.end, isAscending: slab.isAscending,
    } as { dir: string })
    this.duplicateCount += duplicateCount
    this.noteOrder(facts)
    this.watched.operation.progress.add(0, slab.entryCount)
    return [outside(facts, header)]
  }

  /** Only tells whether what is made from now on may be final: runs need not end in their order. */
  private noteOrder(facts: TableFacts): void {
    if (this.last !== null && extentsOverlap(extentOf(this.last), extentOf(facts))) this.isAscending = false
    this.last = facts
  }

  /** All runs as one: as they are when they ascend, else merged. */
  private async gather(runs: readonly TableFacts[][]): Promise<TableFacts[]> {
    if (areAscending(runs.flat())) return runs.flat()
    return this.merge(runs, false)
  }

  private async merge(runs: readonly TableFacts[][], isSynced: boolean): Promise<TableFacts[]> {
    const { engine } = this
    const { options, setup: { vfs, executor } } = engine
    const { tableBytes } = compactionSettings(options)
    const inputBytes = runs.flat().reduce((sum, { bytes }) => sum + bytes, 0)
    const planned = Array.from({ length: 2 + 2 * Math.ceil(inputBytes / tableBytes) }, () => this.newTable())
    const openFilesMax = Math.min(options.maxOpenFiles, runFilesMax(vfs.openFilesMax, executor.workerCount))
    const { tables, duplicateCount } = await runWatched<LoadMergeOutput>(this.watched, 'loadMerge', {
      ...this.tables(isSynced), runs, tableBytes, openFilesMax, databaseId: this.origin.databaseId,
      fileNames: planned.map(({ fileName }) => fileName), headers: planned.map(({ header }) => header),
    } as { dir: string })
    this.duplicateCount += duplicateCount
    this.remove(runs.flat().map(({ fileNum }) => fileNum))
    // The outputs were made one after the other, under these names.
    for (const { header } of planned.slice(tables.length)) this.made.delete(header.nameNum)
    return tables.map((facts, i) => outside(facts, planned[i]!.header))
  }

  /** Gives the tables to list: synced, under durable names, opened. */
  async finish(): Promise<TableFacts[]> {
    const runs = await Promise.all(this.runs)
    this.check()
    const isFinal = areAscending(runs.flat())
    const tables = isFinal ? runs.flat() : await this.merge(runs, true)
    if (tables.length === 0) return []
    if (isFinal) await this.syncAll(tables)
    await syncNames(this.engine)
    const numbered = tables.map((facts) => numberedFacts(facts, facts.fileNum, 1))
    for (const facts of numbered) await this.engine.setup.tables.load(facts)
    return numbered
  }

  /** Some may have been made when it looked as if they were to be merged. */
  private async syncAll(tables: readonly TableFacts[]): Promise<void> {
    if (this.isAscending) return
    await syncFilesAndNames(this.engine, tables.map(({ fileNum }) => tableFileName(fileNum)))
  }

  /** They are listed now. */
  keep(tables: readonly TableFacts[]): void {
    for (const { fileNum } of tables) this.made.delete(fileNum)
  }

  /** Waits for jobs under way, and removes what is not listed. */
  async end(): Promise<void> {
    this.failure ??= { error: null }
    await Promise.allSettled(this.runs)
    while (this.runningCount > 0) await new Promise<void>((resolve) => (this.wake = resolve))
    this.remove([...this.made])
  }

  private remove(fileNums: readonly FileNum[]): void {
    const { setup: { tables }, deleter } = this.engine
    for (const fileNum of fileNums) {
      this.made.delete(fileNum)
      tables.retire(fileNum, () => deleter.add([tableFileName(fileNum)]))
    }
  }

  private tables(isSynced: boolean) {
    const { dir, options, versions } = this.engine
    return { dir, isSynced, settings: tableSettings(options, 'compaction', versions.current) }
  }

  /** The number in the header says that no database made it, the one in its name is its own. */
  private newTable(): { fileName: string; header: FileHeader & { nameNum: FileNum } } {
    const nameNum = this.engine.versions.allocateFileNum()
    this.made.add(nameNum)
    return { fileName: tableFileName(nameNum), header: { ...newFileHeader('varvetab', this.origin, 0), nameNum } }
  }
}

/** The facts of a table as a list of tables has them, with number 0 for its entries. */
function outside(facts: TableFacts, { nameNum, databaseId }: FileHeader & { nameNum: FileNum }): TableFacts {
  return numberedFacts({ ...facts, origin: { databaseId, seqNum: 0 } }, nameNum, 0)
}

function areAscending(tables: readonly TableFacts[]): boolean {
  return tables.every((table, i) => {
    const before = tables[i - 1]
    return before === undefined ||
      (compareLowers(extentOf(before), extentOf(table)) < 0 && !extentsOverlap(extentOf(before), extentOf(table)))
  })
}

/**
 * Walks along, until the call must end: a source that never gives its next chunk does not hold it up, nor is waited for
 * then.
 */
async function* untilEnd<T>(operation: Operation, chunks: AsyncGenerator<T>): AsyncGenerator<T> {
  let isDone = false
  try {
    for (;;) {
      const { done, value } = await operation.orEnd(chunks.next())
      isDone = done === true
      if (done === true) return
      yield value
    }
  } finally {
    if (!isDone) await operation.orEnd(chunks.return(undefined)).catch(() => undefined)
  }
}

async function* chunked(
  source: LoadSource | AsyncIterable<LentEntries>,
): AsyncGenerator<readonly LoadEntry[] | LentEntries> {
  if (Symbol.asyncIterator in source) {
    for await (const item of source) yield item instanceof LentEntries || isChunk(item) ? item : [item]
    return
  }
  // An entry at a time would wait for a promise each.
  let chunk: LoadEntry[] = []
  for (const item of source) {
    if (isChunk(item)) {
      yield chunk
      chunk = []
      yield item
    } else if (chunk.push(item) === 512) {
      yield chunk
      chunk = []
    }
  }
  yield chunk
}

/** An array of entries: an entry that is an array begins with a key. */
function isChunk(item: LoadEntry | readonly LoadEntry[]): item is readonly LoadEntry[] {
  if (!Array.isArray(item)) return false
  const first: unknown = item[0]
  return item.length === 0 || (typeof first === 'object' && first !== null && !ArrayBuffer.isView(first))
}

type Fields = [key: string | Uint8Array, value: string | Uint8Array, expiresAt: number | undefined]

/** Reads each field once. Throws INVALID_ARGUMENT for what is no entry. */
function fieldsOf(entry: LoadEntry): Fields {
  if (Array.isArray(entry)) {
    const [key, value] = entry as readonly [Fields[0], Fields[1]]
    return [key, value, undefined]
  }
  if (typeof entry !== 'object' || entry === null) throw invalidArgument('an entry is [key, value] or { key, value }')
  const { key, value, expiresAt } = entry as Exclude<LoadEntry, readonly unknown[]>
  return [key, value, expiresAt]
}
