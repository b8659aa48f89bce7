/**
 * What: the entries of an import, as a load takes them: read from their format, and sifted: what has expired, what is
 * there already, and lines that are no entries are counted and left out.
 * Owns: the counts. Thread: main.
 * Invariants: EXP-2 the walk ends well only behind the end of the stream.
 */
import { corruption, KiB } from '../base/index.js'
import type { Clock } from '../base/index.js'
import type { Engine } from '../engine/index.js'
import { LentEntries } from '../ingest/index.js'
import { momentAt, PointReader } from '../read/index.js'
import { problemOf } from '../report/index.js'
import type { Problem, ProgressMeter } from '../report/index.js'
import { CsvReader } from './csv-reader.js'
import type { EntryReader, OnBadLine, ReadEntry } from './entry-codec.js'
import { viewOf } from './export-format.js'
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
  /** The entries that go on; whoever loads them clears them. */
  readonly passed = new LentEntries()
  private timeMs = 0
  private readonly clock: Clock
  /** The database whose keys stay as they are; null when all are replaced. */
  private readonly keeping: Engine | null
  private readonly reads = new PointReader()

  constructor(clock: Clock, keeping: Engine | null) {
    this.clock = clock
    this.keeping = keeping
  }

  /** Called now and then: the time at which entries have expired or not. */
  look(): void {
    this.timeMs = this.clock.wallMs()
  }

  /** Takes an entry from where it stands; `expiryMs`: 0 for never. */
  take(
    key: Uint8Array, keyStart: number, keyEnd: number,
    value: Uint8Array, valueStart: number, valueEnd: number, { expiryMs }: { expiryMs: number },
  ): void {
    const { counts, keeping } = this
    counts.readCount++
    if (expiryMs !== 0 && expiryMs <= this.timeMs) counts.expiredCount++
    else if (keeping !== null && this.isThere(keeping, viewOf(key, keyStart, keyEnd))) counts.keptCount++
    else this.passed.add(key, keyStart, keyEnd, value, valueStart, valueEnd, expiryMs)
  }

  private isThere(engine: Engine, key: Uint8Array): boolean {
    return this.reads.has(momentAt(engine, null), key)
  }
}

/** The entries of a stream, some at a time; none where nothing of a part goes on. */
export async function* streamEntries(
  { input, first, format }: KnownInput, plan: ImportPlan, sieve: ImportSieve, progress: ProgressMeter,
): AsyncGenerator<LentEntries, void, undefined> {
  const { counts, passed } = sieve
  const reader = newReader(format, input.name, plan, sieve)
  progress.setTotals(input.size, null)
  for (let piece: Uint8Array | null = first; piece !== null; piece = await input.next()) {
    // Who takes the entries gives way to others between two parts.
    for (let at = 0; at < piece.length; at += PART_BYTES) {
      const part = piece.subarray(at, at + PART_BYTES)
      counts.bytes += part.length
      sieve.look()
      reader.push(part)
      progress.add(part.length, passed.count)
      yield passed
      passed.clear()
    }
  }
  sieve.look()
  reader.end()
  if (passed.count > 0) yield passed
  passed.clear()
}

/** Bytes in; the sieve gets the entries. */
interface SievedReader {
  push(bytes: Uint8Array): void
  end(): void
}

function newReader(
  format: KnownInput['format'], name: string, plan: ImportPlan, sieve: ImportSieve,
): SievedReader {
  const onBadLine = badLines(sieve.counts, name, plan.maxErrors)
  switch (format) {
    case 'varve':
      // It has no lines, and nothing of it can be left out.
      return new ExportReader(name, sieve)
    case 'jsonl':
      return new SievedLines(new JsonlReader(name, onBadLine), sieve)
    case 'csv':
      return new SievedLines(new CsvReader(name, plan, onBadLine), sieve)
  }
}

class SievedLines implements SievedReader {
  private readonly reader: EntryReader
  private readonly sieve: ImportSieve

  constructor(reader: EntryReader, sieve: ImportSieve) {
    this.reader = reader
    this.sieve = sieve
  }

  push(bytes: Uint8Array): void {
    this.takeAll(this.reader.push(bytes))
  }

  end(): void {
    this.takeAll(this.reader.end())
  }

  private takeAll(entries: readonly ReadEntry[]): void {
    for (const entry of entries) {
      const { key, value } = entry
      this.sieve.take(key, 0, key.length, value, 0, value.length, entry)
    }
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
