/**
 * What: what a store does when its disk fails: room is made on a full one, a segment that failed is left for another,
 * and when that does not help blobs are put into memory, until another store takes its place (cache-life.ts).
 * Owns: whether the disk was left, the first error. Does not own: what failed lately (blob-health.ts), the way back.
 * Thread: main.
 * Invariants: BC-7 whoever waits for a place when the disk is left is answered from memory. BC-5 kills that are not
 * durable are kept, and are part of what is handed on. BC-10 what a failed segment had not synced is no hit any more,
 * and is killed.
 */
import { isNoSpace, VarveError } from '../base/index.js'
import type { Clock, SeqNum, Timer } from '../base/index.js'
import type { BlobDeaths } from './blob-deaths.js'
import type { BlobHealth } from './blob-health.js'
import type { BlobIndex } from './blob-index.js'
import type { BlobPuts } from './blob-puts.js'
import type { BlobReader } from './blob-reader.js'
import { ChangeTag } from './catalog-format.js'
import type { PutResult } from './durability.js'
import type { KillQueue } from './kill-queue.js'
import { drainMemory } from './memory-drain.js'
import type { LargeSegment } from './large-segment.js'
import type { MemorySegments } from './memory-segments.js'
import type { RecordWriter } from './record-writer.js'
import type { Heritage } from './recovery.js'
import type { SegmentFile } from './segment-file.js'
import type { StoreDisk } from './store-disk.js'
import type { StoreNumbers } from './store-numbers.js'
import type { StoreParts } from './store-parts.js'
import type { NewBlob } from './waiting-puts.js'

/** This part of the cache is given up when the disk turns out to be full, and for how long. */
const WITHHELD_SHARE = 0.05
const WITHHELD_MS = 60_000
/** More kills than this are not kept: then nothing that is on the disk counts any more. */
const KEPT_KILLS_MAX = 1_000_000

export interface StoreRetreatOptions {
  clock: Clock
  health: BlobHealth
  counts: StoreParts['counts']
  index: BlobIndex
  memory: MemorySegments
  writer: RecordWriter
  deaths: BlobDeaths
  kills: KillQueue
  disk: StoreDisk
  segmentBytes: number
  reader: BlobReader
  puts: BlobPuts
  numbers: StoreNumbers
  /** True when the cache is being closed. */
  isClosing: () => boolean
}

export class StoreRetreat {
  /** The first error of a write that there was. */
  firstError: unknown = null
  private readonly options: StoreRetreatOptions
  private isLeftNow = false
  private givingBack: Timer | null = null
  private isLost = false
  /** What was handed on already: kills before this place, purges up to this number. */
  private handedOn = { kills: 0, seqNum: 0 }

  constructor(options: StoreRetreatOptions) {
    this.options = options
  }

  /** True when blobs are put into memory. */
  get isLeft(): boolean {
    return this.isLeftNow
  }

  /** True when nothing that is on the disk counts any more: it may be another's, or too much was killed in it. */
  get isDiskLost(): boolean {
    return this.options.reader.isDiskLost
  }

  /** No segment can be made for those who wait. They are refused when they wait for nothing. */
  onNoPlace(error: unknown): void {
    const { puts, isClosing } = this.options
    if (isClosing()) return puts.refuseWaiting()
    // Within its own bytes the cache has no room, and what there is cannot go now: nothing is wrong with the disk.
    if (!this.isLeftNow && isOwnLimit(error)) return puts.refuseWaiting()
    this.firstError ??= error
    this.onTrouble(error)
    puts.bindWaiting()
  }

  /** A segment takes nothing any more: what of it is not synced is no hit. */
  onSegmentFailed(file: SegmentFile | LargeSegment): void {
    this.firstError ??= file.failure
    this.options.deaths.killLost(file)
    this.onTrouble(file.failure)
  }

  /** A write or a sync failed. */
  onTrouble(error: unknown): void {
    if (this.isLeftNow || this.options.isClosing() || isOwnLimit(error)) return
    const isLost = VarveError.is(error) && error.code === 'LOCKED'
    if (isLost || !this.options.health.mayTryAgain(error)) return this.leave(error)
    if (isNoSpace(error) && !isOwnLimit(error)) this.makeRoom()
  }

  /** Gives up a part of the cache, for a while: others have the bytes of the disk. */
  private makeRoom(): void {
    const { disk: { space, remover }, segmentBytes, clock } = this.options
    const wanted = Math.max(space.maxBytes * WITHHELD_SHARE, 2 * segmentBytes)
    // What is free within `maxBytes` is not there; what goes must be there.
    space.withheldBytes = Math.max(0, space.unusedBytes + space.withheldBytes) + wanted
    this.givingBack?.cancel()
    this.givingBack = clock.after(WITHHELD_MS, () => {
      space.withheldBytes = 0
    })
    remover.look()
  }

