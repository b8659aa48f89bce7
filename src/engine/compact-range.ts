/**
 * What: `compact()`: asks for compactions of a range until there is nothing left to do, and reports progress.
 * Thread: main. Invariants: other compactions go on beside it; what is written meanwhile is not waited for. It always
 * ends: done, given up, or with the reason why it cannot be done. (docs/design/0014-compaction.md)
 */
import { callContained, VarveError } from '../base/index.js'
import type { AbortWatch, Timer } from '../base/index.js'
import type { ExtraPicker } from '../compaction/index.js'
import type { KeyRange } from '../iterator/index.js'
import { allTables, extentOfRange } from '../manifest/index.js'
import { inputTables, manualPicker } from '../pick/index.js'
import type { ManualPicker } from '../pick/index.js'
import type { Progress } from '../report/index.js'
import { compactionSettings } from './compaction-options.js'
import type { EngineCore } from './engine-core.js'

/** How far a `compact()` has come. */
export interface CompactProgress extends Progress {
  /** Bytes of tables read by compactions since the call. */
  readBytes: number
  /** Bytes of tables written by compactions since the call. */
  writtenBytes: number
  /** Bytes of large values moved by compactions since the call. */
  movedBytes: number
  /** Compactions that ended since the call. */
  stepCount: number
}

/** Options of `compact()`. */
export interface CompactOptions {
  /** Ends the call with the signal's reason; the compaction under way is given up, those done stay. */
  signal?: AbortSignal | undefined
  /**
   * True destroys all that has expired by the wall clock, without waiting until that has shown itself right
   * (`ttlGraceMs`, `ttlClosedMaxMs`): the caller vouches for it. Default false.
   */
  expired?: boolean | undefined
  /** Called after each compaction, every 200 ms, and when all is done. What it throws is ignored. */
  onProgress?: ((progress: CompactProgress) => void) | undefined
}

/** The options of one call, checked. */
export interface CompactCall {
  abort: AbortWatch | null
  /** True when the wall clock is right. */
  expired: boolean
  onProgress: ((progress: CompactProgress) => void) | undefined
}

const PROGRESS_MS = 200

/** Flushes, then merges what lies in a range down to one version a key. Resolves when readers see the result. */
export async function flushAndCompact(engine: EngineCore, range: KeyRange, call: CompactCall): Promise<void> {
  const { abort } = call
  try {
    abort?.check()
    await (abort === null ? engine.flush() : abort.orAborted(engine.flush()))
    if (call.expired) engine.expiry.trustClock()
    await compactRange(engine, range, call)
  } finally {
    abort?.end()
  }
}

async function compactRange(engine: EngineCore, range: KeyRange, call: CompactCall): Promise<void> {
  const { nextFileNum: below } = engine.versions.current
  const wanted = { extent: extentOfRange(range), upTo: engine.visibleSeqNum, below, expiry: engine.expiry.times() }
  const picker = manualPicker(compactionSettings(engine.options), wanted)
  await runToEnd(engine, picker, call)
  await engine.valueLogSweep.idle()
  const corruption = findLeftAlone(engine, picker)
  if (corruption !== null) throw corruption
}

/** Asks for what the picker picks until that is nothing, and until all of it is durable. */
export async function runToEnd(engine: EngineCore, picker: ExtraPicker, call: CompactCall): Promise<void> {
  const { compactor } = engine
  const { abort } = call
  const progress = startProgress(engine, call)
  compactor.addExtra(picker)
  try {
    while (!compactor.isDone(picker)) {
      checkGoingOn(engine)
      const failure = compactor.extra.failureOf(picker)
      if (failure !== null) throw failure.error
      const step = compactor.nextEnd()
      compactor.schedule() // a snapshot that went may have made work
      try {
        await (abort === null ? step : abort.orAborted(step))
      } finally {
        progress.tell()
      }
      abort?.check() // the listener may have had enough
    }
    progress.tell()
  } catch (error) {
    compactor.giveUp(picker)
    throw error
  } finally {
    compactor.extra.remove(picker)
    progress.stop()
  }
  await engine.heldEdits.whenSettled()
}

/** Finds what is wrong with a corrupt table of the range, or with one that keeps a table of the range where it is. */
function findLeftAlone({ compactor: { leftAlone }, snapshots, versions }: EngineCore, picker: ManualPicker): unknown {
  const { tables: corruptions } = leftAlone
  if (corruptions.size === 0) return null
  const { current } = versions
  const pick = picker.pick(current, [], snapshots.oldest ?? Infinity, new Set())
  const met = [...allTables(current).filter(picker.wants), ...(pick === null ? [] : inputTables(pick))]
  const table = met.find(({ fileNum }) => corruptions.has(fileNum))
  return table === undefined ? null : corruptions.get(table.fileNum)
}

function checkGoingOn(engine: EngineCore): void {
  if (engine.isClosing) throw new VarveError('CLOSED', 'the database was closed before this was done')
  engine.checkWritable()
}

function startProgress({ compactor, options: { clock } }: EngineCore, { onProgress }: CompactCall) {
  const { totals } = compactor
  const start = { ...totals, stepCount: compactor.completedCount + compactor.movedCount }
  let timer: Timer | null = null
  const tell = (): void => {
    if (onProgress === undefined) return
    const readBytes = totals.readBytes + compactor.speed.progressBytes - start.readBytes
    const stepCount = compactor.completedCount + compactor.movedCount - start.stepCount
    const now = {
      readBytes,
      writtenBytes: totals.writtenBytes - start.writtenBytes,
      movedBytes: totals.movedBytes - start.movedBytes,
      stepCount,
      // What a step leaves to the next one is known when it is done, so there is no total.
      doneBytes: readBytes, totalBytes: null, doneCount: stepCount, totalCount: null,
    }
    callContained(() => onProgress(now), () => undefined)
  }
  const repeat = (): void => {
    timer = clock.after(PROGRESS_MS, () => {
      tell()
      repeat()
    })
  }
  if (onProgress !== undefined) repeat()
  return { tell, stop: () => timer?.cancel() }
}
