/**
 * What: sets of backups: a directory with checkpoints of one database, `000001`, `000002` …, each of which links what
 * it has in common with the one before.
 * Owns: the lock of the set while one is made or removed. Thread: main.
 * Invariants: BAK-1 a set never has a half backup under a backup's name: one appears by a rename, and goes by one.
 * BAK-2 an old backup goes only when a newer one is whole.
 */
import { ioError, VarveError } from '../base/index.js'
import {
  backupNames, checkApart, findDirectory, holdsFiles, lockFor, makeDirectories, namesIn, placeOf, removeDirectory,
} from '../directory/index.js'
import type { Vfs } from '../vfs/index.js'
import { readBackup } from './backup-info.js'
import type { BackupInfo } from './backup-info.js'
import type { CheckpointCall, CheckpointResult } from './checkpoint-call.js'

/** A backup that was made, and what it took. */
export interface BackupResult extends BackupInfo, CheckpointResult {}

export interface BackupCall extends Omit<CheckpointCall, 'mode' | 'base'> {
  /** How many good backups stay. */
  keep: number
  /** Each so many backups one shares nothing with those before it. */
  fullEvery: number
}

/** What is backed up. */
export interface BackupSource {
  vfs: Vfs
  dir: string
  /** The id of the database, in hexadecimal digits. */
  database: string
  /** Gives a suffix that no other process or moment has. */
  uniqueSuffix(): string
  checkpoint(target: string, call: CheckpointCall): Promise<CheckpointResult>
}

/** What a backup that was not finished, or not removed to its end, left. */
const LEFTOVER = /^\d{6,15}\.tmp\.\d+\.\d+$/

/** Makes a backup, and removes those that are too many. */
export async function backUp(source: BackupSource, location: string, call: BackupCall): Promise<BackupResult> {
  try {
    const set = await prepareSet(source, location)
    const lock = await lockFor(set, source.vfs)
    try {
      return await backUpInto(source, set, call)
    } finally {
      await lock.discard().catch(() => undefined)
    }
  } finally {
    call.abort?.end()
  }
}

async function backUpInto(source: BackupSource, set: string, call: BackupCall): Promise<BackupResult> {
  const { vfs } = source
  for (const name of await namesIn(set, vfs)) {
    if (LEFTOVER.test(name)) await removeDirectory(vfs, vfs.join(set, name))
  }
  const before = await listBackups(vfs, set)
  const good = before.filter(({ problem }) => problem === null)
  const base = good.findLast(({ database }) => database === source.database) ?? null
  if (base === null && good.length > 0) {
    throw new VarveError('INVALID_ARGUMENT', `${set} has backups of another database`, {
      hint: 'give each database a set of its own',
    })
  }
  const number = (before.at(-1)?.number ?? 0) + 1
  const isFull = (number - 1) % call.fullEvery === 0
  const target = vfs.join(set, String(number).padStart(6, '0'))
  const { keep, fullEvery, ...checkpoint } = call
  const made = await source.checkpoint(target, {
    ...checkpoint, mode: 'copy', base: isFull ? null : base?.location ?? null,
  })
  await removeOldest(source, set, [...before, await readBackup(vfs, target, number)], keep)
  return { ...await readBackup(vfs, target, number), ...made }
}

/** Tells which backups there are, oldest first. Throws NOT_FOUND without a directory. */
export async function listBackups(vfs: Vfs, location: string): Promise<BackupInfo[]> {
  if ((await findDirectory(location, vfs)) === null) throw new VarveError('NOT_FOUND', `${location} does not exist`)
  const found: BackupInfo[] = []
  for (const name of backupNames(await namesIn(location, vfs))) {
    found.push(await readBackup(vfs, vfs.join(location, name), Number(name)))
  }
  return found
}

/** Makes the directory of a set, if it is not there. Throws INVALID_ARGUMENT for one that is something else. */
async function prepareSet({ vfs, dir }: BackupSource, location: string): Promise<string> {
  checkApart(vfs, (await placeOf(vfs, location)).location, dir)
  if ((await findDirectory(location, vfs)) === null) await makeDirectories(location, vfs)
  const set = await vfs.realPath(location)
  if (holdsFiles(await namesIn(set, vfs))) {
    throw new VarveError('INVALID_ARGUMENT', `${location} holds a database, no backups`, {
      hint: 'name a directory for backups alone',
    })
  }
  return set
}

/** A backup first loses its name, durably, so that what is left of it is never taken for one. */
async function removeOldest(
  { vfs, uniqueSuffix }: BackupSource, set: string, backups: readonly BackupInfo[], keep: number,
): Promise<void> {
  const oldest = backups.filter(({ problem }) => problem === null).slice(-keep)[0]
  for (const { number, location } of backups) {
    if (oldest === undefined || number >= oldest.number) return
    const going = `${location}.tmp.${uniqueSuffix()}`
    try {
      await vfs.rename(location, going)
      await vfs.syncDir(set)
    } catch (error) {
      throw ioError(error, 'removing', location)
    }
    await removeDirectory(vfs, going)
  }
}
