/**
 * What: the moment of an open database that a checkpoint is taken of. In one synchronous step the log is rotated, the
 * last sequence number taken, and all that the moment needs is held; all waiting comes before or after.
 * Owns: holds on files and on the read state, until they are let go. Thread: main.
 * Invariants: CP-1 moment and holds are one synchronous step. CP-6 writers wait for no more than one rotation.
 *
 * Where no log can be rotated, since writes are refused or stopped, what the log has that is written is taken from
 * memory: the moment is as good, it only costs a copy.
 */
import { handleFileNum } from '../base/index.js'
import type { FileNum, LogFacts, SeqNum } from '../base/index.js'
import type { Engine, Operation } from '../engine/index.js'
import { allTables } from '../manifest/index.js'
import type { NewValueLog, Version } from '../manifest/index.js'
import type { Memtable } from '../memtable/index.js'
import { FIRST_BATCH_OFFSET } from '../wal/index.js'
import type { LogFile } from '../wal/index.js'
import { checkNotFailed, endOf } from './log-end.js'
import { filesOfVersion, logFile, streamedFile } from './source-file.js'
import type { SourceFile } from './source-file.js'

/** What `stats()` names as the owner of the holds. */
const OWNER = 'checkpoint'

/** What a checkpoint is made of. */
export interface MomentFiles {
  /** The version that the logs continue. */
  version: Version
  logs: LogFacts[]
  files: SourceFile[]
  seqNum: SeqNum
  position: Uint8Array | null
}

/** A log that is taken along: its file, or what its memtable has of it. */
interface TakenLog {
  readonly log: LogFile
  readonly content: Uint8Array | null
}

export class Moment {
  /** A number of the source's own, above those of all its files: the manifest's. */
  readonly manifestNum: FileNum
  /** Bytes of the logs that are taken along, as far as they are written now. */
  readonly logBytes: number
  readonly isRotated: boolean
  private readonly engine: Engine
  private readonly version: Version
  private readonly seqNum: SeqNum
  /** The position that counts where no sealed memtable has one: what goes on is not asked again. */
  private readonly positionNow: Uint8Array | null
  private readonly logs: readonly TakenLog[]
  /** The memtables of those logs that are in no table yet, newest first. */
  private readonly memtables: readonly Memtable[]
  /** Files of streamed values that only logs name, or may come to be named. */
  private readonly streamed: readonly NewValueLog[]
  private letGo: () => void

  /**
   * Holds what is there now. `takes` says which logs: 'sealed' all but the current one, which has nothing; 'written'
   * that too, as far as it is written; 'none': what is in tables is enough.
   */
  private constructor(engine: Engine, takes: 'sealed' | 'written' | 'none') {
    const { versions, pipeline } = engine
    const version = versions.durable
    this.engine = engine
    this.version = version
    this.isRotated = takes === 'sealed'
    this.manifestNum = versions.allocateFileNum()
    this.seqNum = takes === 'none' ? version.lastSeqNum : this.isRotated ? pipeline.lastSeqNum : engine.visibleSeqNum
    const flushedPosition = takes === 'none' ? version.position : versions.current.position
    this.positionNow = takes === 'written' ? engine.position : flushedPosition
    this.memtables = takes === 'none' ? [] : engine.state.memtables.slice(this.isRotated ? 1 : 0)
    this.logs = takes === 'none' ? [] : this.takeLogs()
    this.logBytes = this.logs.reduce((sum, { log }) => sum + log.writtenEnd, 0)
    this.streamed = takes === 'none' ? [] : streamedFiles(engine)
    const listed = [...allTables(version), ...version.valueLogs.values(), ...this.logs.map(({ log }) => log)]
    const held = engine.holds.hold(OWNER, [...listed, ...this.streamed].map(({ fileNum }) => fileNum))
    const { state } = engine
    state.hold()
    this.letGo = () => {
      held.release()
      state.release()
    }
  }

