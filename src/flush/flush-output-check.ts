/**
 * What: what a build says of its work, checked before the manifest believes it.
 * Thread: main. No state.
 * Invariants: VLG-1 a handle names the log that is promoted with its table, a value log that was made with it, or
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
  const { facts, valueLogs } = output
  const hasSpans = task.memtable.spanCount > 0
  if (hasSpans !== (facts?.spans != null)) return 'range tombstones that went, or came from nowhere'
  if (facts === null) {
    if (valueLogs.length > 0) return 'a value log without a table'
    return output.keptCount === 0 ? null : 'no table for the entries kept'
  }
  return checkFacts(facts, task) ?? checkReferences(facts, valueLogs, streamed) ?? checkValueLogs(valueLogs, task)
}

function checkFacts(facts: TableFacts, task: FlushTask): string | null {
  const tableNum = task.table?.tableNum
  if (facts.fileNum !== tableNum) return `table ${facts.fileNum} instead of ${tableNum}`
  if (facts.largestSeqNum > task.memtable.lastSeqNum) return 'sequence numbers above the memtable’s'
  if (facts.entryCount === 0 || facts.bytes === 0) return 'an empty table'
  return null
}

/**
 * All that was put into a value log is live at first; of each streamed value that the log names one handle is there,
 * or none when it was overwritten. Nothing else is pointed to.
 */
export function checkReferences(
  { entryCount, valueFiles }: TableFacts, made: readonly NewValueLog[], streamed: readonly NewValueLog[],
): string | null {
  if (handleCountOf(valueFiles) > entryCount) return 'more handles than entries'
  const listed = new Map([...made, ...streamed].map((facts) => [facts.fileNum, facts]))
  const unmet = new Set(made)
  for (const { fileNum, valueCount, valueBytes } of valueFiles) {
    const named = listed.get(fileNum)
    if (named === undefined) return `handles that point to value log ${fileNum}, which is not among those listed`
    unmet.delete(named)
    const { putCount, putBytes, bytes } = named
    if (valueCount !== putCount || valueBytes !== putBytes || putBytes > bytes) {
      return `handles of ${valueBytes} bytes, ${putBytes} were put into value log ${fileNum}`
    }
  }
  for (const { fileNum } of unmet) return `no handle points to value log ${fileNum}`
  return null
}

function checkValueLogs(
  valueLogs: readonly NewValueLog[], { log, memtable, valueLogPlans }: FlushTask,
): string | null {
  const [first] = valueLogs
  if (valueLogs.length > 1 && valueLogs.some(({ isLog }) => isLog)) return 'a promoted log beside other value logs'
  for (const [i, { fileNum, isLog }] of valueLogs.entries()) {
    const expected = isLog ? log.fileNum : valueLogPlans[i]?.fileNum
    if (fileNum !== expected) return `value log ${fileNum} instead of ${expected}`
  }
  const isTooLong = first?.isLog === true && first.bytes > memtable.publishedEnd
  return isTooLong ? 'a promoted log that is longer than what was published' : null
}
