/**
 * What: the numbers that a store gives: to each put, delete and purge a sequence number, to each file its own.
 * Owns: the highest ones that were given. Thread: main.
 * Invariants: BC-6 a number is given once; they begin behind all that an open found.
 */
import type { SeqNum } from '../base/index.js'
import type { PromisedNumbers } from './catalog-format.js'
import type { RecoveredCache } from './recovery.js'

export class StoreNumbers implements PromisedNumbers {
  /** The id of the cache. */
  readonly databaseId: Uint8Array
  seqNum: SeqNum
  fileNum: number

  constructor({ origin, seqNum, fileNum }: Pick<RecoveredCache, 'origin' | 'seqNum' | 'fileNum'>) {
    this.databaseId = origin.databaseId
    this.seqNum = seqNum
    this.fileNum = fileNum
  }

  nextSeqNum(): SeqNum {
    return ++this.seqNum
  }

  nextFileNum(): number {
    return ++this.fileNum
  }

  /** Gives sequence numbers from behind this one on. */
  begin(seqNum: SeqNum): void {
    this.seqNum = Math.max(this.seqNum, seqNum)
  }
}
