/**
 * What: one put whose value comes piece by piece. What is small is gathered and written as any put. What is not goes to
 * a value log of its own, which gets its name when it is whole and synced; then one entry in the log, whose value is a
 * handle, makes it visible.
 * Owns: the pieces on their way, and the file until an entry names it. Does not own: how many there may be
 * (value-streams.ts), the file once it is named (tables/value-logs.ts, memtables, versions).
 * Thread: main.
 * States: taking → storing → done; cut by a close from taking, by the caller's signal until the entry is given to be
 * written.
 * Invariants: VLG-15 no entry names a streamed file before the file and its name are durable, and the file stays as
 * long as a log that is replayed or kept by a pin names it.
 */
import {
  bytesOfView, EntryKind, invalidArgument, isByteView, KiB, MiB, VALUE_BYTES_MAX, VarveError,
} from '../base/index.js'
import type { AbortWatch, ByteSource } from '../base/index.js'
import { writeHow } from '../commit/index.js'
import { finished } from '../exec/index.js'
import { namesMade, NewStreamedFile } from '../tables/index.js'
import type { PlannedValueLog } from '../versions/index.js'
import type { EngineCore } from './engine-core.js'

/** Bytes that go to the file at once. Two such pieces are in memory: one is written, the next is filled. */
const PIECE_BYTES = 256 * KiB
/** A value up to this size is written as any put, if a buffer is not smaller. */
const GATHERED_BYTES_MAX = 4 * MiB

export interface StreamedValue {
  /** It must not change. */
  key: Uint8Array
  source: ByteSource
  sync: boolean
  /** When the value expires, in milliseconds since 1970; 0 for never. */
  expiryMs: number
  /** Bytes that the source is going to give; null when nobody knows. */
  length: number | null
  /** The caller's signal. */
  abort: AbortWatch | null
}

/** What a streamed put tells of itself, and asks. */
export interface StreamOwner {
  /** Counts bytes of memory that are taken, or given back when below 0. */
  take(bytes: number): void
  /** Counts those that wait for their sources. They alone do not keep the process alive. */
  countWaiting(change: 1 | -1): void
  /** True when no more may be gathered: a value that is not whole goes to a file. */
  readonly isShort: boolean
}

export class StreamedPut {
  private readonly engine: EngineCore
  private readonly value: StreamedValue
  private readonly owner: StreamOwner
  private readonly gatheredMax: number
  /** Full pieces of a value that has no file. */
  private gathered: Uint8Array[] = []
  private piece: Uint8Array | null = null
  private filled = 0
  private totalBytes = 0
  private countedBytes = 0
  private file: NewStreamedFile | null = null
  private planned: PlannedValueLog | null = null
  /** The write of the piece before, which is `other` when it is done. */
  private writing: Promise<void> = Promise.resolve()
  private other: Uint8Array | null = null
  private onCut: ((reason: unknown) => void) | null = null
  private cutReason: { error: unknown } | null = null
  private isStoring = false

  constructor(engine: EngineCore, value: StreamedValue, owner: StreamOwner) {
    this.engine = engine
    this.value = value
    this.owner = owner
    this.gatheredMax = Math.min(GATHERED_BYTES_MAX, engine.options.writeBufferSize)
  }

  /** Ends it while it waits for its source. One that has all its bytes is stored in any case. */
  cut(error: unknown): void {
    if (!this.isStoring) this.giveUp(error)
  }

  private giveUp(error: unknown): void {
    this.cutReason ??= { error }
    this.onCut?.(error)
  }

  private checkCut(): void {
    if (this.cutReason !== null) throw this.cutReason.error
  }

  /** Gives what `waited` gives; a cut does not wait for that. */
  private async orCut<T>(waited: Promise<T>): Promise<T> {
    try {
      return await new Promise((resolve, reject) => {
        this.onCut = reject
        if (this.cutReason !== null) reject(this.cutReason.error)
        waited.then(resolve, reject)
      })
    } finally {
      this.onCut = null
    }
  }

