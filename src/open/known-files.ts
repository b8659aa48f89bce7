/**
 * What: what a reader of a directory knows of it from the readings before, so that the next one reads only what is new:
 * the manifest and the logs as far as they were good, with their memtables. It is a memory of files, not of a state: a
 * state is always made from manifest and logs alone, by the steps of every open (directory-reading.ts), and whatever
 * does not fit makes the owner forget everything and read the directory whole.
 * Owns: the manifest, one tail and at most one memtable for each log. Thread: main; runs blocking or awaited.
 * Invariants: VIEW-1 nothing of a state that is shown changes for those who read it: frames that come are inserted
 * behind the numbers that it shows, and a memtable that has too many is made anew.
 */
import type { FileNum, HashSeed, Steps } from '../base/index.js'
import { compareBytes, frameBytes, getU32, KiB } from '../base/index.js'
import { ManifestTail } from '../manifest/index.js'
import type { ManifestContents, NewValueLog } from '../manifest/index.js'
import type { Memtable } from '../memtable/index.js'
import type { SlabPool } from '../slab/index.js'
import { listDirectory } from '../vfs/index.js'
import type { Vfs } from '../vfs/index.js'
import { LogTail } from '../wal/index.js'
import type { LogTailPlace, ScannedLog } from '../wal/index.js'
import type { KnownFiles } from './directory-reading.js'
import { newMemtable } from './log-replay.js'
import type { LogSource } from './log-replay.js'

/** Bytes of frames that are inserted between two looks at the clock. */
const SLICE_BYTES = 32 * KiB

export interface KnownPlace {
  vfs: Vfs
  dir: string
  pool: SlabPool
  /** Bytes that a log in use may reach. */
  roomBytes: number
  /** Gives way to others when this turn has gone on for long. */
  giveWay: () => Steps<void>
}

interface KnownLog {
  tail: LogTail
  memtable: Memtable | null
}

export class FilesRead implements KnownFiles {
  private readonly place: KnownPlace
  private manifest: ManifestTail | null = null
  private logs: LogsRead | null = null
  private names: ReadonlySet<string> | null = null
  /** Bytes that were read from manifests and logs, all in all. */
  readBytes = 0

  constructor(place: KnownPlace) {
    this.place = place
  }

  *readManifest(fileNum: FileNum): Steps<ManifestContents> {
    const known = this.manifest
    if (known?.fileNum === fileNum) {
      const before = known.readBytes
      const isKnown = yield* known.readOn()
      this.readBytes += known.readBytes - before
      if (isKnown) return known.contents
    }
    this.manifest = yield* ManifestTail.read(this.place, fileNum)
    this.readBytes += this.manifest.readBytes
    return this.manifest.contents
  }

  logsOf(databaseId: Uint8Array): LogSource {
    if (this.logs === null || compareBytes(this.logs.place.databaseId, databaseId) !== 0) {
      this.logs?.release()
      this.logs = new LogsRead({ ...this.place, databaseId }, (bytes) => (this.readBytes += bytes))
    }
    this.logs.begin()
    return this.logs
  }

  /** Takes what a reading that succeeded found: names, and files of streamed values, which need no other look. */
  noteSeen(names: readonly string[], streamed: readonly NewValueLog[]): void {
    this.names = new Set(names)
    if (this.logs !== null) this.logs.streamed = new Map(streamed.map((facts) => [facts.fileNum, facts]))
  }

  /** The number of names in the directory that were there the last time. */
  get nameCount(): number {
    return this.names?.size ?? 0
  }

  /** Tells whether the names, the manifest, and every log that may grow are as they were at the last reading. */
  *isSame(): Steps<boolean> {
    const { names, manifest, logs, place: { vfs, dir } } = this
    if (names === null || manifest === null || logs === null) return false
    const now = yield* listDirectory(vfs, dir)
    if (now.length !== names.size || !now.every((name) => names.has(name))) return false
    return (yield* manifest.isSame()) && (yield* logs.isSame())
  }

  /** The next reading reads everything. */
  forget(): void {
    this.logs?.release()
    this.logs = null
    this.manifest = null
    this.names = null
  }
}

