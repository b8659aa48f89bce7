/** Histories of several logs as bytes, and reading them back as recovery does. */
import { EntryKind, FRAME_HEADER_BYTES } from '../../../src/base/index.js'
import type { LogFacts, SeqNum } from '../../../src/base/index.js'
import { encodeBatch, OperationList } from '../../../src/commit/index.js'
import type { BatchOperation } from '../../../src/commit/index.js'
import { Memtable } from '../../../src/memtable/index.js'
import { SlabPool } from '../../../src/slab/index.js'
import { findHistory, FIRST_BATCH_OFFSET, holdToListed, noPredecessor, scanLog } from '../../../src/wal/index.js'
import type { HistoryCut } from '../../../src/wal/index.js'
import { sampleLineage } from './manifest-samples.js'
import { sampleBuffer, sampleDatabaseId } from './write-buffer-samples.js'

/** A sync mark: log and bytes. */
export type Mark = readonly [log: number, bytes: number]

const NO_MARK: Mark = [0, 0]

export interface HistoryBatch {
  operations: BatchOperation[]
  mark?: Mark
}

export interface HistoryFrame {
  log: number
  at: number
  end: number
  /** The sequence number of its last entry. */
  seqNum: SeqNum
  mark: Mark
}

export interface History {
  /** Bytes by log number. */
  files: Map<number, Uint8Array>
  frames: HistoryFrame[]
  /** Every entry as text, in sequence order. */
  entries: string[]
}

export function describeEntry(seqNum: SeqNum, kind: number, key: Uint8Array, value: Uint8Array): string {
  const text = kind === EntryKind.tombstone ? 'deleted' : Buffer.from(value).toString('latin1')
  return `${seqNum} ${Buffer.from(key).toString('latin1')} ${text}`
}

/** Makes logs with the given numbers and batches, each naming the one before it. */
export function buildHistory(
  logs: [fileNum: number, batches: HistoryBatch[]][], firstSeqNum = 1, firstSalt = 1,
): History {
  const history: History = { files: new Map(), frames: [], entries: [] }
  let predecessor = noPredecessor(firstSeqNum - 1)
  for (const [fileNum, batches] of logs) {
    let { lastSeqNum } = predecessor
    const { buffer } = sampleBuffer(fileNum, { lastSeqNum, firstSalt })
    buffer.begin(predecessor)
    for (const { operations, mark = NO_MARK } of batches) {
      const at = buffer.encodedEnd
      buffer.setMark(...mark)
      encodeBatch(buffer, OperationList.read(operations), { sync: false, position: null }, lastSeqNum + 1)
      lastSeqNum += operations.length
      history.frames.push({ log: fileNum, at, end: buffer.encodedEnd, seqNum: lastSeqNum, mark })
    }
    history.files.set(fileNum, buffer.bytes.slice(0, buffer.encodedEnd))
    predecessor = { fileNum, salt: buffer.log.salt, lastSeqNum, end: buffer.encodedEnd }
  }
  history.entries = readHistory(history.files).entries
  return history
}

export interface ReadBack {
  entries: string[]
  cut: HistoryCut | null
}

/** Reads logs and decides as recovery does; entries are taken from memtables, as readers take them. */
export function readHistory(
  files: Map<number, Uint8Array>, logPointer = 1, listed: readonly LogFacts[] = [],
): ReadBack {
  const pool = new SlabPool(0, 0)
  const numbers = [...files.keys()].filter((fileNum) => fileNum >= logPointer).sort((a, b) => a - b)
  const logs = numbers.map((fileNum) => {
    const file = files.get(fileNum)!
    const slab = pool.take(file.length)
    slab.bytes.set(file)
    return { slab, scanned: scanLog(fileNum, slab.bytes, file.length, sampleDatabaseId) }
  })
  const counting = holdToListed(logs.map(({ scanned }) => scanned), {
    listed: new Map(listed.map((facts) => [facts.fileNum, facts])), logPointer, lineage: sampleLineage,
  })
  const cut = findHistory(counting, logPointer)
  const entries: [SeqNum, string][] = []
  for (const { slab, scanned } of logs) {
    if (!counting.includes(scanned) || scanned.goodEnd <= FIRST_BATCH_OFFSET) continue
    const memtable = new Memtable({
      logNum: scanned.fileNum, start: FIRST_BATCH_OFFSET, baseSeqNum: scanned.predecessor!.lastSeqNum,
      hashSeed: { low: 1, high: 2 }, executor: null,
    })
    memtable.fill(slab)
    memtable.insertFrames(scanned.goodEnd)
    const it = memtable.iterator()
    for (it.first(); it.valid; it.next()) {
      const key = it.keyBytes.slice(it.keyStart, it.keyEnd)
      const value = it.valueBytes.slice(it.valueStart, it.valueEnd)
      if (value.length !== it.valueEnd - it.valueStart) throw new Error('a value reaches over its log')
      entries.push([it.seqNum, describeEntry(it.seqNum, it.kind, key, value)])
    }
    if (memtable.entryCount !== scanned.entryCount) throw new Error('entry counts differ')
  }
  return { entries: entries.sort((a, b) => a[0] - b[0]).map(([, text]) => text), cut }
}

/** Offsets of the fields of a frame's header. */
export const frameFields = { bodyBytes: 4, type: 12, extensionBytes: 14, firstSeqNum: 16, count: 24, mark: 32 } as const
export const bodyOf = (frame: HistoryFrame): number => frame.at + FRAME_HEADER_BYTES
