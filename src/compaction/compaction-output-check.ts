/**
 * What: checks the facts that a worker gives of its outputs, before the manifest takes them over.
 * Thread: any (pure).
 * Invariants: VLG-5 what a job lets go of in value logs agrees with its inputs and outputs before an edit says so.
 */
import { handleCountOf } from '../base/index.js'
import type { TableFacts } from '../base/index.js'
import { extentCovers, extentOf } from '../manifest/index.js'
import { inputTables, letGoOf } from '../pick/index.js'
import type { CompactionPick, RunningCompaction } from '../pick/index.js'
import type { CompactionRunOutput } from '../run/index.js'

export interface CheckedTask {
  pick: CompactionPick
  reservation: RunningCompaction
  outputs: readonly { tableNum: number }[]
}

/** Finds what is wrong with the outputs, or gives null. */
export function findOutputProblem(task: CheckedTask, output: CompactionRunOutput): string | null {
  const { outputs, keptCount, droppedVersionCount, droppedTombstoneCount } = output
  const inputCount = inputTables(task.pick).reduce((sum, { entryCount }) => sum + entryCount, 0)
  if (keptCount + droppedVersionCount + droppedTombstoneCount !== inputCount) {
    return `${keptCount} entries kept, ${droppedVersionCount + droppedTombstoneCount} dropped, of ${inputCount}`
  }
  const written = outputs.reduce((sum, { entryCount }) => sum + entryCount, 0)
  if (written !== keptCount) return `${written} entries in the outputs, ${keptCount} were kept`
  for (const [i, facts] of outputs.entries()) {
    if (facts.fileNum !== task.outputs[i]?.tableNum) return `table ${facts.fileNum} has a number of its own`
    if (facts.entryCount === 0) return `table ${facts.fileNum} is empty`
    if (!extentCovers(task.reservation.extent, extentOf(facts))) {
      return `table ${facts.fileNum} has keys that no input has`
    }
  }
  return findReferenceProblem(inputTables(task.pick), outputs)
}

/** A handle is carried on as it is, or goes: the outputs point to nothing in a value log that the inputs do not. */
function findReferenceProblem(inputs: readonly TableFacts[], outputs: readonly TableFacts[]): string | null {
  for (const { fileNum, entryCount, valueFiles } of outputs) {
    if (handleCountOf(valueFiles) > entryCount) return `table ${fileNum} points to more values than it has entries`
  }
  for (const { fileNum, valueCount, valueBytes } of letGoOf(inputs, outputs)) {
    if (valueCount < 1 || valueBytes < 0) {
      return `${valueCount} values of ${valueBytes} bytes of value log ${fileNum} would be let go of`
    }
  }
  return null
}
