/**
 * What: the entries of LevelDB logs, in the order in which they were written. A record is a batch:
 *
 *   number of its first entry (u64), number of entries (u32), then of each: kind (u8), key, and unless deleted the
 *   value, both behind their lengths (varints). Each entry has the number behind that of the one before.
 *
 * Owns: the one log that is open. Thread: one.
 */
import { BadBytes, corruption, getU32, unsupportedFormat } from '../base/index.js'
import { LevelCursor, VALUE } from './level-cursor.js'
import { FieldReader } from './level-fields.js'
import { RecordReader } from './record-reader.js'
import type { FileAccess } from './read-window.js'

/** A log, as large as it was when reading began. */
export interface NamedLog {
  fileNum: number
  name: string
  bytes: number
}

const BATCH_HEADER_BYTES = 12

export class LogRun extends LevelCursor {
  private readonly access: FileAccess
  private readonly logs: readonly NamedLog[]
  private readonly note: (text: string) => void
  private nextLog = 0
  private records: RecordReader | null = null
  private readonly fields = new FieldReader(new Uint8Array())
  /** Entries of the batch that are still to come. */
  private left = 0
  /** The number of the next entry: its lowest 24 bits, and the others. */
  private seqLow = 0
  private seqHigh = 0

  constructor(access: FileAccess, logs: readonly NamedLog[], note: (text: string) => void) {
    super()
    this.access = access
    this.logs = logs
    this.note = note
  }

  override next(): boolean {
    const { fields } = this
    try {
      if (this.left === 0) {
        if (fields.left > 0) throw new BadBytes(fields.position, `${fields.left} bytes behind its last entry`)
        return false
      }
      this.left--
      this.takeEntry(fields)
    } catch (error) {
      throw this.batchError(error)
    }
    return true
  }

  private takeEntry(fields: FieldReader): void {
    const kind = fields.u8()
    if (kind > VALUE) throw unsupportedFormat(this.records!.name, this.records!.offset, `an entry of kind ${kind}`)
    const keyBytes = fields.varint()
    this.keyStart = fields.take(keyBytes)
    this.keyEnd = this.keyStart + keyBytes
    const valueBytes = kind === VALUE ? fields.varint() : 0
    this.valueStart = fields.take(valueBytes)
    this.valueEnd = this.valueStart + valueBytes
    this.setTag(this.seqHigh, this.seqLow, kind)
    this.seqLow = (this.seqLow + 1) & 0xffffff
    if (this.seqLow === 0) this.seqHigh++
  }

  private batchError(error: unknown): unknown {
    if (!(error instanceof BadBytes)) return error
    const { name, offset } = this.records!
    return corruption(name, offset, `the batch there cannot be read: ${error.message}`)
  }

  // ── Records ─────────────────────────────────────────────────────────────────────────────────────

  override loadNow(): boolean {
    if (this.records?.nextNow() !== 'record') return false
    this.enterBatch(this.records)
    return true
  }

  override async load(): Promise<boolean> {
    for (;;) {
      const { records } = this
      if (records !== null && (await records.next())) {
        this.enterBatch(records)
        return true
      }
      await this.leaveLog()
      const log = this.logs[this.nextLog++]
      if (log === undefined) return false
      this.rank = -log.fileNum
      this.records = new RecordReader(this.access, log.name, log.bytes)
    }
  }

  private enterBatch({ bytes, start, end, name, offset }: RecordReader): void {
    if (end - start < BATCH_HEADER_BYTES) throw corruption(name, offset, 'a record that is too short for a batch')
    this.key = this.bytes = bytes
    this.loadedBytes = end - start
    this.fields.reset(bytes, start + BATCH_HEADER_BYTES, end)
    this.seqLow = bytes[start]! | (bytes[start + 1]! << 8) | (bytes[start + 2]! << 16)
    this.seqHigh = getU32(bytes, start + 3)
    this.left = getU32(bytes, start + 8)
    if (bytes[start + 7] !== 0) throw corruption(name, offset, 'a batch with a number above 2^56')
  }

  private async leaveLog(): Promise<void> {
    const { records } = this
    if (records === null) return
    const { name, tornEnd, gapAt } = records
    if (tornEnd !== null) this.note(`${name} ends in the middle of a record, at offset ${tornEnd}: that was not read`)
    if (gapAt !== null) this.note(`${name} has zeros between its records, from offset ${gapAt} on`)
    await this.close()
  }

  override async close(): Promise<void> {
    await this.records?.close()
    this.records = null
  }
}