  private takeLogs(): TakenLog[] {
    const { engine, version: { logPointer }, isRotated } = this
    const current = engine.pipeline.current.log
    const taken: TakenLog[] = []
    for (const log of engine.openLogs.values()) {
      if (log.fileNum < logPointer || (isRotated && log === current)) continue
      const memtable = this.memtables.find(({ logNum }) => logNum === log.fileNum)
      const isFromMemory = memtable !== undefined && (!isRotated || log.hasFailed)
      taken.push({ log, content: isFromMemory ? publishedBytes(memtable) : null })
    }
    return taken
  }

  /** Takes the moment. Throws why nothing of this database may be trusted any more, or why the call must end. */
  static async take(engine: Engine, operation: Operation): Promise<Moment> {
    for (;;) {
      operation.check()
      checkNotFailed(engine)
      const { pipeline, buffers } = engine
      if (!mayRotate(engine)) return new Moment(engine, 'written')
      if (!pipeline.current.isUsed) return new Moment(engine, 'sealed')
      const next = buffers.take()
      if (next !== null) {
        pipeline.rotate(next)
        return new Moment(engine, 'sealed')
      }
      await operation.orEnd(buffers.prepared())
    }
  }

  /** Takes a moment of which everything is in tables: that of the call, or a later one. */
  static async takeFlushed(engine: Engine, operation: Operation): Promise<Moment> {
    await operation.orEnd(engine.flush())
    checkNotFailed(engine)
    return new Moment(engine, 'none')
  }

  /** Lets everything go. Idempotent. */
  release(): void {
    const { letGo } = this
    this.letGo = () => undefined
    letGo()
  }

  /** Tells what the checkpoint is made of, once the logs that it takes are written and synced. */
  async settled(operation: Operation): Promise<MomentFiles> {
    const { engine, version, seqNum } = this
    const logs: LogFacts[] = []
    const logFiles: SourceFile[] = []
    for (const { log, content } of this.logs) {
      const bytes = content === null ? await endOf(engine, log, operation) : content.length
      if (bytes <= FIRST_BATCH_OFFSET) continue // nothing was ever written to it
      const facts = { ...log.facts, bytes, isExact: true, mustExist: true }
      logs.push(facts)
      logFiles.push(content === null ? logFile(facts) : { ...logFile(facts), content })
    }
    const files = [...filesOfVersion(version), ...this.namedFiles().map(streamedFile), ...logFiles]
    return { version, logs, files, seqNum, position: this.position() }
  }

  /** Files of streamed values that entries of the logs name. */
  private namedFiles(): NewValueLog[] {
    const named = new Set<FileNum>()
    for (const { bytes, handleStarts } of this.memtables) {
      for (const start of handleStarts) named.add(handleFileNum(bytes, start))
    }
    return this.streamed.filter(({ fileNum, namedInLog }) => namedInLog !== 0 || named.has(fileNum))
  }

  private position(): Uint8Array | null {
    const sealed = this.isRotated ? this.memtables : []
    return sealed.find(({ position }) => position !== null)?.position ?? this.positionNow
  }
}

function mayRotate({ health, stalls }: Engine): boolean {
  return (health.state === 'OPEN' || health.state === 'DEGRADED') && !stalls.isStopped
}

/** The frames of a log that count now, as they stand in its file: it may have a note of tables and no entry. */
function publishedBytes({ bytes, publishedEnd }: Memtable): Uint8Array {
  return bytes.subarray(0, publishedEnd)
}

/** Files of streamed values that the durable version does not list, and logs that it continues with name. */
function streamedFiles({ versions: { durable, current }, setup: { tables } }: Engine): NewValueLog[] {
  const listedLater = [...current.valueLogs.values()].filter(({ fileNum, namedInLog }) =>
    namedInLog >= durable.logPointer && namedInLog !== 0 && !durable.valueLogs.has(fileNum))
  return [...listedLater, ...tables.valueLogs.pendingLogs]
}
