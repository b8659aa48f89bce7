/**
 * What: reads a LevelDB directory as sorted live entries, in one pass: the manifest says which tables and logs count;
 * rows of tables and the sorted logs are merged.
 * Owns: the files that are open while it reads. Thread: main.
 * Invariants: LDB-1 no file is changed, none is read that the manifest does not list. What leaves is what LevelDB would
 * give, or an error: a listed file that is missing, or a directory that changed meanwhile, ends it.
 */
import { KiB, MiB, Turns, VarveError } from '../base/index.js'
import { nodeCodec } from '../vfs/index.js'
import type { Vfs } from '../vfs/index.js'
import { LevelChunk } from './level-chunk.js'
import type { LevelCursor } from './level-cursor.js'
import { inUseError, missingFile, surveyDirectory } from './level-directory.js'
import type { LevelDirectory, NumberedFile } from './level-directory.js'
import { BYTEWISE_COMPARATOR, readManifest } from './level-manifest.js'
import type { LevelVersion } from './level-manifest.js'
import { LevelMerge } from './level-merge.js'
import type { LevelEntry, LevelReading, LevelReadOptions, LevelReadReport } from './level-options.js'
import { LogRun } from './log-run.js'
import type { FileAccess } from './read-window.js'
import { SortedEntries } from './sorted-entries.js'
import { rowsOf } from './table-rows.js'
import { TableRun } from './table-run.js'
import type { NamedTable } from './table-run.js'

const SORT_BYTES = 64 * MiB
/** What all open tables together read ahead, and the bounds of what one does. They unpack about as much. */
const AHEAD_BYTES = 8 * MiB
const AHEAD_BYTES_MIN = 4 * KiB
const AHEAD_BYTES_MAX = 512 * KiB
/** With more tables side by side files are opened for each read, so that no limit of open files is met. */
const OPEN_FILES_MAX = 64

/**
 * Reads the LevelDB database in `dir`, of which no file is changed and no lock is taken. Nothing is read before the
 * first chunk is asked for. Then the chunks throw NOT_FOUND where there is no LevelDB database, NOT_SUPPORTED for
 * RocksDB's, for another order of keys, and for blocks in a packing that this platform cannot undo, UNSUPPORTED_FORMAT
 * for fields and kinds of entry that LevelDB does not have, LOCKED when the directory changed meanwhile, CORRUPTION,
 * MISSING_FILE, IO_ERROR, or the reason of the signal.
 */
export function readLevelDatabase(vfs: Vfs, dir: string, options: LevelReadOptions): LevelReading {
  const report: LevelReadReport = {
    comparator: '', entries: 0, entryBytes: 0, storedEntries: 0, tables: 0, logs: 0, readBytes: 0, notes: [],
  }
  return { chunks: new LevelDatabaseReader(vfs, dir, options, report).chunks(), report }
}

/** What the manifest lists, as files. */
interface ListedFiles {
  tables: NamedTable[]
  logs: NumberedFile[]
}

class LevelDatabaseReader {
  private readonly vfs: Vfs
  private readonly dir: string
  private readonly options: LevelReadOptions
  private readonly report: LevelReadReport
  private readonly turns: Turns
  /** Entries that were sorted. */
  private sortedCount = 0

  constructor(vfs: Vfs, dir: string, options: LevelReadOptions, report: LevelReadReport) {
    this.vfs = vfs
    this.dir = dir
    this.options = options
    this.report = report
    this.turns = new Turns(options.clock)
  }

  async * chunks(): AsyncGenerator<LevelEntry[], void, undefined> {
    const directory = await surveyDirectory(this.vfs, this.dir)
    try {
      const version = await this.readVersion(directory)
      const merge = this.openAll(version, this.findFiles(directory, version))
      try {
        yield* this.merged(merge)
      } finally {
        await merge.close()
      }
    } catch (error) {
      throw await this.explain(error, directory)
    }
    if (await this.hasChanged(directory)) throw inUseError(this.dir)
    if (directory.hasLockFile) this.note(LOCK_NOTE)
    this.options.meter?.end()
  }

  // ── What there is ───────────────────────────────────────────────────────────────────────────────

  private async readVersion({ manifest, hasNewerManifest }: LevelDirectory): Promise<LevelVersion> {
    const { report, options } = this
    const version = await readManifest(this.access(true), manifest.name, manifest.bytes)
    const { tornEnd, comparator } = version
    report.comparator = comparator ?? ''
    if (comparator !== BYTEWISE_COMPARATOR && options.anyComparator !== true) throw this.orderError(manifest.name)
    if (comparator !== BYTEWISE_COMPARATOR) this.note(
      `its keys are in the order '${report.comparator}': they were sorted bytewise, and keys that are equal only in ` +
      'that order were kept apart',
    )
    if (tornEnd !== null) {
      this.note(`${manifest.name} ends in the middle of a record, at offset ${tornEnd}: that was not read`)
    }
    if (hasNewerManifest) this.note(`CURRENT names ${manifest.name}, and there is one with a higher number`)
    return version
  }

  private orderError(manifest: string): VarveError {
    const { comparator } = this.report
    return new VarveError('NOT_SUPPORTED', `the keys are in the order '${comparator}', not '${BYTEWISE_COMPARATOR}'`, {
      file: manifest, hint: 'anyComparator: true (--any-comparator) sorts them bytewise',
    })
  }

