/**
 * What: the manifest's record of one log.
 *
 *   offset size
 *        0    8  file number
 *        8    8  salt of the file
 *       16    8  bytes that were known synced
 *       24    4  flags: 1 exactly these bytes count, 2 the log must exist
 *       28    4  zero
 */
import { BadBytes, SALT_BYTES } from '../base/index.js'
import type { ByteReader, ByteWriter, LogFacts } from '../base/index.js'
import { LOG_EXACT, LOG_MUST_EXIST } from './manifest-format.js'

export function encodeLogFacts(writer: ByteWriter, { fileNum, salt, bytes, isExact, mustExist }: LogFacts): void {
  const flags = (isExact ? LOG_EXACT : 0) + (mustExist ? LOG_MUST_EXIST : 0)
  writer.u53(fileNum).raw(salt).u53(bytes).u32(flags).u32(0)
}

export function decodeLogFacts(reader: ByteReader): LogFacts {
  const [fileNum, salt, bytes] = [reader.u53(), reader.raw(SALT_BYTES), reader.u53()]
  const at = reader.position
  const flags = reader.u32()
  if (flags > LOG_EXACT + LOG_MUST_EXIST) throw new BadBytes(at, `flags ${flags} of a log`)
  if (reader.u32() !== 0) throw new BadBytes(at + 4, 'not zero')
  return { fileNum, salt, bytes, isExact: (flags & LOG_EXACT) !== 0, mustExist: (flags & LOG_MUST_EXIST) !== 0 }
}
