/**
 * What: turns the large values of one slab into handles: into its log, which is promoted, or into new value logs.
 * Owns: the new value logs (value-copies.ts), which go when the flush fails.
 * Does not own: the decision (value-rules.ts), the entries of the table.
 * Thread: worker or main; I/O blocks. Nothing is allocated per value.
 * Invariants: VLG-4 the size recorded for a promoted log is the end of its last published frame, or, in a recovery,
 * what is proven of it: no handle points behind it.
 */
import {
  crc32, entryContentStart, entryKeyEnd, entryKeyStart, entryKind, entryValueEnd, fileSeedOf, hasValueChecksum,
  kindOf, putValueHandle, SALT_BYTES, VALUE_HANDLE_BYTES, valueChecksum,
} from '../base/index.js'
import type { FileNum, SeqNum } from '../base/index.js'
import type { NewValueLog } from '../manifest/index.js'
import { ValueCopies } from './value-copies.js'

/** Where the salt stands in a file header (base/file-header.ts). */
const SALT_OFFSET = 48

export interface PromotedLog {
  logNum: FileNum
  /** Bytes of it that the manifest may count on. */
  bytes: number
}

export class SeparatedValues {
  /** The handle of the value that was given last. */
  readonly handle = new Uint8Array(VALUE_HANDLE_BYTES)
  private readonly slab: Uint8Array
  private readonly seed: number
  private readonly target: PromotedLog | ValueCopies
  private valueCount = 0
  private valueBytes = 0

  /** `slab` begins with the header of its log. */
  constructor(slab: Uint8Array, target: PromotedLog | ValueCopies) {
    this.slab = slab
    this.seed = fileSeedOf(slab)
    this.target = target
  }

  /** Makes the handle of the value of the entry at `at`. */
  put(at: number, seqNum: SeqNum): void {
    const { slab, target, handle } = this
    const start = entryContentStart(slab, at)
    const end = entryValueEnd(slab, at)
    const seed = (this.seed ^ start) >>> 0
    const checksum = hasValueChecksum(slab, at) ? valueChecksum(slab, at) : crc32(slab, start, end, seed)
    this.valueCount++
    this.valueBytes += end - start
    if (!(target instanceof ValueCopies)) {
      putValueHandle(handle, 0, start, end - start, checksum, target.logNum)
      return
    }
    const writer = target.next()
    writer.stage(slab, entryKeyStart(slab, at), entryKeyEnd(slab, at), seqNum, kindOf(entryKind(slab, at)))
    writer.add(slab, start, end, checksum, seed)
    writer.putHandle(handle, 0)
  }

  /** Called now and then. */
  syncSome(): void {
    if (this.target instanceof ValueCopies) this.target.syncSome()
  }

  /** What the manifest says of the files. Requires: at least one value. */
  finish(): NewValueLog[] {
    const { target, slab, valueCount, valueBytes } = this
    if (target instanceof ValueCopies) return target.finish()
    return [{
      fileNum: target.logNum, isLog: true, bytes: target.bytes, salt: slab.slice(SALT_OFFSET, SALT_OFFSET + SALT_BYTES),
      putCount: valueCount, putBytes: valueBytes, namedInLog: 0,
    }]
  }

  /** Removes what was made. */
  discard(): void {
    if (this.target instanceof ValueCopies) this.target.discard()
  }
}
