/**
 * What: the style `leveled`: level 0 where flushes arrive, and one sorted run in each deeper level; sizes are
 * in level-sizes.ts. The levels' scores say where work is most urgent; tombstones and hidden versions come after
 * them.
 * Thread: any (pure).
 */
import type { LevelNum } from '../base/index.js'
import type { CompactionPick, LevelScore, Picker } from './compaction-pick.js'
import type { CompactionSettings } from './compaction-settings.js'
import { idleBytes } from './level-sizes.js'
import { level0Stacks, pickStack } from './pick-level0.js'
import type { Level0Stack } from './pick-level0.js'
import { pickHidden } from './pick-hidden.js'
import { pickScene } from './pick-scene.js'
import type { PickScene } from './pick-scene.js'
import { pickSize } from './pick-size.js'
import { pickTombstones } from './pick-tombstones.js'

export function leveledPicker(settings: CompactionSettings): Picker {
  return {
    pick(version, running, held, blocked) {
      const scene = pickScene(settings, { version, running, held, blocked })
      const stacks = level0Stacks(scene)
      for (const { score, pick } of dueSteps(scene, stacks)) {
        if (score < 1) break
        const step = pick()
        if (step !== null) return step
      }
      return pickTombstones(scene, stacks) ?? pickHidden(scene)
    },
    scores(version, running) {
      const scene = pickScene(settings, { version, running })
      return scoresOf(scene, level0Stacks(scene))
    },
    pendingBytes: (version) => pendingBytes(pickScene(settings, { version })),
  }
}

function scoresOf(scene: PickScene, stacks: readonly Level0Stack[]): LevelScore[] {
  return scene.sizes.targets.map((targetBytes, level) =>
    ({ level, score: level === 0 ? stacks[0]?.score ?? 0 : deepLevelScore(scene, level), targetBytes }))
}

function deepLevelScore({ version, sizes, taken }: PickScene, level: LevelNum): number {
  const target = sizes.targets[level]!
  const bytes = level === sizes.lastLevel ? 0 : idleBytes(version, level, taken)
  if (bytes === 0) return 0
  // A level that should be empty gives way to those that are too full.
  return target === 0 ? 1 : bytes / target
}

/** The most urgent first; of equal ones the upper level. */
function dueSteps(
  scene: PickScene, stacks: readonly Level0Stack[],
): { score: number; pick: () => CompactionPick | null }[] {
  const down = stacks.map((stack) => ({ score: stack.score, pick: () => pickStack(scene, stack) }))
  const deeper = scoresOf(scene, stacks).slice(1).map(({ level, score }) =>
    ({ score, pick: () => pickSize(scene, level, score) }))
  return [...down, ...deeper].sort((a, b) => b.score - a.score)
}

/** As RocksDB's estimate: what each level has above its target goes down, and takes its share of the next along. */
function pendingBytes(scene: PickScene): number {
  const { sizes } = scene
  let pending = 0
  let arriving = 0
  for (const stack of level0Stacks(scene)) {
    if (stack.score < 1 || (stack.tables.length === 1 && stack.baseBytes === 0)) continue
    pending += stack.bytes + stack.baseBytes
    arriving += stack.bytes
  }
  for (let level = sizes.baseLevel; level < sizes.lastLevel; level++) {
    const bytes = sizes.bytes[level]! + arriving
    arriving = Math.max(0, bytes - sizes.targets[level]!)
    if (arriving === 0) continue
    pending += arriving + Math.min(sizes.bytes[level + 1]!, arriving / bytes * sizes.bytes[level + 1]!)
  }
  return pending
}
