/**
 * What: the styles that merge by themselves: flushes arrive in level 0, and each deeper level is one sorted run. With
 * `leveled` and `simple` levels have the sizes of level-sizes.ts; with `tiered` and `lazy` they are whole runs, of any
 * size (pick-runs.ts). The scores of levels say which work is most urgent; tombstones and hidden versions come after.
 * Invariants: COMP-6 a pressure always has work that is due: the tables of level 0 by their number, the debt by the
 * sizes of levels, the runs by how many there may be.
 * Thread: any (pure).
 */
import { MiB } from '../base/index.js'
import type { LevelNum } from '../base/index.js'
import type { Version } from '../manifest/index.js'
import { inputTables, totalBytes, valueBytesOf } from './compaction-pick.js'
import type { CompactionPick, LevelScore, Picker, Pressure } from './compaction-pick.js'
import { hasWholeRuns } from './compaction-settings.js'
import type { CompactionSettings } from './compaction-settings.js'
import { idleBytes } from './level-sizes.js'
import { pickContext } from './pick-context.js'
import type { PickContext } from './pick-context.js'
import { pickCovered } from './pick-covered.js'
import { crowdScore, pickCrowd } from './pick-crowd.js'
import { pickFewer } from './pick-fewer.js'
import { level0Stacks, pickStack, STUCK_HEIGHT } from './pick-level0.js'
import type { Level0Stack } from './pick-level0.js'
import { pickObsoleteVersions } from './pick-obsolete-versions.js'
import { deepRuns, pendingRunBytes, runSteps } from './pick-runs.js'
import type { RunStep } from './pick-runs.js'
import { pickSize } from './pick-size.js'
import { pickSmall, smallScore } from './pick-small.js'
import { pickTombstones } from './pick-tombstones.js'
import { pickUncovering } from './pick-uncovering.js'
import { pickValues } from './pick-values.js'
import { collectionsOf } from './value-collection.js'

/**
 * Limits of the number of tables in level 0, in multiples of `level0TablesMin` above the number from which a
 * compaction is always due. The defaults come to the limits of RocksDB, 20 and 36.
 */
const LEVEL0_LIMITS = { slow: 0.5, full: 2.5, hysteresis: 0.5 }
/** Limits of the bytes that compactions are behind. */
const DEBT_LIMITS = { slow: 4096 * MiB, full: 16_384 * MiB, hysteresis: 512 * MiB, stops: true }
/** Limits of the number of whole runs, above those that may be. */
const RUN_LIMITS = { slow: 8, full: 24, hysteresis: 4 }
/**
 * Limits of garbage in value logs: so much of what is left above `garbageRatio`, where a collection is already due.
 * docs/design/0032-value-log.md has the figures.
 */
const GARBAGE_LIMITS = { slow: 0, full: 5 / 32, hysteresis: 1 / 64 }
/** Less garbage than so many tables slows nobody: a small database has a buffer of it at once. */
const GARBAGE_TABLES_MIN = 4

export function mergingPicker(settings: CompactionSettings, roomBytes = Infinity): Picker {
  return {
    within: (room) => mergingPicker(settings, room),
    pick(version, running, held, blocked) {
      const context = pickContext(settings, { version, running, held, blocked, roomBytes })
      const stacks = level0Stacks(context)
      return pickCovered(context) ?? pickDue(context, stacks) ?? pickFewer(context, stacks) ??
        pickUncovering(context, stacks) ?? pickTombstones(context, stacks) ?? pickValues(context) ??
        pickObsoleteVersions(context)
    },
    scores(version, running) {
      const context = pickContext(settings, { version, running })
      return scoresOf(context, level0Stacks(context)).slice(0, version.levels.length)
    },
    pendingBytes: (version) => pendingBytes(pickContext(settings, { version })),
    pressures: (version, blocked) => pressures(pickContext(settings, { version, blocked })),
    tidy: (bytesMax) => ({
      pick(version, running, held, blocked) {
        const context = pickContext(settings, { version, running, held, blocked })
        return pickTidy(context, level0Stacks(context), bytesMax)
      },
    }),
  }
}

