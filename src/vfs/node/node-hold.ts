/**
 * What: a directory that stays the same one. Its descriptor keeps the directory (and so its inode number) for us
 * whatever becomes of its name; on Linux the path `/proc/self/fd/<descriptor>` leads into it, from every thread.
 * Owns: the descriptor, until `close`. Thread: any may ask for the state; the one that opened it closes it.
 */
import * as fs from 'node:fs'
import { join } from 'node:path'
import { lockGenerationFileName, parseFileName } from '../../base/index.js'
import type { HoldSpec, HoldState } from '../vfs.js'
import { readLockRecord } from './node-lock-record.js'

export interface OpenDirectory {
  dir: string
  /** The device and inode of the directory. */
  identity: string
  /** The descriptor; -1 where a directory cannot be opened. */
  descriptor: number
  /** A path that leads to the directory whatever has its name; see VfsLock. */
  place: string
}

/**
 * True where `/proc/self/fd` cannot be used. A permission model allows paths by name, and nobody allows this one. Deno
 * counts descriptors of its own in each thread: in a worker the number means another file, or none.
 */
const isRestricted = (process as { permission?: unknown }).permission !== undefined || 'Deno' in globalThis

const { O_RDONLY, O_DIRECTORY = 0 } = fs.constants

/** Opens a directory. `usePlace` is false only in tests of platforms without such a path. */
export function openDirectory(dir: string, usePlace = true): OpenDirectory {
  let descriptor = -1
  try {
    descriptor = fs.openSync(dir, O_RDONLY | O_DIRECTORY)
  } catch (error) {
    // Windows does not remove a directory that has open files in it, so nothing is lost there without a descriptor.
    if (process.platform !== 'win32') throw error
  }
  const stats = descriptor < 0 ? fs.statSync(dir, { bigint: true }) : fs.fstatSync(descriptor, { bigint: true })
  const identity = identityOf(stats)
  const place = `/proc/self/fd/${descriptor}`
  const isPlace = usePlace && !isRestricted && descriptor >= 0 && leadsTo(place, identity)
  return { dir, identity, descriptor, place: isPlace ? place : dir }
}

export function closeDirectory({ descriptor }: OpenDirectory): void {
  if (descriptor >= 0) fs.closeSync(descriptor)
}

export function identityOf({ dev, ino }: fs.BigIntStats): string {
  return `${dev}:${ino}`
}

/** False without /proc, and where a sandbox forbids this path. */
function leadsTo(place: string, identity: string): boolean {
  try {
    return identityOf(fs.lstatSync(`${place}/.`, { bigint: true })) === identity
  } catch {
    return false
  }
}

/** Describes the hold of a generation that was just taken. */
export function holdSpecOf(directory: OpenDirectory, generation: number, nonce: string): HoldSpec {
  const file = lockGenerationFileName(generation)
  const stats = fs.lstatSync(join(directory.place, file), { bigint: true })
  return {
    ...directory, kind: 'node', file, nextFile: lockGenerationFileName(generation + 1),
    fileIdentity: identityOf(stats), fileTime: String(stats.mtimeNs), nonce,
  }
}

/** The descriptor whose directory this path means, or -1. */
export function heldDescriptor(path: string): number {
  const match = /^\/proc\/self\/fd\/(\d+)\/\.$/.exec(path)
  return match === null ? -1 : Number(match[1])
}

const asNumbers = { bigint: true, throwIfNoEntry: false } as const

/** Tells whether the holder whose file this describes still has the directory. */
export function holdState(hold: HoldSpec): HoldState {
  if (hold.place === hold.dir) {
    const found = fs.statSync(hold.dir, asNumbers)
    if (found === undefined || identityOf(found) !== hold.identity) return isUnlinked(hold) ? 'removed' : 'replaced'
  }
  const mine = fs.lstatSync(join(hold.place, hold.file), asNumbers)
  if (mine === undefined) return isEmptied(hold) ? 'removed' : 'overtaken'
  if (!isUnchanged(mine, hold) && !isMine(hold)) return 'overtaken'
  return fs.lstatSync(join(hold.place, hold.nextFile), asNumbers) === undefined ? 'held' : 'overtaken'
}

/**
 * True when no name means this directory any more. Without a descriptor a removed one cannot be told from a moved one.
 */
function isUnlinked({ descriptor }: HoldSpec): boolean {
  return descriptor >= 0 && fs.fstatSync(descriptor).nlink === 0
}

/**
 * True when nothing of the database is left, which is as good as removed. When only the lock's files are gone, somebody
 * removed those on purpose.
 */
function isEmptied({ place }: HoldSpec): boolean {
  return !fs.readdirSync(place).some((name) => {
    const kind = parseFileName(name)?.kind
    return kind !== undefined && kind !== 'temp' && kind !== 'probe'
  })
}

function isUnchanged(found: fs.BigIntStats, { fileIdentity, fileTime }: HoldSpec): boolean {
  return identityOf(found) === fileIdentity && String(found.mtimeNs) === fileTime
}

/**
 * Tells whether the file is the holder's own. An inode number is used again, and anybody can change a time, so the
 * nonce decides.
 */
function isMine({ place, file, nonce }: HoldSpec): boolean {
  const record = readLockRecord(join(place, file))
  return typeof record !== 'string' && record.state === 'held' && record.nonce === nonce
}
