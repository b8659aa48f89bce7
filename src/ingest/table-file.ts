/**
 * What: writes one table file outside of any database, from entries in ascending order of keys, for `ingest`.
 *
 * The header has file number 0 and a random database id, all sequence numbers are 0, and large values stand in the
 * table: so the file can become part of any database without a byte being rewritten (docs/format/table.md). It is
 * written under a temp name, synced and named when it is whole.
 * Owns: the file until it has its name. Does not own: where it is used afterwards.
 * Thread: main; writes block, the sync does not.
 * States: open → finished, or given up.
 */
import {
  compareBytes, copyBytes, EntryKind, EXPIRY_BYTES, FILE_BYTES_MAX, invalidArgument, ioError, newFileHeader,
  putExpiry, tempFileName, unfilledBytes, VarveError,
} from '../base/index.js'
import type { Bytes } from '../base/index.js'
import { checkKey, checkValue, Lifetimes, tombstoneBounds } from '../commit/index.js'
import type { Lifetime } from '../commit/index.js'
import { UniqueNames } from '../engine/index.js'
import { printBytes } from '../dump/index.js'
import { Spans } from '../iterator/index.js'
import type { KeyRange } from '../iterator/index.js'
import { TableBuilder } from '../sstable/index.js'
import { nameWithoutReplacing } from '../tables/index.js'
import type { VfsFile } from '../vfs/index.js'
import type { TableFileCall, TableFileInfo } from './table-file-options.js'

/** What index, lookups and footer may take besides their estimate. */
const SLACK_BYTES = 1024 * 1024

export class TableFile {
  private readonly path: string
  private readonly tempPath: string
  private readonly call: TableFileCall
  private readonly file: VfsFile
  private readonly builder: TableBuilder
  private readonly lifetimes: Lifetimes
  private readonly spans: Spans[] = []
  private lastKey: Uint8Array | null = null
  /** True once it has its name, although that may not be durable. */
  private isNamed = false
  private state: 'open' | 'finished' | 'given up' = 'open'
  /** The removal that a failed write began. */
  private removing: Promise<void> | null = null

  private constructor(path: string, tempPath: string, file: VfsFile, call: TableFileCall) {
    this.path = path
    this.tempPath = tempPath
    this.call = call
    this.file = file
    const databaseId = new Uint8Array(16)
    call.random.fill(databaseId)
    const origin = { databaseId, generation: 0, lineage: 0, random: call.random }
    this.builder = new TableBuilder(file, { ...newFileHeader('varvetab', origin, 0), ...call.settings })
    this.lifetimes = new Lifetimes(null, { nowMs: () => call.clock.wallMs() })
  }

  /** Begins a file. Rejects with ALREADY_EXISTS when the path is taken, or with what the file system says. */
  static async begin(path: string, call: TableFileCall): Promise<TableFile> {
    const { vfs, clock } = call
    const tempPath = tempFileName(path, new UniqueNames(clock).next())
    try {
      if ((await vfs.stat(path)) !== null) throw new VarveError('ALREADY_EXISTS', `${path} exists`, { file: path })
      return new TableFile(path, tempPath, await vfs.open(tempPath, 'create'), call)
    } catch (error) {
      throw ioError(error, 'create', path)
    }
  }

  get entryCount(): number {
    return this.builder.entryCount
  }

  add(key: Bytes, value: Bytes, lifetime: Lifetime): void {
    this.checkOpen()
    checkKey(key)
    checkValue(value)
    const expiryMs = this.lifetimes.expiryMs(lifetime)
    const ownKey = copyBytes(key)
    const ownValue = typeof value === 'string' ? copyBytes(value) : value
    this.checkOrder(ownKey)
    this.checkRoom(ownKey.length + ownValue.length)
    this.attempt('write', () => this.put(ownKey, ownValue, expiryMs))
    this.lastKey = ownKey
  }

  private put(key: Uint8Array, value: Uint8Array, expiryMs: number): void {
    const { builder } = this
    if (expiryMs === 0) {
      builder.add(key, 0, key.length, 0, EntryKind.value, value, 0, value.length)
      return
    }
    const content = unfilledBytes(EXPIRY_BYTES + value.length)
    const kind = putExpiry(content, 0, EntryKind.value, expiryMs)
    content.set(value, EXPIRY_BYTES)
    builder.add(key, 0, key.length, 0, kind, content, 0, content.length)
  }

  private checkOrder(key: Uint8Array): void {
    const { lastKey } = this
    if (lastKey === null) return
    const order = compareBytes(lastKey, key)
    if (order < 0) return
    const what = order === 0 ? 'was added already' : `comes before the last one, ${printBytes(lastKey, 64)}`
    throw invalidArgument(`key ${printBytes(key, 64)} ${what}: keys must ascend, each once`)
  }

  private checkRoom(bytes: number): void {
    if (this.builder.bytesEstimated + bytes + SLACK_BYTES <= FILE_BYTES_MAX) return
    throw invalidArgument(`a table has less than 4 GiB: finish ${this.path}, and begin another one`)
  }

  delRange(range: KeyRange): void {
    this.checkOpen()
    const bounds = tombstoneBounds(range)
    if (bounds === null) return
    const { lower, upper } = bounds
    this.spans.push(Spans.of({ lower, upper: upper.length === 0 ? null : upper, seqNum: 0 }))
  }

  /** Completes the file: it is durable under its name. After an error it is given up. */
  async finish(): Promise<TableFileInfo> {
    this.checkOpen()
    const spans = Spans.join(this.spans)
    if (this.entryCount === 0 && spans === null) throw invalidArgument(`nothing was added to ${this.path}`)
    this.state = 'finished'
    try {
      return await this.complete(spans)
    } catch (error) {
      await this.remove()
      throw ioError(error, 'write', this.path)
    }
  }

  private async complete(spans: Spans | null): Promise<TableFileInfo> {
    const { builder, file, path, tempPath, call: { vfs } } = this
    if (spans !== null) builder.addSpans(spans)
    const { bytes, entryCount, smallestKey, largestKey } = builder.finish()
    await file.sync()
    await file.close()
    const hasBoth = nameWithoutReplacing(vfs, tempPath, path)
    this.isNamed = true
    if (hasBoth) await vfs.unlink(tempPath)
    await vfs.syncDir(vfs.parent(path))
    return { path, bytes, entryCount, rangeCount: spans?.count ?? 0, smallestKey, largestKey }
  }

  /** Removes what was written; nothing after `finish`. */
  async abort(): Promise<void> {
    if (this.state !== 'finished') await this.remove()
  }

  private remove(): Promise<void> {
    this.state = 'given up'
    return this.removing ??= this.removeNow()
  }

  private async removeNow(): Promise<void> {
    await this.file.close().catch(() => undefined)
    await this.call.vfs.unlink(this.tempPath).catch(() => undefined)
    if (this.isNamed) await this.call.vfs.unlink(this.path).catch(() => undefined)
  }

  private checkOpen(): void {
    if (this.state !== 'open') throw new VarveError('CLOSED', `the table ${this.path} is ${this.state}`)
  }

  /** A write that failed leaves a file that is garbage. */
  private attempt(what: string, work: () => void): void {
    try {
      work()
    } catch (error) {
      void this.abort()
      throw ioError(error, what, this.path)
    }
  }
}
