/**
 * What: moves the values of a compaction's kept handles out of condemned value logs, into new ones in key order.
 *
 * Where a value will stand is known before it is read: key and length say it, and its checksum there follows from the
 * one in the handle. So the new handle goes into the table at once, and only a list of moves is kept; what the list
 * names is read later, by place, checked, and written in the order of the keys. A value that is wrong fails the run.
 * Owns: the new files, which `discard` removes, finished or not; the condemned files while they are read.
 * Does not own: which handles are kept (compaction-merge.ts).
 * Thread: worker or main; I/O blocks. Memory: one window, and the keys of the moves that are listed.
 * Invariants: VLG-7 only the place of a value changes. COMP-5 after `discard` nothing is left.
 */
import {
  assert, corruption, crc32, EntryKind, FILE_BYTES_MAX, FILE_HEADER_BYTES, fileSeed, frontBytes, handleChecksum,
  handleFileNum,
  handleLength, handleOffset, KEY_BYTES_MAX, KiB, MiB, putValueHandle, reseedCrc32,
} from '../base/index.js'
import type { FileHeader, FileNum, SeqNum } from '../base/index.js'
import { isApart } from '../iterator/index.js'
import type { NewValueLog, ValueLogFacts } from '../manifest/index.js'
import type { TableContext, TableScan } from '../sstable/index.js'
import { isRight, NewValueLogFile, seedAt, wrongValue } from '../tables/index.js'
import type { ListedValueLog, ValuePlace } from '../tables/index.js'
import { VALUE_LOG_END_BYTES, valueFrameBytes, valueHeadBytes } from '../vlog/index.js'
import { readFrom, ValueSources } from './value-sources.js'

export interface ValueMoves {
  /** The value logs whose values are moved. */
  condemned: readonly ValueLogFacts[]
  /** A header for each value log that may be made, each with a fresh number. */
  headers: readonly FileHeader[]
  /** The names of these value logs while they are written. */
  fileNames: readonly string[]
  /** A value log is ended at about this size. */
  fileBytes: number
}

interface Move extends ValuePlace {
  /** Which of the new files the value goes to, and where it will stand there. */
  readonly target: number
  readonly newOffset: number
  readonly keyStart: number
  readonly keyEnd: number
  readonly seqNum: SeqNum
  /** Where its bytes stand in the window. */
  at: number
}

/** Values that are read and written together. One that is larger goes in pieces of this size. */
const WINDOW_BYTES = 4 * MiB
/** Neighbours in one file are read together up to so many bytes, when no more than the gap lies between them. */
const READ_BYTES_MAX = MiB
const READ_GAP_MAX = 32 * KiB

export class ValueMover {
  /** Bytes of values moved so far. */
  movedBytes = 0
  readonly made: NewValueLog[] = []
  private readonly place: TableContext
  private readonly isSynced: boolean
  private readonly moves: ValueMoves
  private readonly sources: ValueSources
  private readonly files: NewValueLogFile[] = []
  /** The new file that the next value goes to, and the place of its frame there. */
  private target = 0
  private targetAt = FILE_HEADER_BYTES
  private targetSeed: number
  private pending: Move[] = []
  private keys = new Uint8Array(64 * KiB)
  private keysEnd = 0
  private readonly key = new Uint8Array(KEY_BYTES_MAX)
  private window: Uint8Array | null = null
  private scratch: Uint8Array | null = null
  /** The value log of the last handle; null: it is not condemned. */
  private lastSource: ListedValueLog | null = null
  private lastFileNum: FileNum = 0

  constructor(place: TableContext, moves: ValueMoves, isSynced: boolean) {
    this.place = place
    this.isSynced = isSynced
    this.moves = moves
    this.sources = new ValueSources(place, moves.condemned)
    this.targetSeed = fileSeed(moves.headers[0]!)
  }

