/**
 * What: the identity of a process, by which another process can tell later whether it still lives. A process id alone
 * is not enough: it is used again, and containers each count their own.
 */
import * as fs from 'node:fs'
import { hostname } from 'node:os'
import { errnoOf } from '../../base/index.js'

export interface ProcessIdentity {
  pid: number
  /** Field 22 of /proc/<pid>/stat; '' where unknown. */
  startTime: string
  /** A number that differs after every boot; '' where unknown. */
  bootId: string
  /** The namespace that process ids count in; 'none' on platforms that have none, '' where it cannot be read. */
  pidNamespace: string
  host: string
}

export type Liveness = 'dead' | 'alive' | 'unknown'

export function identifyProcess(): ProcessIdentity {
  return {
    pid: process.pid,
    startTime: statOf('self')?.startTime ?? '',
    bootId: readText('/proc/sys/kernel/random/boot_id'),
    pidNamespace: process.platform === 'linux' ? readLink('/proc/self/ns/pid') : 'none',
    host: hostname(),
  }
}

/** Tells whether a process lives: 'dead' only when it is certain; 'unknown' when it cannot be seen from here. */
export function livenessOf(owner: ProcessIdentity, me: ProcessIdentity): Liveness {
  if (owner.host !== me.host) return 'unknown'
  if (owner.bootId !== '' && me.bootId !== '' && owner.bootId !== me.bootId) return 'dead'
  if (owner.pidNamespace === '' || owner.pidNamespace !== me.pidNamespace) return 'unknown'
  if (!isProcess(owner.pid)) return 'dead'
  const stat = statOf(String(owner.pid))
  if (stat === null || owner.startTime === '') return 'unknown' // another process may have the number by now
  return stat.isGone || owner.startTime !== stat.startTime ? 'dead' : 'alive'
}

function isProcess(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return errnoOf(error) !== 'ESRCH'
  }
}

interface ProcessStat {
  startTime: string
  /** True when it was killed and not yet reaped by its parent, with no thread left that could still be writing. */
  isGone: boolean
}

function statOf(pid: string): ProcessStat | null {
  // The second field is the program's name in parentheses and may contain anything.
  const text = readText(`/proc/${pid}/stat`)
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const [state, threadCount, startTime] = [fields[0], fields[17], fields[19]]
  if (startTime === undefined) return null
  return { startTime, isGone: (state === 'Z' || state === 'X') && Number(threadCount) <= 1 }
}

/** Reads a file; '' when it is not there or the permission model forbids it. */
function readText(path: string): string {
  try {
    return fs.readFileSync(path, 'latin1').trim()
  } catch {
    return ''
  }
}

function readLink(path: string): string {
  try {
    return fs.readlinkSync(path)
  } catch {
    return ''
  }
}
