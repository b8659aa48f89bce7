/**
 * What: whether the value logs that a version lists are there, with all bytes that count. They are opened only when a
 * value is read, so a missing or cut one would be told long after the open; of tables the open tells both.
 * Thread: main; runs blocking or awaited.
 */
import {
  compareBytes, corruption, directoryError, ioError, step, valueLogFileName, VarveError,
} from '../base/index.js'
import type { Steps } from '../base/index.js'
import { emptyVersion } from '../manifest/index.js'
import type { ValueLogFacts, Version } from '../manifest/index.js'
import { listDirectory } from '../vfs/index.js'
import type { Vfs } from '../vfs/index.js'

/**
 * Looks into the directory once for all of them, and not at all where there are none: beside a writer that removes them
 * one by one, looking for each would never meet all. Those that the version `before` has too are taken as good. Throws
 * MISSING_FILE, and CORRUPTION for one that was cut.
 */
export function* checkValueLogs(
  vfs: Vfs, dir: string, { valueLogs }: Version, before: Version = emptyVersion,
): Steps<void> {
  if (valueLogs === before.valueLogs) return
  const unchecked = [...valueLogs.values()].filter((facts) => !isSameFile(facts, before.valueLogs.get(facts.fileNum)))
  if (unchecked.length === 0) return
  let names: Set<string>
  try {
    names = new Set(yield* listDirectory(vfs, dir))
  } catch (error) {
    throw directoryError(error, 'list', dir)
  }
  for (const facts of unchecked) {
    const file = valueLogFileName(facts)
    if (names.has(file)) continue
    throw new VarveError('MISSING_FILE', `${file} is missing, but the manifest lists it`, {
      file, hint: 'restore the file from a backup; nothing was changed',
    })
  }
  for (const facts of unchecked) yield* checkSize(vfs, dir, facts)
}

function isSameFile({ bytes, salt }: ValueLogFacts, known: ValueLogFacts | undefined): boolean {
  return known !== undefined && known.bytes === bytes && compareBytes(known.salt, salt) === 0
}

/** What stands behind the bytes that count is void. A file that went since the directory was read is not looked at. */
function* checkSize(vfs: Vfs, dir: string, facts: ValueLogFacts): Steps<void> {
  const file = valueLogFileName(facts)
  const path = vfs.join(dir, file)
  try {
    const info = yield* step({ sync: () => vfs.statSync(path), async: () => vfs.stat(path) })
    if (info === null || info.size >= facts.bytes) return
    throw corruption(file, info.size, 'the file is cut short')
  } catch (error) {
    throw ioError(error, 'looking at', file)
  }
}