function pickTidy(context: PickContext, stacks: readonly Level0Stack[], bytesMax: number): CompactionPick | null {
  let pick = crowdScore(context, stacks) >= 1 ? pickCrowd(context, stacks, bytesMax) : null
  for (const level of deepLevels(context)) pick ??= pickSmall(context, level, bytesMax)
  return pick ?? (hasWholeRuns(context.settings) ? pickShortRunStep(context, bytesMax) : null)
}

/** Otherwise short sessions would make one more run each time that level 0 goes down. */
function pickShortRunStep(context: PickContext, bytesMax: number): CompactionPick | null {
  const due = runSteps(context).find(({ score }) => score >= 1)?.pick() ?? null
  return due !== null && (due.kind === 'move' || totalBytes(inputTables(due)) <= bytesMax) ? due : null
}

function scoresOf(context: PickContext, stacks: readonly Level0Stack[]): LevelScore[] {
  const scores = context.sizes.targets.map((targetBytes, level) => ({ level, score: 0, targetBytes }))
  for (const { level, score } of dueSteps(context, stacks)) {
    if (score > scores[level]!.score) scores[level]!.score = score
  }
  return scores
}

/** The stacks that are not due. A stack that is due does not join a crowd, since it may move, or goes down whole. */
function lowStacks(stacks: readonly Level0Stack[]): readonly Level0Stack[] {
  return stacks.filter(({ score }) => score < 1)
}

function deepLevels({ sizes }: PickContext): LevelNum[] {
  return sizes.targets.map((_, level) => level).slice(1)
}

function sizeScore({ version, sizes, taken }: PickContext, level: LevelNum): number {
  const target = sizes.targets[level]!
  const bytes = level === sizes.lastLevel ? 0 : idleBytes(version, level, taken)
  if (bytes === 0) return 0
  // A level that should be empty comes after levels that are too full.
  return target === 0 ? 1 : bytes / target
}

function pickDue(context: PickContext, stacks: readonly Level0Stack[]): CompactionPick | null {
  for (const { score, pick } of dueSteps(context, stacks)) {
    if (score < 1) break
    const step = pick()
    if (step !== null) return step
  }
  return null
}

/** The compactions that are due, the most urgent first; the upper level comes first when scores are equal. */
function dueSteps(context: PickContext, stacks: readonly Level0Stack[]): RunStep[] {
  const { inputBytesMax } = context.settings
  const down = stacks.map((stack) => ({ level: 0, score: stack.score, pick: () => pickStack(context, stack) }))
  const low = lowStacks(stacks)
  const crowd = {
    level: 0, score: crowdScore(context, low),
    pick: () => pickCrowd(context, low, inputBytesMax) ?? pickCrowd(context, low, Infinity),
  }
  const deeper = deepLevels(context).map((level) => ({
    level, score: smallScore(context, level), pick: () => pickSmall(context, level),
  }))
  return [...down, crowd, ...deepSteps(context), ...deeper].sort((a, b) => b.score - a.score)
}

function deepSteps(context: PickContext): RunStep[] {
  if (hasWholeRuns(context.settings)) return runSteps(context)
  return deepLevels(context).map((level) => {
    const score = sizeScore(context, level)
    return { level, score, pick: () => pickSize(context, level, score) }
  })
}

/** The pressures that a compaction can end: otherwise writers would wait for nothing. */
function pressures(context: PickContext): Pressure[] {
  const ofRuns = hasWholeRuns(context.settings) ? runPressures(context) : []
  return [...tablePressures(context), ...ofRuns, ...garbagePressures(context)]
}

/** Runs are never too large, but there may be too many: each takes a level, and a look of every read. */
function runPressures(context: PickContext): Pressure[] {
  const { settings: { deepRunsMax } } = context
  const { slow, full, hysteresis } = RUN_LIMITS
  const value = deepRuns(context).length
  const pressure: Pressure = {
    reason: 'sorted runs', text: `${value} sorted runs wait for compaction`, unit: 'runs', value,
    slow: deepRunsMax + slow, full: deepRunsMax + full, hysteresis, stops: true,
  }
  const isPressing = value >= pressure.slow - hysteresis
  return isPressing && pickDue(context, level0Stacks(context)) === null ? [] : [pressure]
}

