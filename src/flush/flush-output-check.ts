/**
 * What: what a build says of its work, checked before the manifest believes it.
 * Thread: main. No state.
 * Invariants: VLG-1 a handle names the log that is promoted with its table, the value log that was made with it, or
 * that of a streamed value.
 */
import { handleCountOf } from '../base/index.js'
import type { TableFacts } from '../base/index.js'
import type { NewValueLog } from '../manifest/index.js'
import type { FlushBuildOutput } from './flush-build.js'
import type { FlushTask } from './flush-queue.js'

/** Tells what is wrong with the output, or null. */
export function checkOutput(
  task: FlushTask, output: FlushBuildOutput, streamed: readonly NewValueLog[],
): string | null {
  const { entryCount } = task.memtable
  if (output.keptCount + output.droppedCount !== entryCount) {
    return `${output.keptCount} kept and ${output.droppedCount} dropped of ${entryCount} entries`
  }
  const { facts, valueLog } = output
  if (facts === null) {
    if (valueLog !== null) return 'a value log without a table'
    return output.keptCount === 0 ? null : 'no table for the entries kept'
  }
  return checkFacts(facts, task) ?? checkReferences(facts, valueLog, streamed) ??
    (valueLog === null ? null : checkValueLog(valueLog, task))
}

function checkFacts(facts: TableFacts, task: FlushTask): string | null {
  const tableNum = task.table?.tableNum
  if (facts.fileNum !== tableNum) return `table ${facts.fileNum} instead of ${tableNum}`
  if (facts.largestSeqNum > task.memtable.lastSeqNum) return 'sequence numbers above the memtable’s'
  if (facts.entryCount === 0 || facts.bytes === 0) return 'an empty table'
  return null
}

/**
 * All that was put into the value log is live at first; of each streamed value that the log names one handle is there,
 * or none when it was overwritten. Nothing else is pointed to.
 */
export function checkReferences(
  { entryCount, valueFiles }: TableFacts, valueLog: NewValueLog | null, streamed: readonly NewValueLog[],
): string | null {
  if (handleCountOf(valueFiles) > entryCount) return 'more handles than entries'
  let isPointedTo = valueLog === null
  for (const { fileNum, valueCount, valueBytes } of valueFiles) {
    const named = fileNum === valueLog?.fileNum ? valueLog : streamed.find((facts) => facts.fileNum === fileNum)
    if (named === undefined) return `handles that point to value log ${fileNum}, which is not among those listed`
    if (named === valueLog) isPointedTo = true
    const { putCount, putBytes, bytes } = named
    if (valueCount !== putCount || valueBytes !== putBytes || putBytes > bytes) {
      return `handles of ${valueBytes} bytes, ${putBytes} were put into value log ${fileNum}`
    }
  }
  return isPointedTo ? null : `no handle points to value log ${valueLog!.fileNum}`
}

function checkValueLog(
  { fileNum, isLog, bytes }: NewValueLog, { log, memtable, valueLogPlan }: FlushTask,
): string | null {
  const expected = isLog ? log.fileNum : valueLogPlan?.fileNum
  if (fileNum !== expected) return `value log ${fileNum} instead of ${expected}`
  return isLog && bytes > memtable.publishedEnd ? 'a promoted log that is longer than what was published' : null
}
