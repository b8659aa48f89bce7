/**
 * What: the files of streamed values that entries of replayed logs name. No version lists them yet; each was durable
 * before its entry was written, so one that is missing or not whole is damage.
 * Thread: main; runs blocking or awaited. Changes nothing.
 * Invariants: VLG-15 an entry that is history names a file that is there and whole, or the open is refused.
 */
import {
  checkFileIdentity, corruption, errnoOf, handleFileNum, handleLength, handleOffset, ioError, logFileName, VarveError,
  vlogFileName,
} from '../base/index.js'
import type { FileNum, Steps } from '../base/index.js'
import type { NewValueLog } from '../manifest/index.js'
import type { Memtable } from '../memtable/index.js'
import { withFile } from '../vfs/index.js'
import type { Vfs } from '../vfs/index.js'
import { readUnlistedValueLog } from '../vlog/index.js'
import type { UnlistedValueLog } from '../vlog/index.js'

export interface StreamedPlace {
  vfs: Vfs
  dir: string
  databaseId: Uint8Array
  /** Those that the version lists: no entry that is replayed names one. */
  listed: ReadonlyMap<FileNum, unknown>
  /** Those that were found to be whole before. */
  known?: ReadonlyMap<FileNum, NewValueLog>
}

/** A log, and where handles start in its bytes. */
export type NamingLog = Pick<Memtable, 'bytes' | 'handleStarts' | 'logNum'>

/**
 * What the manifest will say of the files that these memtables name. Throws MISSING_FILE, CORRUPTION,
 * UNSUPPORTED_FORMAT or IO_ERROR.
 */
export function* readStreamed(memtables: readonly NamingLog[], place: StreamedPlace): Steps<NewValueLog[]> {
  const found = new Map<FileNum, NewValueLog>()
  for (const { bytes, handleStarts, logNum } of memtables) {
    for (const start of handleStarts) {
      const fileNum = handleFileNum(bytes, start)
      if (found.has(fileNum) || place.listed.has(fileNum)) {
        throw corruption(logFileName(logNum), start, `an entry names ${vlogFileName(fileNum)}, which has another owner`)
      }
      const known = place.known?.get(fileNum)
      if (known?.namedInLog === logNum) {
        found.set(fileNum, known)
        continue
      }
      const needed = { fileNum, log: logNum, offset: handleOffset(bytes, start), length: handleLength(bytes, start) }
      found.set(fileNum, yield* readOne(needed, place))
    }
  }
  return [...found.values()]
}

interface Needed {
  fileNum: FileNum
  log: FileNum
  offset: number
  length: number
}

function* readOne({ fileNum, log, offset, length }: Needed, place: StreamedPlace): Steps<NewValueLog> {
  const { vfs, dir, databaseId } = place
  const name = vlogFileName(fileNum)
  let found: UnlistedValueLog
  try {
    found = yield* withFile(vfs, vfs.join(dir, name), 'read', (file) => readUnlistedValueLog(file, name))
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw ioError(error, 'read', name)
    throw new VarveError('MISSING_FILE', `${name} is missing, but ${logFileName(log)} names it`, {
      cause: error, file: name, hint: 'restore the file from a backup; nothing was changed',
    })
  }
  const { header, bytes, valueCount } = found
  if (header === null) throw corruption(name, 0, 'the header is damaged')
  checkFileIdentity(name, header, { fileNum, salt: header.salt }, databaseId) // its salt is known from nowhere else
  if (valueCount !== 1) throw corruption(name, bytes, 'it is not whole, and its value is one that was written')
  if (offset + length > bytes) {
    throw corruption(name, offset, `${logFileName(log)} names ${length} bytes here, the file has ${bytes}`)
  }
  return {
    fileNum, isLog: false, bytes, salt: header.salt, putCount: 1, putBytes: length, namedInLog: log,
  }
}
