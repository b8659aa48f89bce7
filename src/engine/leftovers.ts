/**
 * What: what an open finds in the directory that the version it made durable does not need: files that go,
 * and logs that pins keep. Reads only; the engine deletes.
 * Thread: main.
 */
import { logFileName, VarveError } from '../base/index.js'
import { isRetained } from '../flush/index.js'
import { findObsoleteFiles, logNumbers, readMarker } from '../manifest/index.js'
import type { Version } from '../manifest/index.js'
import type { EventBus } from '../stats/index.js'
import type { Vfs } from '../vfs/index.js'
import type { RetainedLog } from './retention-registry.js'

export interface DeletedCounts {
  tempFileCount: number
  orphanTableCount: number
  releasedLogCount: number
  foreignFileCount: number
}

/** Looked up again: only what is there now is deleted, and only what the new manifest does not need. */
export async function findObsolete(
  vfs: Vfs, dir: string, version: Version, events: EventBus,
): Promise<{ names: string[]; counts: DeletedCounts }> {
  const names = await vfs.list(dir)
  const marker = readMarker(names)
  if (marker === null) {
    throw new VarveError('MISSING_MARKER', 'the marker that was just made is gone: somebody removes files here')
  }
  const found = findObsoleteFiles({ names, versions: [version], marker, inUse: new Set() })
  const { temps, tables, logs, manifests, markers, foreign } = found
  for (const file of temps) events.emit({ type: 'fileRemoved', file, reason: 'temp' })
  for (const file of tables) events.emit({ type: 'fileRemoved', file, reason: 'orphan' })
  for (const file of logs) events.emit({ type: 'fileRemoved', file, reason: 'obsolete' })
  return {
    names: [...temps, ...tables, ...logs, ...manifests, ...markers],
    counts: {
      tempFileCount: temps.length,
      orphanTableCount: tables.length,
      releasedLogCount: logs.length,
      foreignFileCount: foreign.length,
    },
  }
}

/**
 * Logs below the pointer that pins keep, and how much of each is history. One that the manifest lists and
 * that is gone stays among them: who reads it must hear of it.
 */
export async function findRetained(vfs: Vfs, dir: string, version: Version): Promise<RetainedLog[]> {
  const present = logNumbers(await vfs.list(dir))
  const listed = [...version.logs.values()].flatMap(({ fileNum, mustExist }) => (mustExist ? [fileNum] : []))
  const retained: RetainedLog[] = []
  for (const fileNum of new Set([...present, ...listed])) {
    if (fileNum >= version.logPointer || !isRetained(fileNum, version.pins)) continue
    const facts = version.logs.get(fileNum)
    const size = (await vfs.stat(vfs.join(dir, logFileName(fileNum))))?.size ?? 0
    retained.push({ fileNum, bytes: facts?.bytes ?? size })
  }
  return retained
}
