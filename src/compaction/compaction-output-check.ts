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
  valueLogs: readonly { fileNum: number }[]
}

/** Finds what is wrong with the outputs, or gives null. */
export function findOutputProblem(task: CheckedTask, output: CompactionRunOutput): string | null {
  const { outputs, keptCount, droppedVersionCount, droppedTombstoneCount, addedTombstoneCount } = output
  const inputCount = inputTables(task.pick).reduce((sum, { entryCount }) => sum + entryCount, 0)
  if (keptCount + droppedVersionCount + droppedTombstoneCount !== inputCount) {
    return `${keptCount} entries kept, ${droppedVersionCount + droppedTombstoneCount} dropped, of ${inputCount}`
  }
  const written = outputs.reduce((sum, { entryCount }) => sum + entryCount, 0)
  if (written !== keptCount + addedTombstoneCount) {
    return `${written} entries in the outputs, ${keptCount} were kept and ${addedTombstoneCount} added`
  }
  const spanTables = outputs.filter(({ spans }) => spans !== null).length
  if (addedTombstoneCount > spanTables) return `${addedTombstoneCount} tombstones added to ${spanTables} tables`
  for (const [i, facts] of outputs.entries()) {
    if (facts.fileNum !== task.outputs[i]?.tableNum) return `table ${facts.fileNum} has a number of its own`
    if (facts.entryCount === 0) return `table ${facts.fileNum} is empty`
    if (!extentCovers(task.reservation.extent, extentOf(facts))) {
      return `table ${facts.fileNum} has keys that no input has`
    }
  }
  return findMoveProblem(task, output) ?? findReferenceProblem(inputTables(task.pick), output)
}

/** Every value of a condemned log that is kept is moved, to value logs that were planned. */
function findMoveProblem(
  { pick, valueLogs: planned }: CheckedTask, { outputs, valueLogs, movedBytes }: CompactionRunOutput,
): string | null {
  const left = outputs.find(({ valueFiles }) => valueFiles.some(({ fileNum }) => pick.condemned.includes(fileNum)))
  if (left !== undefined) return `table ${left.fileNum} points to a value log that is condemned`
  for (const [i, { fileNum }] of valueLogs.entries()) {
    if (fileNum !== planned[i]?.fileNum) return `value log ${fileNum} has a number of its own`
  }
  const putBytes = valueLogs.reduce((sum, it) => sum + it.putBytes, 0)
  return putBytes === movedBytes ? null : `${movedBytes} bytes of values were moved, the value logs have ${putBytes}`
}

/**
 * A handle is carried on as it is, or goes: the outputs point to nothing that the inputs do not, but for all that was
 * put into new value logs.
 */
function findReferenceProblem(
  inputs: readonly TableFacts[], { outputs, valueLogs }: CompactionRunOutput,
): string | null {
  for (const { fileNum, entryCount, valueFiles } of outputs) {
    if (handleCountOf(valueFiles) > entryCount) return `table ${fileNum} points to more values than it has entries`
  }
  const made = new Map(valueLogs.map((log) => [log.fileNum, log]))
  for (const { fileNum, valueCount, valueBytes } of letGoOf(inputs, outputs)) {
    const { putCount, putBytes } = made.get(fileNum) ?? {}
    if (putCount === -valueCount && putBytes === -valueBytes && made.delete(fileNum)) continue
    if (valueCount < 1 || valueBytes < 0) {
      return `${valueCount} values of ${valueBytes} bytes of value log ${fileNum} would be let go of`
    }
  }
  for (const fileNum of made.keys()) return `no table points to what value log ${fileNum} has`
  return null
}
