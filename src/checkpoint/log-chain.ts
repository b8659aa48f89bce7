/**
 * What: whether the logs of a checkpoint are a whole history, each following the one before it: the last look before it
 * gets its name, since a copy that misses a log is found only by who needs it.
 * Thread: main. Changes nothing.
 * Invariants: CP-4 what has the name is whole.
 */
import { logFileName, runAsync, VarveError } from '../base/index.js'
import type { FileNum, LogFacts } from '../base/index.js'
import { readFully, withFile } from '../vfs/index.js'
import type { Vfs } from '../vfs/index.js'
import { findHistory, FIRST_BATCH_OFFSET, scanLog } from '../wal/index.js'
import type { ScannedLog } from '../wal/index.js'

/** Where the copy of the logs stands. */
interface CopiedLogs {
  vfs: Vfs
  dir: string
  databaseId: Uint8Array
  logs: readonly LogFacts[]
  logPointer: FileNum
}

/** Reads how each log begins. Throws INTERNAL when an open would not read all of them to their ends. */
export async function checkLogChain({ vfs, dir, databaseId, logs, logPointer }: CopiedLogs): Promise<void> {
  const scanned: ScannedLog[] = []
  for (const { fileNum, bytes } of [...logs].sort((a, b) => a.fileNum - b.fileNum)) {
    const head = new Uint8Array(Math.min(FIRST_BATCH_OFFSET, bytes))
    const path = vfs.join(dir, logFileName(fileNum))
    await runAsync(withFile(vfs, path, 'read', (file) => readFully(file, head, head.length)))
    const log = scanLog(fileNum, head, head.length, databaseId)
    scanned.push({ ...log, goodEnd: bytes, endsClean: true })
  }
  const cut = findCut(scanned, logPointer)
  if (cut === null) return
  throw new VarveError('INTERNAL', 'the logs of the copy are no whole history: it was not made', { cause: cut })
}

function findCut(scanned: ScannedLog[], logPointer: FileNum): unknown {
  // The next log says where one ends; what would be cut there is more than these beginnings have.
  const early = scanned.find(({ fileNum, goodEnd }) =>
    scanned.some(({ predecessor }) => predecessor?.fileNum === fileNum && predecessor.end !== goodEnd))
  if (early !== undefined) return `${logFileName(early.fileNum)} has another end than the next one says`
  try {
    return findHistory(scanned, logPointer)
  } catch (error) {
    return error
  }
}
