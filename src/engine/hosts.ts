/**
 * What: makes the parts of the engine that report to it: the write path, the flush pipeline, the compactor.
 * No state, no decision. Thread: main.
 */
import { drawHashSeed, newFileHeader } from '../base/index.js'
import type { CommitHost } from '../commit/index.js'
import { Compactor } from '../compaction/index.js'
import type { Executor } from '../exec/index.js'
import { Flusher, valueSettings } from '../flush/index.js'
import { tableSettings } from '../tables/index.js'
import { Installer } from '../versions/index.js'
import { runFilesMax } from '../vfs/index.js'
import { onCompactionFailed, onQuiet, roomForValues } from './compaction-health.js'
import { makePickers } from './compaction-options.js'
import type { EngineCore } from './engine-core.js'
import { keptTablesIn } from './saved-settings.js'
import type { WriteBufferOptions } from './write-buffers.js'

export function makeCommitHost(engine: EngineCore): CommitHost {
  const { setup } = engine
  return {
    checkWritable: () => engine.checkWritable(),
    takeResults: () => setup.executor.poll(0),
    mustStop: (batchBytes) => engine.stalls.mustStop(batchBytes),
    mustDelay: () => engine.stalls.mustDelay(),
    passBarrier: () => {
      engine.stalls.passBarrier()
      engine.checkWritable()
    },
    waitForRoom: (batchBytes) => {
      engine.stalls.waitBlocking(batchBytes)
      engine.checkWritable()
    },
    takeBuffer: () => engine.buffers.take(),
    takeBufferNow: () => engine.buffers.takeNow(),
    needsXl: (batchBytes) => engine.buffers.needsXl(batchBytes),
    fill: (buffer, batchBytes) => {
      engine.buffers.fill(buffer, batchBytes)
      if (buffer.isXl) setup.memory.fit(engine.state)
    },
    takeSlab: (batchBytes) => {
      const slab = engine.buffers.takeSlab(batchBytes)
      setup.memory.fit(engine.state)
      return slab
    },
    bind: (buffer, slab) => engine.buffers.bind(buffer, slab),
    onRotated: (sealed, next) => engine.onRotated(sealed, next),
    onPublished: (buffer) => {
      if (buffer.isHalfFull) prepareNext(engine)
      engine.compactor.noteWrite()
    },
    onSettled: (buffer) => engine.flusher.settle(buffer.memtable),
    onWriteFailure: (error, buffer, cut) => engine.onWriteFailure(error, buffer, cut),
  }
}

/** Makes what the next rotation needs, so that it is a swap. */
function prepareNext({ buffers, options, setup: { pool, executor } }: EngineCore): void {
  buffers.prepare()
  if (executor.workerCount > 0) pool.prepare(options.immutablesMax + 1)
}

/** Touches new slabs in a thread. Without threads nothing is gained: the memory is touched when it is written. */
export function touchAhead(executor: Executor): (memory: SharedArrayBuffer) => void {
  return (memory) => {
    if (executor.workerCount === 0 || executor.isClosed) return
    executor.submitPolled({ kind: 'touchSlab', input: { memory } }, () => undefined)
  }
}

export function makeBufferHost(engine: EngineCore): WriteBufferOptions {
  const { setup, options } = engine
  return {
    ...setup.origin, vfs: setup.vfs, dir: setup.dir, clock: options.clock, pool: setup.pool, executor: setup.executor,
    hashSeed: engine.versions.current.hashSeed ?? drawHashSeed(options.random),
    valueFiles: setup.tables.valueLogs,
    allocateFileNum: () => engine.versions.allocateFileNum(),
    lastSeqNum: () => engine.pipeline?.lastSeqNum ?? engine.versions.durable.lastSeqNum,
    indexBytesMax: () => setup.memory.nextIndexBytes(engine.state.memtables),
    onReady: () => engine.pipeline?.encodeWaiting(),
    onFailure: (error) => engine.onLogFailure(error),
  }
}

export function makeInstaller(engine: EngineCore): Installer {
  const { setup, options } = engine
  return new Installer({
    dir: setup.dir, executor: setup.executor, isStrict: options.manifestSync,
    versions: engine.versions, tables: setup.tables, logPins: engine.logPins, deleter: engine.deleter,
    heldEdits: engine.heldEdits,
    unlistedTables: () => {
      const kept = keptTablesIn(engine.versions.current.settings)
      return [...new Set([...setup.tables.retiredNums(), ...engine.deleter.tableNums(), ...kept])]
    },
    uniqueSuffix: () => setup.names.next(),
    wallMs: () => options.clock.wallMs(),
    newHeader: (fileNum, magic) => newFileHeader(magic, setup.origin, fileNum),
    onDurable: () => engine.valueLogSweep.look(),
    onFailure: (place, error) => engine.failForGood(place, error),
  })
}

export function makeFlusher(engine: EngineCore): Flusher {
  const { setup, options, installer, snapshots } = engine
  return new Flusher({
    installer, snapshots, clock: options.clock,
    tableSettings: tableSettings(options, 'flush', engine.versions.current),
    valueSettings: valueSettings(options),
    flushedValues: setup.counts.flushedValues,
    syncer: engine.syncer,
    valueLogs: setup.tables.valueLogs,
    buildsMax: Math.max(1, setup.executor.workerCount - 1),
    host: {
      onInstalled: (task, edit) => engine.onInstalled(task, edit),
      onStage: (task, stage, durationMs) => {
        setup.events.emit({ type: 'flushStage', id: task.id, log: task.log.fileNum, stage, durationMs })
      },
      onAttemptFailed: (task, error, willRetry) => engine.onFlushFailed(task, error, willRetry),
      onBug: (error) => engine.failForGood('flush', error),
    },
  })
}

export function makeCompactor(engine: EngineCore): Compactor {
  const { setup, options, installer, snapshots, versions } = engine
  return new Compactor({
    installer, snapshots, versions, clock: options.clock,
    databaseId: setup.origin.databaseId,
    tableSettings: tableSettings(options, 'compaction', versions.current),
    valueFileBytes: options.valueFileBytes,
    runFilesMax: Math.min(options.maxOpenFiles, runFilesMax(setup.vfs.openFilesMax, setup.executor.workerCount)),
    pickers: makePickers(options),
    host: {
      areWritersStopped: () => engine.stalls.isStopped,
      roomForValues: () => roomForValues(engine),
      onBegin: ({ id, pick: { reason }, inputBytes }) => {
        setup.events.emit({ type: 'compactionBegin', id, reason, inputBytes })
      },
      onLooked: () => engine.stalls.assess(),
      onInstalled: (task, edit) => engine.onCompacted(task, edit),
      onFailed: (task, error, willRetry) => onCompactionFailed(engine, task, error, willRetry),
      onPause: () => engine.state.memtables.forEach((memtable) => memtable.gather()),
      onQuiet: () => onQuiet(engine),
    },
  })
}