  /** Changes the handles of entries `from` to `end` that name condemned files. All of these entries are kept. */
  takeFrom({ block }: TableScan, from: number, end: number): void {
    if (!block.hasHandles) return
    const { bytes } = block
    for (let i = from; i < end; i++) {
      if (!isApart(block.kindAt(i))) continue
      const at = handleStart(block, i)
      const fileNum = handleFileNum(bytes, at)
      if (fileNum !== this.lastFileNum) {
        this.lastFileNum = fileNum
        this.lastSource = this.sources.get(fileNum)
      }
      if (this.lastSource !== null) this.take(block, i, this.lastSource)
    }
  }

  private take(block: TableScan['block'], i: number, log: ListedValueLog): void {
    const { bytes } = block
    const at = handleStart(block, i)
    const [offset, length, checksum] = [handleOffset(bytes, at), handleLength(bytes, at), handleChecksum(bytes, at)]
    if (offset + length > log.bytes) {
      throw corruption(log.name, offset, `a handle names ${length} bytes, and ${log.bytes} count in all`)
    }
    const keyBytes = block.copyKey(i, this.key)
    const sizes = { keyBytes, valueBytes: length }
    this.makeRoom(valueFrameBytes(sizes))
    const newOffset = this.targetAt + valueHeadBytes(keyBytes)
    const keyStart = this.keepKey(keyBytes)
    this.pending.push({
      log, offset, length, checksum, target: this.target, newOffset, keyStart, keyEnd: keyStart + keyBytes,
      seqNum: block.seqNumAt(i), at: 0,
    })
    this.targetAt += valueFrameBytes(sizes)
    const [oldSeed, newSeed] = [seedAt(log, offset), (this.targetSeed ^ newOffset) >>> 0]
    const { fileNum } = this.moves.headers[this.target]!
    putValueHandle(bytes, at, newOffset, length, reseedCrc32(checksum, oldSeed, newSeed, length), fileNum)
  }

  /** Ends the new file when it has its size, and there is another. */
  private makeRoom(frameBytes: number): void {
    const { moves: { headers, fileBytes } } = this
    const isFull = this.targetAt >= fileBytes && this.target + 1 < headers.length
    if (!isFull && this.targetAt + frameBytes + VALUE_LOG_END_BYTES <= FILE_BYTES_MAX) return
    this.target++
    assert(this.target < headers.length, 'there is a value log for every value')
    this.targetAt = FILE_HEADER_BYTES
    this.targetSeed = fileSeed(headers[this.target]!)
  }

  private keepKey(keyBytes: number): number {
    const start = this.keysEnd
    this.keysEnd += keyBytes
    if (this.keysEnd > this.keys.length) {
      const larger = new Uint8Array(2 * this.keysEnd)
      larger.set(this.keys.subarray(0, start))
      this.keys = larger
    }
    this.keys.set(this.key.subarray(0, keyBytes), start)
    return start
  }

  // ── The bytes ───────────────────────────────────────────────────────────────────────────────────

  /** Moves the values of all handles that were changed so far. */
  *moveAll(): Generator<undefined, void, unknown> {
    const { pending } = this
    for (let at = 0; at < pending.length;) {
      const end = this.windowEnd(at)
      if (end === at) yield* this.moveInPieces(pending[at++]!)
      else {
        this.moveWindow(pending.slice(at, end))
        at = end
      }
      yield
    }
    this.pending = []
    this.keysEnd = 0
  }

  /** Gives each value its place in the window; returns the end of those that fit. */
  private windowEnd(from: number): number {
    let [end, bytes] = [from, 0]
    while (end < this.pending.length && bytes + this.pending[end]!.length <= WINDOW_BYTES) {
      const move = this.pending[end++]!
      move.at = bytes
      bytes += move.length
    }
    return end
  }

  private moveWindow(moves: readonly Move[]): void {
    const window = (this.window ??= new Uint8Array(WINDOW_BYTES))
    const byPlace = [...moves].sort((a, b) => a.log.fileNum - b.log.fileNum || a.offset - b.offset)
    for (let at = 0; at < byPlace.length;) {
      const end = runEnd(byPlace, at)
      this.readRun(byPlace.slice(at, end), window)
      at = end
    }
    for (const move of moves) {
      const { log, offset, checksum, at, length } = move
      const { writer } = this.fileFor(move)
      writer.add(window, at, at + length, checksum, seedAt(log, offset))
      this.noteMoved(move)
    }
  }

