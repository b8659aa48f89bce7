/**
 * What: an export: walks along the entries of one moment, writes them in a format, and gives the bytes to a sink as
 * fast as that takes them. Values that stand apart are read as other walks read them, neighbours together.
 * Owns: the call's cursor, and the sink until it has ended. Thread: main, in steps of 2 ms.
 * Invariants: EXP-1 the sink ends well only behind the end of the stream. EXP-4 all entries are of one moment.
 */
import { invalidArgument, toHex, VarveError } from '../base/index.js'
import type { FileOrigin } from '../base/index.js'
import { Engine } from '../engine/index.js'
import type { Operation, Operations } from '../engine/index.js'
import { ReadOnlyView } from '../open/index.js'
import { WalkAhead } from '../read/index.js'
import type { Cursor, ReadView } from '../read/index.js'
import { Pace } from '../report/index.js'
import type { Vfs } from '../vfs/index.js'
import type { ByteSink } from './byte-sink.js'
import { CsvWriter } from './csv-writer.js'
import type { EntryWriter } from './entry-codec.js'
import type { ExportCall, ExportReport, WriterShape } from './export-call.js'
import { ExportWriter } from './export-writer.js'
import type { ExportOrigin, ExportTotals, LentEntry } from './export-writer.js'
import { FileSink } from './file-sink.js'
import { JsonlWriter } from './jsonl-writer.js'

/** What an export needs of a database besides its entries. */
interface ExportPlace {
  vfs: Vfs
  origin: Pick<FileOrigin, 'databaseId' | 'lineage' | 'random'>
  operations: Operations
}

/**
 * Writes the entries of a moment to a sink. Rejects with INVALID_ARGUMENT for what the format cannot tell,
 * ALREADY_EXISTS, NO_SPACE, IO_ERROR for an error of the sink, ABORTED after `maxAgeMs`, CLOSED, the reason of the
 * signal, or as reads do; then no file is left, and a stream has no end.
 */
export async function exportEntries(view: ReadView, call: ExportCall): Promise<ExportReport> {
  const place = placeOf(view)
  const startedMs = view.clock.wallMs()
  const startMs = view.clock.nowMs()
  const { abort, onProgress, cursor } = call
  return place.operations.run({ kind: 'export', abort, onProgress }, async (operation) => {
    const totals = await new Export(view, place, call, operation).run()
    const { databaseId, lineage } = place.origin
    return {
      tool: 'export', version: 1, database: toHex(databaseId), lineage: String(lineage), startedMs,
      durationMs: view.clock.nowMs() - startMs, ok: true, checkedBytes: 0, files: 1, problems: [],
      format: call.shape.format, entryCount: totals.count, bytes: totals.bytes, seqNum: cursor.seqNum,
    }
  })
}

function placeOf(view: ReadView): ExportPlace {
  if (view instanceof Engine) return { vfs: view.setup.vfs, origin: view.setup.origin, operations: view.operations }
  if (view instanceof ReadOnlyView) {
    const { sight, reading, operations } = view
    const origin = { databaseId: sight.databaseId, lineage: sight.version.lineage.own, random: reading.options.random }
    return { vfs: reading.vfs, origin, operations }
  }
  throw new VarveError('INTERNAL', 'a database of an unknown kind')
}

/** An entry whose value was read from a value log. */
interface ApartEntry extends LentEntry {
  readonly expiryMs: number
}

class Export {
  private readonly view: ReadView
  private readonly place: ExportPlace
  private readonly call: ExportCall
  private readonly operation: Operation
  private readonly pace: Pace
  /** What the writer has given and the sink has not. */
  private chunks: Uint8Array[] = []

  constructor(view: ReadView, place: ExportPlace, call: ExportCall, operation: Operation) {
    this.view = view
    this.place = place
    this.call = call
    this.operation = operation
    this.pace = new Pace(view.clock, call.bytesPerSecond)
  }