class LogsRead implements LogSource {
  readonly place: LogTailPlace
  private readonly onRead: (bytes: number) => void
  private readonly known = new Map<FileNum, KnownLog>()
  streamed: ReadonlyMap<FileNum, NewValueLog> = new Map()
  /** The logs of the present reading; those before are let go at its end. */
  private readonly asked = new Set<FileNum>()

  constructor(place: LogTailPlace, onRead: (bytes: number) => void) {
    this.place = place
    this.onRead = onRead
  }

  begin(): void {
    this.asked.clear()
  }

  /** Newer logs must be asked for first: they tell whether this one may grow. */
  *scan(fileNum: FileNum): Steps<ScannedLog> {
    this.asked.add(fileNum)
    const { tail } = (yield* this.readOn(fileNum)) ?? (yield* this.readWhole(fileNum))
    return { ...tail.scan, fileBytes: Math.max(tail.scan.fileBytes, tail.scan.goodEnd) }
  }

  private *readOn(fileNum: FileNum): Steps<KnownLog | null> {
    const known = this.known.get(fileNum)
    if (known === undefined || this.isSealed(known.tail)) return known ?? null
    const before = known.tail.readBytes
    const change = yield* known.tail.readOn()
    this.onRead(known.tail.readBytes - before)
    return change === 'other' ? null : known
  }

  private *readWhole(fileNum: FileNum): Steps<KnownLog> {
    const tail = yield* LogTail.read(this.place, fileNum, !this.hasSuccessor(fileNum))
    this.onRead(tail.readBytes)
    this.drop(fileNum)
    const known = { tail, memtable: null }
    this.known.set(fileNum, known)
    return known
  }

  /** True when all frames of the log that can be history were read: the next log says where they end. */
  private isSealed({ fileNum, scan: { goodEnd } }: LogTail): boolean {
    for (const { tail: { scan: { predecessor } } } of this.known.values()) {
      if (predecessor?.fileNum === fileNum && predecessor.end <= goodEnd) return true
    }
    return false
  }

  private hasSuccessor(fileNum: FileNum): boolean {
    for (const other of this.asked) {
      if (other > fileNum && this.known.get(other)?.tail.scan.predecessor !== null) return true
    }
    return false
  }

  *memtable(log: ScannedLog, hashSeed: HashSeed): Steps<Memtable> {
    const known = this.known.get(log.fileNum)!
    const memtable = this.fitting(known, log) ?? this.renewed(known, newMemtable(log, hashSeed))
    memtable.hold()
    try {
      for (let at = memtable.publishedEnd; at < log.goodEnd; at = memtable.publishedEnd) {
        memtable.insertFrames(sliceEnd(log, at))
        yield* this.giveWay()
      }
      return memtable
    } catch (error) {
      memtable.release()
      throw error
    }
  }

  /** The log's memtable, when its frames stand in the present slab and all of them are history. */
  private fitting({ memtable, tail }: KnownLog, { goodEnd }: ScannedLog): Memtable | null {
    if (memtable === null || memtable.bytes !== tail.slab.bytes || memtable.publishedEnd > goodEnd) return null
    return memtable
  }

  private renewed(known: KnownLog, memtable: Memtable): Memtable {
    memtable.fill(known.tail.slab)
    known.memtable?.release()
    known.memtable = memtable
    return memtable
  }

  giveWay(): Steps<void> {
    return this.place.giveWay()
  }

  /** Lets go of logs that the last reading did not ask for: what they had is in tables. */
  end(): void {
    for (const fileNum of [...this.known.keys()]) if (!this.asked.has(fileNum)) this.drop(fileNum)
  }

  private drop(fileNum: FileNum): void {
    const known = this.known.get(fileNum)
    if (known === undefined) return
    this.known.delete(fileNum)
    known.memtable?.release()
    known.tail.release()
  }

  *isSame(): Steps<boolean> {
    for (const { tail } of this.known.values()) {
      if (!this.isSealed(tail) && !(yield* tail.isSame())) return false
    }
    return true
  }

  release(): void {
    for (const fileNum of [...this.known.keys()]) this.drop(fileNum)
  }
}

/** The end of some frames from `start` on. */
function sliceEnd({ bytes, goodEnd }: ScannedLog, start: number): number {
  let at = start
  while (at < goodEnd && at - start < SLICE_BYTES) at += frameBytes(getU32(bytes, at + 4))
  return at
}