  /** Finds the files. Throws MISSING_FILE: without one of them older entries, and deleted ones, would be seen. */
  private findFiles(directory: LevelDirectory, version: LevelVersion): ListedFiles {
    const { logNum, previousLogNum } = version
    // Of equal entries that of the newest table counts: the highest number in level 0, then level by level.
    const sorted = [...version.tables].sort((a, b) => a.level - b.level || b.fileNum - a.fileNum)
    const tables = sorted.map((table, rank) => {
      const name = directory.tableNames.get(table.fileNum)
      if (name === undefined) throw missingFile(`${pad(table.fileNum)}.ldb`, 'the manifest lists it')
      return { ...table, name, rank }
    })
    const logs = directory.logs.filter(({ fileNum }) => fileNum >= logNum || fileNum === previousLogNum)
    for (const wanted of [logNum, previousLogNum]) {
      if (wanted === 0 || logs.some(({ fileNum }) => fileNum === wanted)) continue
      throw missingFile(`${pad(wanted)}.log`, 'the manifest names it: what was written last stands in no table')
    }
    const isUnknown = [...directory.tableNames.keys()].some((fileNum) => fileNum >= version.nextFileNum)
    if (isUnknown) this.note(
      'there are tables that the manifest does not know: a flush or a compaction had not ended, or the manifest is ' +
      'older than they are',
    )
    this.report.tables = tables.length
    this.report.logs = logs.length
    const bytes = (files: readonly { bytes: number }[]): number => files.reduce((sum, file) => sum + file.bytes, 0)
    this.options.meter?.setTotals(directory.manifest.bytes + bytes(tables) + bytes(logs), null)
    return { tables, logs }
  }

  // ── Reading ─────────────────────────────────────────────────────────────────────────────────────

  private openAll(version: LevelVersion, { tables, logs }: ListedFiles): LevelMerge {
    const { sortBytes = SORT_BYTES, codecOf = nodeCodec } = this.options
    const isOrdered = version.comparator === BYTEWISE_COMPARATOR
    const rows = isOrdered ? rowsOf(tables) : [tables]
    const access = this.access(rows.length <= OPEN_FILES_MAX)
    const aheadBytes = Math.min(AHEAD_BYTES_MAX, Math.max(AHEAD_BYTES_MIN, AHEAD_BYTES / Math.max(1, rows.length)))
    const pause = (): Promise<void> => this.pause()
    const openTables = (): LevelCursor[] => rows.map((row) =>
      new TableRun({ access, tables: row, aheadBytes, isOrdered, pause, codecOf }))
    const openLogs = (): LevelCursor => new LogRun(access, logs, (text) => this.note(text))
    const sorted = new SortedEntries({
      open: () => (isOrdered ? [openLogs()] : [openLogs(), ...openTables()]),
      sortBytes, pause,
      expectedBytes: [...logs, ...(isOrdered ? [] : tables)].reduce((sum, { bytes }) => sum + bytes, 0),
      onEntries: (count) => (this.sortedCount += count),
    })
    return new LevelMerge(isOrdered ? [sorted, ...openTables()] : [sorted], sorted)
  }

  private async * merged(merge: LevelMerge): AsyncGenerator<LevelEntry[], void, undefined> {
    const { report, options } = this
    const chunk = new LevelChunk()
    for (let step = 'wait'; ; ) {
      if (step === 'wait') await merge.load()
      await this.pause()
      step = merge.fill(chunk)
      report.storedEntries = this.sortedCount + merge.storedCount
      if (chunk.entries.length > 0 && (step === 'full' || step === 'end')) {
        report.entries += chunk.entries.length
        report.entryBytes += chunk.entryBytes
        options.meter?.add(0, chunk.entries.length)
        yield chunk.take()
      }
      if (step === 'end') return
    }
  }

  private access(keepsOpen: boolean): FileAccess {
    return {
      vfs: this.vfs, dir: this.dir, keepsOpen,
      onRead: (bytes) => {
        this.report.readBytes += bytes
        // What is read once more, to be sorted in parts, is no progress.
        const { meter } = this.options
        meter?.add(Math.min(bytes, (meter.now.totalBytes ?? Infinity) - meter.now.doneBytes))
      },
    }
  }

  /** Notes a sentence once, however often a log is read. */
  private note(text: string): void {
    if (!this.report.notes.includes(text)) this.report.notes.push(text)
  }

  private async pause(): Promise<void> {
    this.options.abort?.check()
    if (this.turns.isOverNow()) await this.turns.next()
  }

  // ── Whether somebody writes ─────────────────────────────────────────────────────────────────────

  private async hasChanged({ fingerprint }: LevelDirectory): Promise<boolean> {
    try {
      return (await surveyDirectory(this.vfs, this.dir)).fingerprint !== fingerprint
    } catch (error) {
      if (VarveError.is(error) && error.code !== 'IO_ERROR') return true
      throw error
    }
  }

  /** What looks damaged while somebody writes is not. */
  private async explain(error: unknown, directory: LevelDirectory): Promise<unknown> {
    if (!VarveError.is(error) || !CHANGE_SHOWS_AS.has(error.code)) return error
    const isChanged = await this.hasChanged(directory).catch(() => false)
    return isChanged ? inUseError(this.dir, error) : error
  }
}

const LOCK_NOTE =
  'LOCK cannot be asked whether a program has the database open: nothing changed in the directory while it was read'

const CHANGE_SHOWS_AS: ReadonlySet<string> = new Set(['CORRUPTION', 'MISSING_FILE', 'IO_ERROR'])

function pad(fileNum: number): string {
  return String(fileNum).padStart(6, '0')
}
