/**
 * What: tables that no database made: what a database must know of one before it takes it in, and what it becomes
 * there.
 * Does not own: the file. Thread: any.
 */
import {
  checkMayWrite, FEATURES_OFFSET, FILE_BYTES_MAX, invalidArgument, OUTSIDE_FILE_NUM, runSync,
} from '../../base/index.js'
import type { FileNum, SeqNum, TableFacts } from '../../base/index.js'
import { checkTable } from './table-check.js'
import { factsOf, readParts, sizeOf } from './table-open.js'
import type { TableFile } from './table-open.js'
import { featuresPlace } from '../table-format.js'

/** A number that an open table has until its own is known: so low that no reader takes a slower way because of it. */
const NO_NUMBER: SeqNum = 1

/**
 * Reads what there is to know of a table from outside. Throws INVALID_ARGUMENT for a table that a database made, has
 * value handles, sequence numbers or several versions of a key, or is too large; CORRUPTION, UNSUPPORTED_FORMAT.
 */
export function readOutsideFacts(table: TableFile): TableFacts {
  const { name } = table
  const bytes = sizeOf(table)
  if (bytes > FILE_BYTES_MAX) throw invalidArgument(`${name} has ${bytes} bytes, the limit is ${FILE_BYTES_MAX}`)
  const parts = runSync(readParts(table, { pointHash: false, filter: 'never' }))
  const { header, footer, properties } = parts
  const { entryCount, keyCount, largestSeqNum, valueFiles, firstLog } = properties
  if (header.fileNum !== OUTSIDE_FILE_NUM) {
    throw invalidArgument(`${name} is table ${header.fileNum} of a database, not one that a table writer made`)
  }
  if (valueFiles.length > 0) throw invalidArgument(`${name} points to values in other files`)
  if (largestSeqNum !== 0 || firstLog !== 0) throw invalidArgument(`${name} has sequence numbers of its own`)
  if (entryCount !== keyCount) throw invalidArgument(`${name} has several entries with one key`)
  checkMayWrite(header.features, { file: name, offset: FEATURES_OFFSET })
  checkMayWrite(footer.features, featuresPlace(bytes, name))
  return numberedFacts({ ...factsOf(parts), origin: { databaseId: header.databaseId, seqNum: 0 } }, 0, NO_NUMBER)
}

/** Reads every byte of a table from outside. Throws what is wrong with it first. */
export function* checkOutside(table: TableFile, facts: TableFacts): Generator<undefined, void, unknown> {
  const databaseId = facts.origin!.databaseId
  yield* checkTable({ ...table, databaseId, facts }, ({ error }) => {
    throw error
  })
}

/** Gives the facts of a table from outside under its number in a database, with the number of all its entries. */
export function numberedFacts(facts: TableFacts, fileNum: FileNum, seqNum: SeqNum): TableFacts {
  const { origin, spans } = facts
  return {
    ...facts, fileNum, smallestSeqNum: seqNum, largestSeqNum: seqNum, origin: { ...origin!, seqNum },
    spans: spans === null ? null : { ...spans, widest: spans.widest.map((span) => ({ ...span, seqNum })) },
  }
}
