/**
 * What: the manifest's record of one value log: a file of its own, or a log that was promoted.
 *
 *   offset size
 *        0    8  file number
 *        8    8  bytes of the file that count
 *       16    4  kind: 0 value log, 1 log
 *       20    4  zero
 *       24    8  salt of the file
 *       32    8  values that were put into it
 *       40    8  bytes of those values
 *       48    8  number of the log whose entries name it before a table does, 0 = none
 */
import { BadBytes, SALT_BYTES } from '../base/index.js'
import type { ByteReader, ByteWriter } from '../base/index.js'
import type { ValueLogFacts } from './version.js'

/** A value log when it is first listed. Its live bytes follow from the tables that point to it. */
export type NewValueLog = Omit<ValueLogFacts, 'liveCount' | 'liveBytes'>

export function encodeValueLog(writer: ByteWriter, facts: NewValueLog): void {
  writer.u53(facts.fileNum).u53(facts.bytes).u32(facts.isLog ? 1 : 0).u32(0)
  writer.raw(facts.salt).u53(facts.putCount).u53(facts.putBytes).u53(facts.namedInLog)
}

export function decodeValueLog(reader: ByteReader): NewValueLog {
  const [fileNum, bytes] = [reader.u53(), reader.u53()]
  const at = reader.position
  const kind = reader.u32()
  if (kind > 1) throw new BadBytes(at, `kind ${kind} of a value log`)
  if (reader.u32() !== 0) throw new BadBytes(at + 4, 'not zero')
  return {
    fileNum, bytes, isLog: kind === 1,
    salt: reader.raw(SALT_BYTES), putCount: reader.u53(), putBytes: reader.u53(), namedInLog: reader.u53(),
  }
}