function tablePressures(context: PickContext): Pressure[] {
  const { version, blocked, settings } = context
  const { slow, full, hysteresis } = LEVEL0_LIMITS
  const { level0TablesMin } = settings
  const crowd = Math.max(settings.level0CrowdMin, STUCK_HEIGHT * level0TablesMin)
  const tables = version.levels[0]!.tables.filter(({ fileNum }) => !blocked.has(fileNum)).length
  const level0: Pressure = {
    reason: 'level 0 tables', text: `${tables} tables in level 0 wait for compaction`, unit: 'tables', value: tables,
    slow: crowd + Math.ceil(slow * level0TablesMin), full: crowd + Math.ceil(full * level0TablesMin),
    hysteresis: Math.floor(hysteresis * level0TablesMin), stops: true,
  }
  const isHigh = level0.value >= level0.slow - level0.hysteresis
  const debt: Pressure = {
    reason: 'compaction debt', text: 'compactions are far behind', unit: 'bytes',
    // The debt is computed only when it can decide.
    value: isHigh || hasWholeRuns(settings) ? 0 : pendingBytes(context), ...DEBT_LIMITS,
  }
  const isPressing = isHigh || debt.value >= debt.slow - debt.hysteresis
  return isPressing && pickDue(context, level0Stacks(context)) === null ? [] : [level0, debt]
}

/**
 * What is garbage in value logs, and what may be: values above the deepest level, as much of each as the garbage that
 * is known is of the ratio. So where nothing is overwritten, a value in level 0 counts nothing.
 */
function suspectedGarbage(context: PickContext): number {
  const { putBytes, garbageBytes } = collectionsOf(context).logs
  if (garbageBytes === 0) return 0
  const share = Math.min(1, garbageBytes / (context.settings.garbageRatio * putBytes))
  return Math.round(garbageBytes + share * upperValueBytes(context.version))
}

function upperValueBytes({ levels }: Version): number {
  const deepest = levels.findLastIndex(({ tables }) => tables.length > 0)
  return levels.slice(0, deepest).reduce((sum, { tables }) => sum + valueBytesOf(tables), 0)
}

/**
 * Garbage that grows faster than values are moved slows writers down, or the directory would grow without bound. It
 * never stops them: a call that must not wait does not depend on how much of the disk is in use.
 */
function garbagePressures(context: PickContext): Pressure[] {
  const { garbageRatio, tableBytes } = context.settings
  const { putBytes } = collectionsOf(context).logs
  const value = suspectedGarbage(context)
  const bytes = (share: number): number => Math.round(putBytes * (garbageRatio + (1 - garbageRatio) * share))
  const least = Math.max(0, GARBAGE_TABLES_MIN * tableBytes - bytes(GARBAGE_LIMITS.slow))
  const slow = bytes(GARBAGE_LIMITS.slow) + least
  const hysteresis = Math.round(putBytes * (1 - garbageRatio) * GARBAGE_LIMITS.hysteresis)
  if (value < slow - hysteresis || value === 0) return []
  if (pickValues(context) === null && pickUncovering(context, level0Stacks(context)) === null) return []
  return [{
    reason: 'value log garbage', text: `about ${value} bytes of garbage in value logs wait for their collection`,
    unit: 'bytes', value, slow, full: bytes(GARBAGE_LIMITS.full) + least, hysteresis, stops: false,
  }]
}

/** Estimates the debt as RocksDB does: the excess of a level goes down and rewrites its share of the next level. */
function pendingBytes(context: PickContext): number {
  const { sizes } = context
  let pending = 0
  let arriving = 0
  for (const stack of level0Stacks(context)) {
    if (stack.score < 1 || (stack.tables.length === 1 && stack.baseBytes === 0)) continue
    pending += stack.bytes + stack.baseBytes
    arriving += stack.bytes
  }
  if (hasWholeRuns(context.settings)) return pending + pendingRunBytes(context)
  for (let level = sizes.baseLevel; level < sizes.lastLevel; level++) {
    const bytes = sizes.bytes[level]! + arriving
    arriving = Math.max(0, bytes - sizes.targets[level]!)
    if (arriving === 0) continue
    pending += arriving + Math.min(sizes.bytes[level + 1]!, arriving / bytes * sizes.bytes[level + 1]!)
  }
  return pending
}
