/**
 * What: tells listeners which files an edit has added, once readers use them.
 */
import type { VersionEdit } from '../manifest/index.js'
import type { EventBus } from '../stats/index.js'

export function tellAdded(events: EventBus, { addValueLogs = [], addTables = [] }: VersionEdit): void {
  for (const { fileNum, isLog, bytes } of addValueLogs) {
    events.emit({ type: 'valueLogAdded', valueLog: fileNum, isPromoted: isLog, fileBytes: bytes })
  }
  for (const { level, facts: { fileNum, bytes, entryCount } } of addTables) {
    events.emit({ type: 'tableAdded', table: fileNum, level, tableBytes: bytes, entryCount })
  }
}
