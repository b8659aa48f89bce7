/**
 * What: whether what was read goes on where a view stands. A directory that was restored, replaced by a copy that lived
 * on, or destroyed and made again has another history; a power loss may cut off what the writer had not synced and a
 * reader has shown. A view that went on there would go back in time, or mix two histories.
 * Thread: main. No state. Changes nothing.
 * Invariants: VIEW-2 a view never goes back: its sequence numbers rise, and all it has shown is of one history.
 */
import { compareBytes, VarveError } from '../base/index.js'
import type { SeqNum, TableFacts } from '../base/index.js'
import { allTables } from '../manifest/index.js'
import type { Version } from '../manifest/index.js'
import type { OpenTables } from '../tables/index.js'
import type { FoundHistory } from './directory-reading.js'

/** What is shown. */
export interface ShownHistory {
  databaseId: Uint8Array
  version: Version
  generation: number
  tables: Pick<OpenTables, 'factsOf'>
  replayed: { lastSeqNum: SeqNum }
}

/** The files tell another history than the one that is shown. */
export class HistoryGone extends VarveError {
  /** False: the writer that is shown took back a write that failed, and goes on behind it with the next log. */
  readonly isForGood: boolean

  constructor(what: string, isForGood: boolean) {
    super('SNAPSHOT_GONE', `the directory has another history than this view: ${what}`, {
      hint: 'what was read before can still be read; close the database and open it again to see the present',
    })
    this.isForGood = isForGood
    Object.defineProperty(this, 'isForGood', { enumerable: false })
  }
}

/** Throws SNAPSHOT_GONE when these files do not tell the history that is shown. */
export function checkSameHistory(found: FoundHistory, shown: ShownHistory): void {
  const what = difference(found, shown)
  if (what !== null) throw new HistoryGone(what, true)
  const [end, lastSeqNum] = [found.replayed.endSeqNum, shown.replayed.lastSeqNum]
  if (end >= lastSeqNum) return
  throw new HistoryGone(`it ends with number ${end}, and ${lastSeqNum} was shown`, false)
}

function difference({ databaseId, version, manifest }: FoundHistory, shown: ShownHistory): string | null {
  if (compareBytes(databaseId, shown.databaseId) !== 0) return 'it holds another database'
  const [now, before] = [version.lineage.own, shown.version.lineage.own]
  if (now !== before) return `its lineage is ${now}, not ${before}`
  const { lastSeqNum } = shown.replayed
  const { generation, firstSeqNum } = manifest!
  if (generation < shown.generation) return 'it is an older copy'
  // Whoever opens for writing makes a manifest that says where history ended for him.
  if (generation > shown.generation && firstSeqNum < lastSeqNum) {
    return `its writer found ${firstSeqNum} as the last number, and ${lastSeqNum} was shown`
  }
  const other = allTables(version).find((facts) => isOther(facts, shown.tables.factsOf(facts.fileNum)))
  return other === undefined ? null : `table ${other.fileNum} is another one`
}

function isOther({ salt }: TableFacts, open: TableFacts | null): boolean {
  return open !== null && compareBytes(open.salt, salt) !== 0
}
