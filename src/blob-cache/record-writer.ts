/**
 * What: makes a record of a new blob in the place that was reserved for it.
 * Thread: main. There is no I/O.
 */
import { bytesOfView, writeText } from '../base/index.js'
import type { Clock, SeqNum } from '../base/index.js'
import { StageTimes } from '../stats/index.js'
import type { ReservedPlace } from './segment-file.js'
import type { FooterEntry } from './segment-footer.js'
import { emptyRecordHeader, RECORD_HEADER_BYTES, recordTime, sealRecord, valueStart } from './segment-format.js'
import type { RecordHeader } from './segment-format.js'
import { entryOf } from './segment-scan.js'
import type { NewBlob } from './waiting-puts.js'

type BlobFields = 'plainBytes' | 'codecNumber' | 'namespace' | 'expiresMs' | 'staleMs'

export class RecordWriter {
  readonly times = new StageTimes()
  private readonly clock: Clock
  private readonly header = emptyRecordHeader()

  constructor(clock: Clock) {
    this.clock = clock
  }

  /** The fields of a record's header that say what it is, not where it stands. */
  fieldsOf(
    { plainBytes, codecNumber, namespace, expiresMs, staleMs }: Pick<NewBlob, BlobFields>, seqNum: SeqNum,
  ): Pick<RecordHeader, 'plainBytes' | 'codec' | 'seqNum' | 'createdMs' | 'namespace' | 'expiresMs' | 'staleMs'> {
    const createdMs = recordTime(this.clock.wallMs())
    return { plainBytes, codec: codecNumber, seqNum, createdMs, namespace, expiresMs, staleMs }
  }

  /** Writes the record, and gives its entry. `seed` is that of the file. */
  write(blob: NewBlob, place: ReservedPlace, seed: number, seqNum: SeqNum): FooterEntry {
    const startMs = this.clock.nowMs()
    const { key, value, valueBytes, recordBytes, extensions } = blob
    const { bytes, at, offset, recordNum } = place
    const header: RecordHeader = Object.assign(this.header, {
      keyBytes: key.bytes.length, extensionBytes: extensions.length, storedBytes: valueBytes, recordNum,
      low: key.low, high: key.high, ...this.fieldsOf(blob, seqNum),
    })
    bytes.set(key.bytes, at + RECORD_HEADER_BYTES)
    bytes.set(extensions, at + RECORD_HEADER_BYTES + key.bytes.length)
    const valueAt = at + valueStart(header)
    if (typeof value === 'string') writeText(value, bytes, valueAt)
    else bytes.set(bytesOfView(value)!.subarray(0, valueBytes), valueAt)
    sealRecord(bytes, at, offset, seed, header)
    this.times.record(this.clock.nowMs() - startMs)
    return entryOf(header, offset, recordBytes, key.bytes)
  }
}