  async run(): Promise<ExportTotals> {
    const { call, operation, view: { clock } } = this
    const timer = call.maxAgeMs === Infinity
      ? null : clock.after(call.maxAgeMs, () => operation.end(tooOld(call.maxAgeMs)))
    let sink: ByteSink | null = typeof call.sink === 'string' ? null : call.sink
    try {
      sink ??= await this.fileOf(call.sink as string)
      return await this.pass(sink, call.cursor)
    } catch (error) {
      await sink?.abandon(error)
      throw error
    } finally {
      call.cursor.close()
      timer?.cancel()
    }
  }

  private async fileOf(path: string): Promise<ByteSink> {
    const { vfs } = this.place
    const parent = vfs.parent(path)
    const isInside = await vfs.realPath(parent).then((real) => real === this.view.dir, () => false)
    if (isInside) throw invalidArgument('an export cannot go into the directory of the database')
    return FileSink.make(vfs, path)
  }

  private async pass(sink: ByteSink, cursor: Cursor): Promise<ExportTotals> {
    const { call, place, view } = this
    const { hasExpiry } = call.shape
    const writer = newWriter(call.shape, place.origin, (bytes) => this.chunks.push(bytes))
    const ahead = new WalkAhead<ApartEntry>(view, cursor, {
      now: (at) => apartEntry(at, at.value()),
      apart: (at) => {
        const [key, expiryMs] = [at.key(), at.expiryMs]
        return (value) => entryOf(key, value, expiryMs)
      },
    })
    const { turns } = view
    let count = 0
    const addApart = (entry: ApartEntry): void => writer.addLent(entry, hasExpiry === false ? 0 : entry.expiryMs)
    try {
      for (;;) {
        if (!ahead.isEmpty && !cursor.wasCut) addApart(ahead.take())
        else if (cursor.next()) {
          const held = cursor.heldValue
          if (held !== null) addApart(await ahead.copy(held))
          else if (cursor.isApart) addApart(await ahead.read())
          else writer.addLent(cursor.lent, hasExpiry === false ? 0 : cursor.expiryMs)
        } else if (!cursor.isPaused) break
        else count--
        count++
        if (turns.isOver()) await turns.next()
        this.operation.check()
        if (this.chunks.length > 0) {
          await this.drain(sink, count)
          count = 0
        }
      }
      if (cursor.wasCut) throw new VarveError('CLOSED', 'the database was closed before the export was done')
      const totals = writer.end()
      await this.drain(sink, count)
      await this.operation.orEnd(sink.end())
      this.operation.progress.end()
      return totals
    } finally {
      ahead.drop()
    }
  }

  /** Gives to the sink what was written. */
  private async drain(sink: ByteSink, count: number): Promise<void> {
    const { chunks, operation, pace } = this
    this.chunks = []
    let bytes = 0
    for (const chunk of chunks) {
      await operation.orEnd(sink.write(chunk))
      await pace.take(chunk.length, () => operation.check())
      bytes += chunk.length
    }
    operation.progress.add(bytes, count)
  }
}

function apartEntry(cursor: Cursor, value: Uint8Array): ApartEntry {
  return entryOf(cursor.key(), value, cursor.expiryMs)
}

function entryOf(key: Uint8Array, value: Uint8Array, expiryMs: number): ApartEntry {
  return {
    keyBytes: key, keyStart: 0, keyEnd: key.length, valueBytes: value, valueStart: 0, valueEnd: value.length, expiryMs,
  }
}

function newWriter(shape: WriterShape, origin: ExportOrigin, give: (bytes: Uint8Array) => void): EntryWriter {
  switch (shape.format) {
    case 'varve':
      return new ExportWriter(origin, give)
    case 'jsonl':
      return new JsonlWriter(give, shape.hasJsonValues)
    case 'csv':
      return new CsvWriter(give, shape)
  }
}

function tooOld(maxAgeMs: number): VarveError {
  return new VarveError('ABORTED', `the export was not done after ${maxAgeMs} ms`, {
    hint: 'give it more time, a smaller range, or a faster sink; what it wrote has no end and does not count',
  })
}
