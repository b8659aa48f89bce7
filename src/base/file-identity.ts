/**
 * What: which file a file is. Files of equal identity have equal bytes: a file of a database gets a number that was
 * never given out before, a salt that is drawn, and when it is sealed its size. What this does not tell apart is two
 * histories of one database, which their lineage does.
 * Thread: any (pure).
 */
import { compareBytes } from './bytes.js'
import type { FileNum } from './ids.js'

/** The identity of a table, a value log or a sealed log. */
export interface FileIdentity {
  databaseId: Uint8Array
  fileNum: FileNum
  /** The salt in the file's header, which tells two files of one number apart. */
  salt: Uint8Array
  /** Bytes of the file that count. */
  bytes: number
}

/** True when the two files have equal bytes. */
export function sameFile(a: FileIdentity, b: FileIdentity): boolean {
  return a.fileNum === b.fileNum && a.bytes === b.bytes &&
    compareBytes(a.salt, b.salt) === 0 && compareBytes(a.databaseId, b.databaseId) === 0
}
