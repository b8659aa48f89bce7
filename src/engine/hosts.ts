/**
 * What: how the write path and the flush pipeline reach the rest of the engine: their host interfaces,
 * answered by its parts. No state, no decision. Thread: main.
 */
import { tableFileName } from '../base/index.js'
import type { FileHeader, FileNum } from '../base/index.js'
import type { CommitHost } from '../commit/index.js'
import type { CompactorHost } from '../compaction/index.js'
import { drive } from '../exec/index.js'
import type { Procedure } from '../exec/index.js'
import type { FlushHost, FlushTask } from '../flush/index.js'
import type { VersionEdit } from '../manifest/index.js'
import { runFilesMax } from '../vfs/index.js'
import { onCompactionFailed, onQuiet } from './compaction-health.js'
import type { EngineCore } from './engine-core.js'
import type { WriteBufferOptions } from './write-buffers.js'

export function makeCommitHost(engine: EngineCore): CommitHost {
  const { parts } = engine
  return {
    checkWritable: () => engine.checkWritable(),
    takeResults: () => parts.executor.poll(0),
    mustStop: () => engine.stalls.mustStop(),
    mustDelay: () => engine.stalls.mustDelay(),
    waitForRoom: () => {
      engine.stalls.waitBlocking()
      engine.checkWritable()
    },
    takeBuffer: () => engine.buffers.take(),
    takeBufferNow: () => engine.buffers.takeNow(),
    needsXl: (batchBytes) => engine.buffers.needsXl(batchBytes),
    fill: (buffer, batchBytes) => {
      engine.buffers.fill(buffer, batchBytes)
      if (buffer.isXl) parts.memory.fit(engine.state)
    },
    onRotated: (sealed, next) => engine.onRotated(sealed, next),
    onPublished: (buffer) => {
      if (buffer.isHalfFull) engine.buffers.prepare()
      engine.compactor.noteWrite()
    },
    onSettled: (buffer) => engine.flusher.settle(buffer.memtable),
    onWriteFailure: (error, buffer, cut) => engine.onWriteFailure(error, buffer, cut),
  }
}

export function makeBufferHost(engine: EngineCore): WriteBufferOptions {
  const { parts, options } = engine
  return {
    vfs: parts.vfs, dir: parts.dir, clock: options.clock, pool: parts.pool, random: options.random,
    executor: parts.executor, databaseId: parts.databaseId, generation: parts.lock.generation,
    allocateFileNum: () => engine.versions.allocateFileNum(),
    lastSeqNum: () => engine.pipeline?.lastSeqNum ?? engine.versions.durable.lastSeqNum,
    indexBytesMax: () => parts.memory.nextIndexBytes(engine.state.memtables),
    onReady: () => engine.pipeline?.encodeWaiting(),
    onFailure: (error) => engine.onLogFailure(error),
  }
}

export function makeFlushHost(engine: EngineCore): FlushHost {
  const { parts, options } = engine
  return {
    dir: parts.dir,
    executor: parts.executor,
    clock: options.clock,
    tableSettings: { blockBytes: options.blockSize },
    isStrict: options.manifestSync,
    allocateFileNum: () => engine.versions.allocateFileNum(),
    uniqueSuffix: () => parts.names.next(),
    tableHeader: (tableNum) => tableHeader(engine, tableNum),
    visibleSeqNum: () => engine.visibleSeqNum,
    snapshotSeqNums: () => engine.snapshots.seqNums(),
    currentLogNum: () => engine.pipeline.current.log.fileNum,
    openTable: (facts) => parts.tables.loadSync(facts),
    appendEdit: (task, edit, done) => drive(appendFlush(engine, task, edit, done)),
    holdEdit: (edit) => engine.versions.hold(edit),
    onInstalled: (task, edit) => engine.onInstalled(task, edit),
    onStage: (task, stage, durationMs) => {
      parts.events.emit({ type: 'flushStage', id: task.id, log: task.log.fileNum, stage, durationMs })
    },
    onAttemptFailed: (task, error, willRetry) => engine.onFlushFailed(task, error, willRetry),
    onAbandoned: (names) => engine.deleter.add(names),
    onDirectoryFailure: (error) => engine.failForGood('directory sync', error),
    onBug: (error) => engine.failForGood('flush', error),
  }
}

/** A log that a pin keeps is synced before the pointer passes it: no recovery reads it again. */
function* appendFlush(
  engine: EngineCore, task: FlushTask, edit: VersionEdit, done: (error: unknown) => void,
): Procedure<void> {
  try {
    yield* engine.logPins.syncKept([task.log])
  } catch (error) {
    engine.failForGood('log sync', error)
    done(error)
    return
  }
  engine.versions.append(edit, done)
}

export function makeCompactorHost(engine: EngineCore): CompactorHost {
  const { parts, options } = engine
  return {
    dir: parts.dir,
    databaseId: parts.databaseId,
    executor: parts.executor,
    clock: options.clock,
    tableSettings: { blockBytes: options.blockSize },
    runFilesMax: Math.min(options.maxOpenFiles, runFilesMax(parts.vfs.openFilesMax, parts.executor.workerCount)),
    isStrict: options.manifestSync,
    allocateFileNum: () => engine.versions.allocateFileNum(),
    uniqueSuffix: () => parts.names.next(),
    tableHeader: (tableNum) => tableHeader(engine, tableNum),
    visibleSeqNum: () => engine.visibleSeqNum,
    snapshotSeqNums: () => engine.snapshots.seqNums(),
    oldestSnapshot: () => engine.snapshots.oldest,
    areWritersStopped: () => engine.stalls.isStopped,
    version: () => engine.versions.current,
    openTable: (facts) => parts.tables.loadSync(facts),
    appendEdit: (edit, done) => engine.versions.append(edit, done),
    holdEdit: (edit, onDurable) => {
      engine.versions.hold(edit)
      engine.heldEdits.add({ edit, log: null, onDurable })
    },
    onInstalled: (task, edit) => engine.onCompacted(task, edit),
    onReplaced: (tables) => {
      for (const { fileNum } of tables) {
        parts.tables.retire(fileNum, () => engine.deleter.add([tableFileName(fileNum)]))
      }
    },
    onAbandoned: (names) => engine.deleter.add(names),
    onQuiet: () => onQuiet(engine),
    onBegin: ({ id, pick: { reason }, inputBytes }) => {
      parts.events.emit({ type: 'compactionBegin', id, reason, inputBytes })
    },
    onFailed: (task, error, willRetry) => onCompactionFailed(engine, task, error, willRetry),
    onDirectoryFailure: (error) => engine.failForGood('directory sync', error),
  }
}

function tableHeader(engine: EngineCore, tableNum: FileNum): FileHeader {
  const { databaseId, lock } = engine.parts
  const salt = new Uint8Array(8)
  engine.options.random.fill(salt)
  return { magic: 'varvetab', databaseId, fileNum: tableNum, salt, generation: lock.generation }
}