  /** Resolves when the value is written, or synced if that was asked for. When it rejects nothing is stored. */
  async run(): Promise<void> {
    this.value.abort?.tell((reason) => this.giveUp(reason))
    try {
      await this.takeAll()
    } catch (error) {
      this.value.source.cancel(error)
      await this.discard()
      throw error
    }
    try {
      if (this.file === null) await this.putWhole()
      else await this.putApart(this.file, this.planned!)
    } finally {
      await this.discard()
    }
  }

  // ── Taking ──────────────────────────────────────────────────────────────────────────────────────

  private async takeAll(): Promise<void> {
    const { length } = this.value
    if (length !== null && length > this.gatheredMax) await this.begin()
    for (let chunk = await this.take(); chunk !== null; chunk = await this.take()) await this.add(chunk)
    this.isStoring = true
    if (length === null || this.totalBytes === length) return
    throw sourceFailed(`the source ended after ${this.totalBytes} bytes, option length says ${length}`)
  }

  /** The next bytes of the source; a cut does not wait for them. */
  private async take(): Promise<unknown> {
    this.check()
    this.owner.countWaiting(1)
    try {
      return await this.orCut(this.value.source.next().catch((error: unknown) => {
        throw ofSource(error)
      }))
    } finally {
      this.owner.countWaiting(-1)
    }
  }

  private check(): void {
    this.checkCut()
    this.engine.checkWritable()
  }

  private async add(chunk: unknown): Promise<void> {
    const { turns } = this.engine
    const bytes = isByteView(chunk) ? bytesOfView(chunk) : null
    if (bytes === null) throw invalidArgument('a source gives pieces of bytes: each must be a Uint8Array')
    this.totalBytes += bytes.length
    this.checkTotal()
    if (this.file === null && (this.totalBytes > this.gatheredMax || this.owner.isShort)) await this.begin()
    for (let from = 0; from < bytes.length;) {
      from += this.fill(chunk as Uint8Array, from, bytes.length)
      if (this.filled === PIECE_BYTES) await this.passPiece()
      if (turns.isOverNow()) await turns.next()
    }
    if (turns.isOver()) await turns.next()
  }

  private checkTotal(): void {
    const { totalBytes, value: { length } } = this
    if (totalBytes > VALUE_BYTES_MAX) {
      throw new VarveError('VALUE_TOO_LARGE', `the source gave more than ${VALUE_BYTES_MAX} bytes, which is the limit`)
    }
    if (length !== null && totalBytes > length) {
      throw sourceFailed(`the source gave ${totalBytes} bytes or more, option length says ${length}`)
    }
  }

  /** Copies from chunk[from…], which must still have `length` bytes, to the piece; returns how many. */
  private fill(chunk: Uint8Array, from: number, length: number): number {
    const bytes = bytesOfView(chunk)
    if (bytes?.length !== length) throw invalidArgument('the memory of a piece went away before it was written')
    this.piece ??= this.newPiece()
    const count = Math.min(length - from, PIECE_BYTES - this.filled)
    this.piece.set(bytes.subarray(from, from + count), this.filled)
    this.filled += count
    return count
  }

  private newPiece(): Uint8Array {
    const { other } = this
    this.other = null
    if (other !== null) return other
    this.count(PIECE_BYTES)
    return new Uint8Array(PIECE_BYTES)
  }

  private count(bytes: number): void {
    this.countedBytes += bytes
    this.owner.take(bytes)
  }

  private async passPiece(): Promise<void> {
    if (this.file !== null) return this.writePiece(this.file)
    this.gathered.push(this.piece!)
    this.piece = null
    this.filled = 0
  }

  /** From here on the value goes to a file of its own. */
  private async begin(): Promise<void> {
    const { setup, installer } = this.engine
    this.planned = installer.planStreamed()
    const { fileNum, tempName } = this.planned
    try {
      this.file = await NewStreamedFile.create({
        vfs: setup.vfs, dir: setup.dir, fileName: tempName, header: installer.newHeader(fileNum, 'varvevlg'),
        key: this.value.key,
      })
    } catch (error) {
      installer.abandon(namesMade([tempName], error)) // it may be there all the same
      throw error
    }
    for (const piece of this.gathered.splice(0)) {
      this.check()
      await this.file.write(piece, 0, piece.length)
      this.count(-PIECE_BYTES)
    }
  }

