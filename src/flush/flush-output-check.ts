/**
 * What: what a build says of its work, checked before the manifest believes it.
 * Thread: main. No state.
 * Invariants: VLG-1 a handle names the log that is promoted with its table, or the value log that was made with it.
 */
import { handleCountOf } from '../base/index.js'
import type { TableFacts } from '../base/index.js'
import type { NewValueLog } from '../manifest/index.js'
import type { FlushBuildOutput } from './flush-build.js'
import type { FlushTask } from './flush-queue.js'

/** Tells what is wrong with the output, or null. */
export function checkOutput(task: FlushTask, output: FlushBuildOutput): string | null {
  const { entryCount } = task.memtable
  if (output.keptCount + output.droppedCount !== entryCount) {
    return `${output.keptCount} kept and ${output.droppedCount} dropped of ${entryCount} entries`
  }
  const { facts, valueLog } = output
  if (facts === null) {
    if (valueLog !== null) return 'a value log without a table'
    return output.keptCount === 0 ? null : 'no table for the entries kept'
  }
  return checkFacts(facts, task) ?? checkReferences(facts, valueLog) ??
    (valueLog === null ? null : checkValueLog(valueLog, task))
}

function checkFacts(facts: TableFacts, task: FlushTask): string | null {
  const tableNum = task.table?.tableNum
  if (facts.fileNum !== tableNum) return `table ${facts.fileNum} instead of ${tableNum}`
  if (facts.largestSeqNum > task.memtable.lastSeqNum) return 'sequence numbers above the memtable’s'
  if (facts.entryCount === 0 || facts.bytes === 0) return 'an empty table'
  return null
}

/** All that was put into the value log is live at first, and nothing else is pointed to. */
export function checkReferences({ entryCount, valueFiles }: TableFacts, valueLog: NewValueLog | null): string | null {
  if (handleCountOf(valueFiles) > entryCount) return 'more handles than entries'
  if (valueLog === null) return valueFiles.length === 0 ? null : 'handles without a value log'
  const { fileNum, putCount, putBytes, bytes } = valueLog
  const [file] = valueFiles
  if (valueFiles.length !== 1 || file!.fileNum !== fileNum) return `handles that do not point to value log ${fileNum}`
  if (file!.valueCount !== putCount || file!.valueBytes !== putBytes || putBytes > bytes) {
    return `handles of ${file!.valueBytes} bytes, ${putBytes} were put into value log ${fileNum}`
  }
  return null
}

function checkValueLog(
  { fileNum, isLog, bytes }: NewValueLog, { log, memtable, valueLogPlan }: FlushTask,
): string | null {
  const expected = isLog ? log.fileNum : valueLogPlan?.fileNum
  if (fileNum !== expected) return `value log ${fileNum} instead of ${expected}`
  return isLog && bytes > memtable.publishedEnd ? 'a promoted log that is longer than what was published' : null
}
