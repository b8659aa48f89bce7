/**
 * What: `collectGarbage()`: asks for collections of value logs until none has more garbage than was asked for, and
 * reports what came of it.
 * Thread: main. Invariants: other compactions go on beside it and come first; what is written meanwhile is not waited
 * for. It always ends: done, given up, or with the reason why it cannot be done.
 */
import { VarveError } from '../base/index.js'
import type { FileNum } from '../base/index.js'
import type { ExtraPicker } from '../compaction/index.js'
import { pinsOf } from '../manifest/index.js'
import type { ValueLogFacts, Version } from '../manifest/index.js'
import { collectionPicker, garbageLeft } from '../pick/index.js'
import type { Picker } from '../pick/index.js'
import type { ValueLogHolder } from '../stats/index.js'
import { holderOf, logThatNeeds } from '../versions/index.js'
import { runToEnd } from './compact-range.js'
import type { CompactCall, CompactOptions } from './compact-range.js'
import { roomForValues } from './compaction-health.js'
import { compactionSettings } from './compaction-options.js'
import type { EngineCore } from './engine-core.js'

const NO_PINS: ReadonlyMap<string, FileNum> = new Map()

/** Options of `collectGarbage()`. */
export interface CollectOptions extends CompactOptions {
  /** The share of garbage from which on a value log is emptied; 0.05 to 0.95, default 5/6 of `garbageRatio`. */
  ratio?: number | undefined
}

/** The options of one call, checked. */
export interface CollectCall extends CompactCall {
  /** Null: the default. */
  ratio: number | null
}

/** What came of a `collectGarbage()`. */
export interface CollectResult {
  /** Value logs that went. */
  filesRemoved: number
  /** Their bytes. */
  removedBytes: number
  /** Bytes of values that were moved out of them, into other value logs. */
  movedBytes: number
  /** Bytes of value logs that no table points into any more, and that something still keeps. */
  heldBytes: number
  /** Each of those files, and what keeps it. */
  held: HeldValueLog[]
  /** Open snapshots: values that they see count as live, however old they are. */
  snapshotCount: number
}

/** A value log that no table points into any more, and that something keeps. */
export interface HeldValueLog {
  /** Its number. */
  fileNum: FileNum
  /** It is a log, and was promoted. */
  isLog: boolean
  /** Its bytes. */
  fileBytes: number
  /** What keeps it: entries that are not flushed yet and name it, pins, or snapshots, iterators, streams and reads. */
  heldBy: Exclude<ValueLogHolder, 'table'>
  /** The names of the pins that keep it. */
  pins: string[]
}

/** Flushes first, so that what was written before the call counts. Resolves when readers see the result. */
export async function collectGarbage(engine: EngineCore, call: CollectCall): Promise<CollectResult> {
  const { abort } = call
  try {
    abort?.check()
    await (abort === null ? engine.flush() : abort.orAborted(engine.flush()))
    return await collect(engine, call)
  } finally {
    abort?.end()
  }
}

async function collect(engine: EngineCore, call: CollectCall): Promise<CollectResult> {
  const { compactor, options, versions, valueLogSweep } = engine
  const before = versions.durable.valueLogs
  const movedBefore = compactor.totals.movedBytes
  const wanted = {
    garbageRatio: call.ratio ?? garbageLeft(options.garbageRatio),
    upTo: engine.visibleSeqNum, below: versions.current.nextFileNum,
  }
  const picker = collectionPicker(compactionSettings(options), wanted)
  await runToEnd(engine, picker, call)
  await valueLogSweep.idle()
  await engine.deleter.idle()
  await checkRoom(engine, picker)
  const error = firstLeftAlone(engine, before)
  if (error !== null) throw error
  const { durable } = versions
  const removed = [...before.values()].filter(({ fileNum }) => !durable.valueLogs.has(fileNum))
  const held = heldValueLogs(durable, valueLogSweep.waiting)
  return {
    filesRemoved: removed.length,
    removedBytes: totalBytesOf(removed),
    movedBytes: compactor.totals.movedBytes - movedBefore,
    heldBytes: held.reduce((sum, { fileBytes }) => sum + fileBytes, 0),
    held,
    snapshotCount: engine.snapshots.count,
  }
}

function heldValueLogs(version: Version, readByOthers: readonly ValueLogFacts[]): HeldValueLog[] {
  const listed = [...version.valueLogs.values()].flatMap((facts): HeldValueLog[] => {
    const heldBy = holderOf(facts, version)
    return heldBy === null || heldBy === 'table' ? [] : [heldLog(facts, heldBy, version.pins)]
  })
  return [...listed, ...readByOthers.map((facts) => heldLog(facts, 'reader', NO_PINS))]
}

function heldLog(
  facts: ValueLogFacts, heldBy: HeldValueLog['heldBy'], pins: ReadonlyMap<string, FileNum>,
): HeldValueLog {
  const { fileNum, isLog, bytes: fileBytes } = facts
  return { fileNum, isLog, fileBytes, heldBy, pins: pinsOf(logThatNeeds(facts), pins) }
}

/** Throws when there is more to do for which the disk has no room. What became garbage meanwhile is nothing to tell. */
async function checkRoom(engine: EngineCore, picker: ExtraPicker): Promise<void> {
  const room = await roomForValues(engine).catch(() => Infinity)
  const { compactor, snapshots, versions: { current } } = engine
  const hasWork = ({ pick }: Pick<Picker, 'pick'>): boolean =>
    pick(current, [], snapshots.oldest ?? Infinity, compactor.blocked) !== null
  if (hasWork(picker) && !hasWork(picker.within!(room))) throw noRoomError()
}

function noRoomError(): VarveError {
  return new VarveError('NO_SPACE', 'what is left cannot be moved: the disk has too little room', {
    hint: 'free some space, and call again; what was emptied is gone already',
  })
}

/** The error of a value log that could not be emptied. What was deleted meanwhile needs nobody to empty it. */
function firstLeftAlone({ compactor, versions }: EngineCore, before: ReadonlyMap<FileNum, ValueLogFacts>): unknown {
  for (const [fileNum, error] of compactor.leftAlone.valueLogs) {
    const liveCount = versions.durable.valueLogs.get(fileNum)?.liveCount ?? 0
    if (before.has(fileNum) && liveCount > 0) return error
  }
  return null
}

function totalBytesOf(logs: readonly ValueLogFacts[]): number {
  return logs.reduce((sum, { bytes }) => sum + bytes, 0)
}
