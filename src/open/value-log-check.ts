/**
 * What: whether the value logs that a version lists are there. They are opened only when a value is read, so a missing
 * one would be told long after the open.
 * Thread: main; runs blocking or awaited.
 */
import { directoryError, valueLogFileName, VarveError } from '../base/index.js'
import type { Steps } from '../base/index.js'
import type { Version } from '../manifest/index.js'
import { listDirectory } from '../vfs/index.js'
import type { Vfs } from '../vfs/index.js'

/**
 * Looks into the directory once for all of them, and not at all where there are none: beside a writer that removes them
 * one by one, looking for each would never meet all. Throws MISSING_FILE.
 */
export function* checkValueLogs(vfs: Vfs, dir: string, { valueLogs }: Version): Steps<void> {
  if (valueLogs.size === 0) return
  let names: Set<string>
  try {
    names = new Set(yield* listDirectory(vfs, dir))
  } catch (error) {
    throw directoryError(error, 'list', dir)
  }
  for (const facts of valueLogs.values()) {
    const file = valueLogFileName(facts)
    if (names.has(file)) continue
    throw new VarveError('MISSING_FILE', `${file} is missing, but the manifest lists it`, {
      file, hint: 'restore the file from a backup; nothing was changed',
    })
  }
}