  /** Lets the piece go to the file once the one before is there: so a source waits for the disk. */
  private async writePiece(file: NewStreamedFile): Promise<void> {
    const { piece, filled } = this
    await this.writing
    this.check()
    this.piece = null
    this.filled = 0
    this.writing = file.write(piece!, 0, filled).then(() => {
      this.other = piece
    })
    this.writing.catch(() => undefined) // whoever waits for it hears of it
  }

  // ── Storing ─────────────────────────────────────────────────────────────────────────────────────

  private async putWhole(): Promise<void> {
    const value = new Uint8Array(this.totalBytes)
    let at = 0
    for (const piece of this.gathered) {
      value.set(piece, at)
      at += piece.length
    }
    if (this.filled > 0) value.set(this.piece!.subarray(0, this.filled), at)
    await this.write(EntryKind.value, value)
  }

  private async putApart(file: NewStreamedFile, { fileNum, tempName, finalName }: PlannedValueLog): Promise<void> {
    const { installer, setup: { tables: { valueLogs } } } = this.engine
    if (this.filled > 0) await this.writePiece(file)
    await this.writing
    this.checkCut()
    const { facts, handle } = await file.finish()
    this.checkCut()
    await this.name([{ tempName, finalName }])
    this.file = null // its name has changed
    valueLogs.addPending(facts)
    try {
      await this.write(EntryKind.valueHandle, handle)
      valueLogs.release(fileNum)
    } catch (error) {
      valueLogs.release(fileNum)
      // A write whose sync failed is there all the same. Where that is not known nothing is deleted any more.
      if (!this.isNamed(fileNum)) installer.abandon([finalName])
      throw error
    }
  }

  /** Gives the file its name, durably. */
  private async name(files: readonly { tempName: string; finalName: string }[]): Promise<void> {
    const { engine } = this
    try {
      if (await finished(engine.installer.name(files))) return
    } catch (error) {
      engine.installer.abandon(namesMade(files.map(({ finalName }) => finalName), error))
      throw error
    }
    engine.checkWritable()
    throw new VarveError('INTERNAL', 'a sync of the directory failed and nobody was told')
  }

  private isNamed(fileNum: number): boolean {
    const { setup: { tables: { valueLogs } }, versions: { current, durable } } = this.engine
    return valueLogs.isHeld(fileNum) || current.valueLogs.has(fileNum) || durable.valueLogs.has(fileNum)
  }

  /** Writes the entry. The line of those who wait may be full: then it waits before that line. */
  private async write(kind: EntryKind, content: Uint8Array): Promise<void> {
    const { engine: { pipeline }, value: { key, sync, expiryMs } } = this
    for (;;) {
      this.checkCut()
      try {
        return await pipeline.writeOne(kind, key, content, writeHow(sync, expiryMs))
      } catch (error) {
        if (!VarveError.is(error) || error.code !== 'BUSY' || pipeline.waiting.isEmpty) throw error
      }
      await this.orCut(pipeline.waiting.passed())
    }
  }

  /** Lets go of what it has. */
  private async discard(): Promise<void> {
    const { file, planned, engine: { health, installer } } = this
    await this.writing.catch(() => undefined)
    this.file = null
    this.gathered = []
    this.piece = null
    this.other = null
    this.count(-this.countedBytes)
    if (file !== null && !(await file.discard(health.mayDelete))) installer.abandon([planned!.tempName])
  }
}

function sourceFailed(message: string, cause?: unknown): VarveError {
  return new VarveError('SOURCE_FAILED', message, { ...(cause === undefined ? {} : { cause }) })
}

/** What the caller's own code threw. */
function ofSource(error: unknown): VarveError {
  let reason = ''
  try {
    reason = error instanceof Error ? error.message : String(error)
  } catch {
    reason = 'with something that cannot be printed'
  }
  return sourceFailed(`the source failed: ${reason}`, error)
}
