/**
 * What: the entries of an import, as a load takes them: read from their format, and sifted: what has expired, what is
 * there already, and lines that are no entries are counted and left out.
 * Owns: the counts. Thread: main.
 * Invariants: EXP-2 the walk ends well only behind the end of the stream.
 */
import { corruption, KiB } from '../base/index.js'
import type { Clock } from '../base/index.js'
import type { Engine } from '../engine/index.js'
import type { LoadEntry } from '../ingest/index.js'
import { momentAt, PointReader } from '../read/index.js'
import { problemOf } from '../report/index.js'
import type { Problem, ProgressMeter } from '../report/index.js'
import { CsvReader } from './csv-reader.js'
import type { EntryReader, OnBadLine, ReadEntry } from './entry-codec.js'
import { ExportReader } from './export-reader.js'
import type { ImportPlan } from './import-call.js'
import type { KnownInput } from './import-source.js'
import { JsonlReader } from './jsonl-reader.js'

/** A report lists so many lines; the others are counted. */
const PROBLEMS_MAX = 100
/** Bytes that are parsed and sifted in one go: about a millisecond. */
const PART_BYTES = 64 * KiB

class ImportCounts {
  readCount = 0
  expiredCount = 0
  keptCount = 0
  rejectedCount = 0
  bytes = 0
  readonly problems: Problem[] = []
}

/** Says which entries go on. */
export class ImportSieve {
  readonly counts = new ImportCounts()
  private readonly clock: Clock
  /** The database whose keys stay as they are; null when all are replaced. */
  private readonly keeping: Engine | null
  private readonly reads = new PointReader()

  constructor(clock: Clock, keeping: Engine | null) {
    this.clock = clock
    this.keeping = keeping
  }

  sift(entries: readonly ReadEntry[]): LoadEntry[] {
    const { counts } = this
    const timeMs = this.clock.wallMs()
    const loaded: LoadEntry[] = []
    counts.readCount += entries.length
    for (const { key, value, expiryMs } of entries) {
      if (expiryMs !== 0 && expiryMs <= timeMs) counts.expiredCount++
      else if (this.keeping !== null && this.isThere(this.keeping, key)) counts.keptCount++
      else loaded.push(expiryMs === 0 ? { key, value } : { key, value, expiresAt: expiryMs })
    }
    return loaded
  }

  private isThere(engine: Engine, key: Uint8Array): boolean {
    return this.reads.has(momentAt(engine, null), key)
  }
}

/** The entries of a stream, in arrays, which are empty where nothing of a part goes on. */
export async function* streamEntries(
  { input, first, format }: KnownInput, plan: ImportPlan, sieve: ImportSieve, progress: ProgressMeter,
): AsyncGenerator<LoadEntry[], void, undefined> {
  const { counts } = sieve
  const reader = newReader(format, input.name, plan, badLines(counts, input.name, plan.maxErrors))
  progress.setTotals(input.size, null)
  for (let piece: Uint8Array | null = first; piece !== null; piece = await input.next()) {
    // Who takes the entries gives way to others between two parts.
    for (let at = 0; at < piece.length; at += PART_BYTES) {
      const part = piece.subarray(at, at + PART_BYTES)
      counts.bytes += part.length
      const entries = sieve.sift(reader.push(part))
      progress.add(part.length, entries.length)
      yield entries
    }
  }
  const last = sieve.sift(reader.end())
  if (last.length > 0) yield last
}

function newReader(format: KnownInput['format'], name: string, plan: ImportPlan, onBadLine: OnBadLine): EntryReader {
  switch (format) {
    case 'varve':
      return new VarveStream(name)
    case 'jsonl':
      return new JsonlReader(name, onBadLine)
    case 'csv':
      return new CsvReader(name, plan, onBadLine)
  }
}

/** A varve stream has no lines, and nothing of it can be left out. */
class VarveStream implements EntryReader {
  private readonly reader: ExportReader

  constructor(name: string) {
    this.reader = new ExportReader(name)
  }

  push(bytes: Uint8Array): ReadEntry[] {
    return this.reader.push(bytes)
  }

  end(): ReadEntry[] {
    this.reader.end()
    return []
  }
}

/** Notes lines that are no entries, and throws for the one that is too many. */
function badLines(counts: ImportCounts, file: string, maxErrors: number): OnBadLine {
  return ({ offset, bytes, message }) => {
    const error = corruption(file, offset, message, 'mend the line, or let maxErrors lines be left out')
    if (++counts.rejectedCount > maxErrors) throw error
    if (counts.problems.length === PROBLEMS_MAX) return
    const consequence = 'the entry of this line is not in the database'
    counts.problems.push({ ...problemOf(error, { file, consequence }), bytes })
  }
}