  /** From now on blobs are put into memory; what is on the disk is read as before. */
  leave(error: unknown): void {
    if (this.isLeftNow) return
    this.isLeftNow = true
    this.options.health.leave(error)
    this.options.disk.remover.stop()
    this.options.puts.bindWaiting()
  }

  /** The directory may be another's: nothing that is in it counts any more. */
  loseDisk(error: unknown): void {
    this.options.reader.isDiskLost = true
    this.isLost = true
    this.leave(error)
  }

  /** Puts a blob into memory. What asked for more than that it survives the process is not stored. */
  put(blob: NewBlob): PutResult {
    const { memory, index, writer, deaths, kills, numbers } = this.options
    const { key, durability, recordBytes: bytes } = blob
    if (durability === 'synced') return { stored: false, reason: 'degraded' }
    const reserved = memory.reserve(bytes, index)
    if (reserved === null) return { stored: false, reason: 'degraded' }
    const { memory: { segment, entries }, place } = reserved
    entries.push(writer.write(blob, place, 0, numbers.nextSeqNum()))
    deaths.killOld(key, null)
    index.set(key.low, key.high, segment, place.offset, bytes, place.recordNum, 0)
    if (kills.length > KEPT_KILLS_MAX) this.options.reader.isDiskLost = true
    this.options.counts.puts++
    this.options.counts.bytesPut += blob.plainBytes
    return durability === 'memory' ? { stored: true } : { stored: true, durable: false }
  }

  /** Resolves when nothing writes to the disk any more. Requires: the disk was left. */
  async quiesce(): Promise<void> {
    const { remover, mover, streams, catalog } = this.options.disk
    this.stopGivingBack()
    await remover.end()
    await streams.makeSafe()
    await mover.close()
    await streams.close()
    await catalog.giveUp(new VarveError('IO_ERROR', 'the cache is in memory only', {
      hint: 'what is put and deleted now is not durable', cause: this.options.health.cause,
    }))
  }

  /** What this process knows and the files may not. `isLost`: the directory has to be taken anew. */
  heritage(isEmpty: boolean): Heritage & { isLost: boolean } {
    const { kills, deaths, reader, numbers } = this.options
    if (kills.length > KEPT_KILLS_MAX) reader.isDiskLost = true
    const { databaseId, seqNum, fileNum } = numbers
    this.handedOn = { kills: kills.end, seqNum }
    return {
      databaseId, seqNum, fileNum, kills: kills.since(0), marks: deaths.marks.list(),
      isEmpty: isEmpty || this.isDiskLost, isLost: this.isLost,
    }
  }

  /** Hands on to the next store what happened since the heritage was given, and what is in memory. */
  handOver(to: StoreRetreat): void {
    const { kills, deaths, index, memory, numbers, puts } = this.options
    const { handedOn } = this
    to.options.numbers.begin(numbers.seqNum)
    for (const { low, high, segment, recordNum } of kills.since(handedOn.kills)) {
      to.options.deaths.killDead({ low, high }, { segment, recordNum })
    }
    for (const { namespace, seqNum } of deaths.marks.list()) {
      if (seqNum > handedOn.seqNum) to.purge(namespace, seqNum)
    }
    memory.carry(index, to.options.index, (entry) => deaths.isGone(entry))
    puts.retire()
  }

  /** Brings what was put into memory to the disk. */
  drainMemory(): Promise<void> {
    const { clock, index, memory, puts, deaths, isClosing } = this.options
    return drainMemory({
      clock, index, memory,
      put: (blob) => puts.putNow(blob),
      goneReason: (header) => deaths.goneReason(header),
      isOver: () => this.isLeftNow || isClosing(),
    })
  }

  /** Purges what a store before this one was told to. */
  private purge(namespace: number, seqNum: SeqNum): void {
    const { deaths, disk: { catalog } } = this.options
    deaths.marks.add(namespace, seqNum)
    catalog.submit([{ tag: ChangeTag.purge, namespace, seqNum }], true, false).catch(() => undefined)
  }

  stopGivingBack(): void {
    this.givingBack?.cancel()
  }
}

/** True when it is not the disk that has no room, but the cache within its bytes. */
function isOwnLimit(error: unknown): boolean {
  return isNoSpace(error) && VarveError.is(error) && error.cause === undefined
}
