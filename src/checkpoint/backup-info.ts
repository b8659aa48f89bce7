/**
 * What: what a checkpoint or backup says of itself, read without opening it: its marker, its manifest and its names.
 * Thread: main. Changes nothing.
 */
import { markerFileName, runAsync, toHex, VarveError } from '../base/index.js'
import type { SeqNum } from '../base/index.js'
import { namesIn, readMarker } from '../directory/index.js'
import { readManifest } from '../manifest/index.js'
import type { Version } from '../manifest/index.js'
import type { Vfs } from '../vfs/index.js'
import { findSource } from './outside.js'
import { filesOfVersion, logFile } from './source-file.js'
import type { SourceFile } from './source-file.js'

/** A backup of a set. */
export interface BackupInfo {
  /** Its number in the set: later ones have higher numbers. */
  number: number
  /** Its directory. */
  location: string
  /**
   * When it was made, in milliseconds since 1970, as its file system says of its marker: no file of it says a time.
   * Null where that cannot be read; of a copy without its times it is the time of the copy.
   */
  madeMs: number | null
  /** Why it cannot be used; null when nothing speaks against it. Its files were not read: `Varve.verify` does that. */
  problem: string | null
  /** The id of the database, in hexadecimal digits; empty when it could not be read. */
  database: string
  /** The number of its history; empty when it could not be read. */
  lineage: string
  /** The number of the history that it was taken of; empty likewise. */
  parent: string
  /** The last sequence number in it. */
  seqNum: SeqNum
  /** Tables, value logs and logs in it. */
  fileCount: number
  /** Their bytes, also of those that it shares with other backups. */
  bytes: number
}

/** A checkpoint as its manifest tells it. */
export interface FoundCheckpoint {
  dir: string
  markerName: string
  databaseId: Uint8Array
  version: Version
  files: SourceFile[]
}

/** Reads a checkpoint that nobody writes. Throws what an open would throw for its marker and manifest. */
export async function readCheckpoint(vfs: Vfs, location: string): Promise<FoundCheckpoint> {
  const dir = await findSource(vfs, location)
  const names = await namesIn(dir, vfs)
  const marker = readMarker(names)
  if (marker === null) throw new VarveError('NOT_FOUND', `there is no database in ${location}`)
  const { version, databaseId } = await runAsync(readManifest(vfs, dir, marker.manifest))
  const logs = [...version.logs.values()].filter(({ isExact }) => isExact)
  const files = [...filesOfVersion(version), ...logs.map(logFile)]
  const missing = files.find(({ name }) => !names.includes(name))
  if (missing !== undefined) {
    const { name } = missing
    throw new VarveError('MISSING_FILE', `${name} is missing, but the manifest lists it`, { file: name })
  }
  return { dir, markerName: markerFileName(marker.iteration, marker.manifest), databaseId, version, files }
}

/** Tells what a backup is, whatever state it is in. */
export async function readBackup(vfs: Vfs, location: string, number: number): Promise<BackupInfo> {
  const info: BackupInfo = {
    number, location, madeMs: null, problem: null, database: '', lineage: '', parent: '', seqNum: 0,
    fileCount: 0, bytes: 0,
  }
  try {
    const { dir, markerName, databaseId, version: { lineage, lastSeqNum }, files } = await readCheckpoint(vfs, location)
    const { modifiedMs } = await vfs.stat(vfs.join(dir, markerName)) ?? {}
    info.madeMs = modifiedMs === undefined ? null : Math.round(modifiedMs)
    info.database = toHex(databaseId)
    info.lineage = String(lineage.own)
    info.parent = String(lineage.parent)
    info.seqNum = lastSeqNum
    info.fileCount = files.length
    info.bytes = files.reduce((sum, { bytes }) => sum + bytes, 0)
  } catch (error) {
    if (!VarveError.is(error)) throw error
    info.problem = error.message
  }
  return info
}
