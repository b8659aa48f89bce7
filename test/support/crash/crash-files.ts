/**
 * What: what must be true of the files of a database, whatever is in them.
 */
import assert from 'node:assert/strict'
import { parseFileName, runSync, valueLogFileName } from '../../../src/base/index.js'
import type { FileName } from '../../../src/base/index.js'
import { readMarker } from '../../../src/directory/index.js'
import type { Marker } from '../../../src/directory/index.js'
import { keptTablesIn } from '../../../src/engine/saved-settings.js'
import { allTables, firstNeededLog, readManifest } from '../../../src/manifest/index.js'
import type { Version } from '../../../src/manifest/index.js'
import type { SimVfs } from '../../../src/testing.js'

export interface DatabaseFiles {
  names: string[]
  marker: Marker
  version: Version
}

/** Reads what a process that starts now finds; null when there is no database yet. */
function readFiles(vfs: SimVfs, dir: string): DatabaseFiles | null {
  if (vfs.statSync(dir) === null) return null
  const names = vfs.listSync(dir).sort()
  const marker = readMarker(names)
  if (marker === null) return null
  return { names, marker, version: runSync(readManifest(vfs, dir, marker.manifest)).version }
}

/** Checks the files, and returns their names. Requires: the database is open and has nothing to do. */
export function checkFiles(vfs: SimVfs, dir: string): string[] {
  const files = readFiles(vfs, dir)
  assert.ok(files !== null, 'there is a marker')
  const { names, marker, version } = files
  // A power loss may leave a table whose log lost its end: it stays, and the manifest says so.
  const listed = new Set(keptTablesIn(version.settings))
  for (const { fileNum, bytes } of allTables(version)) {
    listed.add(fileNum)
    const name = names.find((candidate) => isFile(parseFileName(candidate), 'table', fileNum))
    assert.ok(name !== undefined, `table ${fileNum} is there`)
    assert.equal(vfs.statSync(vfs.join(dir, name))?.size, bytes, `size of ${name}`)
  }
  for (const facts of version.valueLogs.values()) {
    const name = valueLogFileName(facts)
    const size = vfs.statSync(vfs.join(dir, name))?.size ?? -1
    // What stands behind the recorded end of a promoted log is void.
    assert.ok(facts.isLog ? size >= facts.bytes : size === facts.bytes, `${name} has ${size} bytes, not ${facts.bytes}`)
  }
  for (const name of names) {
    const parsed = parseFileName(name)
    if (parsed !== null) assert.ok(isNeeded(parsed, { marker, version, listed }), `${name} is an orphan`)
  }
  return names
}

function isFile(parsed: FileName | null, kind: FileName['kind'], fileNum: number): boolean {
  return parsed?.kind === kind && 'fileNum' in parsed && parsed.fileNum === fileNum
}

function isNeeded(
  parsed: FileName, { marker, version, listed }: { marker: Marker; version: Version; listed: Set<number> },
): boolean {
  switch (parsed.kind) {
    case 'lock': return true
    case 'table': return listed.has(parsed.fileNum)
    case 'log': return parsed.fileNum >= firstNeededLog(version) || isValueLog(parsed, version)
    case 'vlog': return isValueLog(parsed, version) || listed.has(parsed.fileNum)
    case 'manifest': return parsed.fileNum === marker.manifest
    case 'marker': return parsed.iteration === marker.iteration
    default: return false
  }
}

/** True when the version lists this very file: under one number there is a log or a file of its own. */
function isValueLog({ kind, fileNum }: { kind: string; fileNum: number }, { valueLogs }: Version): boolean {
  return valueLogs.get(fileNum)?.isLog === (kind === 'log')
}

/**
 * Watches deletions: whenever a file is unlinked that would be needed by a process which starts after a power loss now,
 * or after the death of this one, a line is added to `problems`.
 */
export function guardFiles(vfs: SimVfs, dir: string, problems: string[]): void {
  vfs.onUnlink = (path) => {
    const name = path.slice(path.lastIndexOf('/') + 1)
    const parsed = parseFileName(name)
    if (parsed === null) problems.push(`${name} is not ours to delete`)
    for (const later of [vfs.clone('none', 1), vfs.cloneKilled(1)]) {
      try {
        const files = readFiles(later, dir)
        if (files === null || parsed === null || !wouldMiss(parsed, files)) continue
        problems.push(`${name} is deleted, but a restart needs it`)
      } catch (error) {
        problems.push(`${name} is deleted while a restart would fail: ${(error as Error).message}`)
      }
    }
  }
}

/** Tells whether a process that finds these files would miss this one. */
function wouldMiss(parsed: FileName, { marker, version }: DatabaseFiles): boolean {
  switch (parsed.kind) {
    case 'table': return allTables(version).some(({ fileNum }) => fileNum === parsed.fileNum)
    case 'log': return parsed.fileNum >= firstNeededLog(version) || isLive(parsed, version)
    case 'vlog': return isLive(parsed, version)
    case 'manifest': return parsed.fileNum === marker.manifest
    case 'marker': return parsed.iteration === marker.iteration
    default: return false
  }
}

function isLive(parsed: { kind: string; fileNum: number }, version: Version): boolean {
  return isValueLog(parsed, version) && version.valueLogs.get(parsed.fileNum)!.liveCount > 0
}

/** Forbids later writes to a file that has its final name, or is not current any more. */
export function sealFinished(vfs: SimVfs, op: { kind: string; path: string; to?: string }): void {
  const nameOf = (path: string) => parseFileName(path.slice(path.lastIndexOf('/') + 1))
  const linked = op.kind === 'link' ? nameOf(op.to!)?.kind : undefined
  if (linked === 'table' || linked === 'vlog') vfs.seal(op.to!)
  if (op.kind !== 'syncDir') return
  const marker = readMarker(vfs.listSync(op.path))
  for (const name of vfs.listSync(op.path)) {
    const parsed = nameOf(name)
    if (parsed?.kind === 'manifest' && marker !== null && parsed.fileNum < marker.manifest) {
      vfs.seal(vfs.join(op.path, name))
    }
  }
}