  /** Reads values that stand near each other with one call, and checks each. */
  private readRun(run: readonly Move[], window: Uint8Array): void {
    const first = run[0]!
    if (run.length > 1) {
      const scratch = (this.scratch ??= new Uint8Array(READ_BYTES_MAX))
      const readEnd = run.reduce((end, { offset, length }) => Math.max(end, offset + length), 0)
      readFrom(first.log, scratch, 0, readEnd - first.offset, first.offset)
      for (const { offset, length, at } of run) {
        const start = offset - first.offset
        window.set(scratch.subarray(start, start + length), at)
      }
    } else readFrom(first.log, window, first.at, first.length, first.offset)
    for (const move of run) this.check(move, window)
  }

  /** Reads a value that is wrong once more before the run fails. */
  private check(move: Move, window: Uint8Array): void {
    const { log, offset, length, at } = move
    if (isRight(move, window, at)) return
    readFrom(log, window, at, length, offset)
    if (!isRight(move, window, at)) throw wrongValue(move)
  }

  private *moveInPieces(move: Move): Generator<undefined, void, unknown> {
    const window = (this.window ??= new Uint8Array(WINDOW_BYTES))
    const { log, offset, length, checksum } = move
    const { writer } = this.fileFor(move)
    const oldSeed = seedAt(log, offset)
    let crc = oldSeed
    writer.beginPieces(length, checksum, oldSeed)
    for (let done = 0; done < length;) {
      const count = Math.min(WINDOW_BYTES, length - done)
      readFrom(log, window, 0, count, offset + done)
      crc = crc32(window, 0, count, crc)
      writer.addPiece(window, 0, count)
      done += count
      yield
    }
    if (crc !== checksum) throw wrongValue(move)
    writer.endPieces()
    this.noteMoved(move)
  }

  /** The new file of a value, whose place in it is as its handle says, with the value's entry staged. */
  private fileFor({ target, keyStart, keyEnd, seqNum, newOffset }: Move): NewValueLogFile {
    const { files, moves, place: { vfs, dir }, isSynced } = this
    while (files.length <= target) {
      this.finishLast()
      const at = files.length
      files.push(new NewValueLogFile({
        vfs, dir, fileName: moves.fileNames[at]!, isSynced, header: moves.headers[at]!,
      }))
    }
    const file = files[target]!
    assert(file.writer.bytes + valueHeadBytes(keyEnd - keyStart) === newOffset, 'a value stands where its handle says')
    file.writer.stage(this.keys, keyStart, keyEnd, seqNum, EntryKind.value)
    return file
  }

  private noteMoved({ target, length }: Move): void {
    this.movedBytes += length
    this.files[target]!.syncSome()
  }

  private finishLast(): void {
    if (this.files.length > this.made.length) this.made.push(this.files.at(-1)!.finish())
  }

  /** Moves what is left, and ends the last file. */
  *finish(): Generator<undefined, void, unknown> {
    yield* this.moveAll()
    this.finishLast()
  }

  discard(): void {
    for (const file of this.files) file.discard()
  }

  /** Closes the condemned files. */
  close(): void {
    this.sources.close()
  }
}

/** Finds the end of those that are read together: neighbours in one file. */
function runEnd(byPlace: readonly Move[], from: number): number {
  const first = byPlace[from]!
  let end = from + 1
  let readEnd = first.offset + first.length
  while (end < byPlace.length) {
    const next = byPlace[end]!
    const nextEnd = Math.max(readEnd, next.offset + next.length)
    if (next.log !== first.log || next.offset > readEnd + READ_GAP_MAX) break
    if (nextEnd - first.offset > READ_BYTES_MAX) break
    readEnd = nextEnd
    end++
  }
  return end
}

/** Where the handle of entry i stands, behind its front. */
function handleStart(block: TableScan['block'], i: number): number {
  return block.valueStart(i) + frontBytes(block.kindAt(i))
}
