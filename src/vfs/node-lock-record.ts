/**
 * What: the content of a generation file: one line of JSON, for people as well.
 */
import * as fs from 'node:fs'
import { errnoOf } from '../base/index.js'
import type { ProcessIdentity } from './node-process.js'

export interface LockRecord extends ProcessIdentity {
  state: 'held' | 'released'
  nonce: string
  /** ISO time. */
  since: string
  /** The kernel lock that came with it (KernelLock.identity), '' when there was none. */
  kernelLock: string
}

const RECORD_BYTES_MAX = 4096

export function lockRecordText(record: LockRecord): string {
  return JSON.stringify(record) + '\n'
}

export function readLockRecord(path: string): LockRecord | 'damaged' | 'absent' {
  let text: string
  try {
    const fd = fs.openSync(path, fs.constants.O_RDONLY | (fs.constants.O_NOFOLLOW ?? 0))
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

/** Takes known fields of the right type into a fresh object; the file may come from anywhere. */
function parseRecord(text: string): LockRecord | 'damaged' {
  let raw: Record<string, unknown>
  try {
    raw = JSON.parse(text) as Record<string, unknown>
  } catch {
    return 'damaged'
  }
  if (typeof raw !== 'object' || raw === null) return 'damaged'
  const { pid, state } = raw
  const texts: Record<string, string> = {}
  for (const name of ['startTime', 'bootId', 'pidNamespace', 'host', 'nonce', 'since', 'kernelLock']) {
    const value = raw[name]
    if (typeof value !== 'string') return 'damaged'
    texts[name] = value
  }
  // A process id of 0 or below would address a group of processes.
  if (typeof pid !== 'number' || !Number.isSafeInteger(pid) || pid <= 0) return 'damaged'
  if (state !== 'held' && state !== 'released') return 'damaged'
  return {
    pid,
    state,
    startTime: texts['startTime']!,
    bootId: texts['bootId']!,
    pidNamespace: texts['pidNamespace']!,
    host: texts['host']!,
    nonce: texts['nonce']!,
    since: texts['since']!,
    kernelLock: texts['kernelLock']!,
  }
}
