/**
 * What: the files of an open database as a reopen would find them: manifest, levels, logs.
 * It only reads, and in one go: the files are those of one moment, unless a background thread deletes one just then; in
 * that case it reads again.
 */
import path from 'node:path'
import type { Varve } from '../../api/index.js'
import { logFileName, manifestFileName, runSync, VarveError } from '../../base/index.js'
import { readMarker } from '../../directory/index.js'
import { logNumbers, readManifest, versionText } from '../../manifest/index.js'
import type { Version } from '../../manifest/index.js'
import { NodeVfs } from '../../vfs/index.js'
import { countText } from '../demo/numbers.js'
import { withoutUnsafe } from '../printable.js'

const ATTEMPTS_MAX = 5

export function databaseText(db: Varve): string {
  for (let attempt = 1; ; attempt++) {
    try {
      return withoutUnsafe(readText(new NodeVfs(), db))
    } catch (error) {
      if (!VarveError.is(error) || error.code !== 'MISSING_FILE' || attempt === ATTEMPTS_MAX) throw error
    }
  }
}

function readText(vfs: NodeVfs, db: Varve): string {
  const dir = db.location
  const names = vfs.listSync(dir)
  const marker = readMarker(names)
  if (marker === null) throw new VarveError('MISSING_MARKER', 'no marker names a manifest any more')
  const { version, groups, goodBytes } = runSync(readManifest(vfs, dir, marker.manifest))
  const { memory, flush } = db.stats()
  const file = manifestFileName(marker.manifest)
  return [
    `manifest ${file}: ${countText(goodBytes)} bytes, groups ${groups}, marker ${marker.iteration}`, '',
    versionText(version),
    'logs', ...logNumbers(names).flatMap((number) => logLine(vfs, dir, number, version)), '',
    `memtables: ${memory.memtableCount}, ${flush.pending} of them waiting for their tables`, '',
  ].join('\n')
}

/** Describes one log; gives no line for one that was deleted meanwhile. */
function logLine(vfs: NodeVfs, dir: string, number: number, version: Version): string[] {
  const name = logFileName(number)
  const info = vfs.statSync(path.join(dir, name))
  return info === null ? [] : [`  ${name}  ${countText(info.size)} bytes, ${whyKept(number, version)}`]
}

function whyKept(log: number, { logPointer, pins, valueLogs }: Version): string {
  if (log >= logPointer) return 'a reopen replays it'
  if (valueLogs.has(log)) return 'tables point to values in it'
  return [...pins.values()].some((first) => first <= log) ? 'a pin keeps it' : 'it will be deleted'
}
