/**
 * What: the content of a generation file: one line of JSON, for people as well.
 * It is written with one call and not synced: after a power loss it may be empty, old or gone (lock-claim.ts).
 */
import * as fs from 'node:fs'
import { errnoOf } from '../../base/index.js'
import type { ProcessIdentity } from './node-process.js'

export interface LockRecord extends ProcessIdentity {
  state: 'held' | 'released'
  nonce: string
  /** When the holder took the directory, as ISO time. */
  since: string
  /**
   * The lock that the kernel takes back by itself when the holder dies: `file <dev>:<ino>`, a lock on that file;
   * `socket <name>`, a socket that it listens on; '' for none.
   */
  kernelLock: string
  /** The device and inode of the directory: in a copy of the directory the record says nothing. */
  directory: string
}

const RECORD_BYTES_MAX = 4096
const { O_RDONLY, O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW = 0 } = fs.constants

function textOf(record: LockRecord): string {
  return JSON.stringify(record) + '\n'
}

/** Makes a new, empty file and opens it for writing; null when the name is taken. */
export function createEmpty(path: string): number | null {
  try {
    return fs.openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return null
    throw error
  }
}

/** Writes the record and closes the file, whatever happens. */
export function fillWith(fd: number, record: LockRecord): void {
  try {
    fs.writeSync(fd, textOf(record), 0)
  } finally {
    fs.closeSync(fd)
  }
}

/**
 * Marks the record as released by writing over it. The new text is shorter, so at every moment the file is the record
 * or cannot be read.
 */
export function markReleased(path: string, record: LockRecord): void {
  const fd = fs.openSync(path, O_WRONLY | O_NOFOLLOW)
  try {
    fs.writeSync(fd, textOf({ ...record, state: 'released' }), 0)
  } finally {
    fs.closeSync(fd)
  }
}

export function readLockRecord(path: string): LockRecord | 'unreadable' | 'absent' {
  let text: string
  try {
    const fd = fs.openSync(path, O_RDONLY | O_NOFOLLOW)
    try {
      const bytes = new Uint8Array(RECORD_BYTES_MAX)
      text = new TextDecoder().decode(bytes.subarray(0, fs.readSync(fd, bytes)))
    } finally {
      fs.closeSync(fd)
    }
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return 'absent'
    throw error
  }
  return parseRecord(text)
}

const textNames = [
  'startTime', 'bootId', 'pidNamespace', 'host', 'nonce', 'since', 'kernelLock', 'directory',
] as const

/** Takes known fields of the right type into a fresh object; the file may come from anywhere. */
function parseRecord(text: string): LockRecord | 'unreadable' {
  let raw: Record<string, unknown>
  try {
    raw = JSON.parse(text) as Record<string, unknown>
  } catch {
    return 'unreadable'
  }
  if (typeof raw !== 'object' || raw === null) return 'unreadable'
  const { pid, state } = raw
  const texts = {} as Record<(typeof textNames)[number], string>
  for (const name of textNames) {
    const value = raw[name]
    if (typeof value !== 'string') return 'unreadable'
    texts[name] = value
  }
  // A process id of 0 or below would address a group of processes.
  if (typeof pid !== 'number' || !Number.isSafeInteger(pid) || pid <= 0) return 'unreadable'
  if (state !== 'held' && state !== 'released') return 'unreadable'
  return { pid, state, ...texts }
}
