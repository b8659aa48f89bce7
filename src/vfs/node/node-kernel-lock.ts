/**
 * What: a lock that the kernel takes back by itself when the process dies. It proves that death to the next process,
 * even from another container: a lock on the file `varve.lock`, or else a socket in the directory
 * (node-lock-socket.ts).
 *
 * Node cannot call flock(2), but a child can do it for us: the lock belongs to the open file description, which the
 * child inherits as descriptor 3 and shares with us, so it stays when the child has ended. Making a child stops this
 * process while the kernel copies its page tables, so a large process listens on a socket instead. macOS and Windows
 * take the lock by an open flag.
 * Design: docs/design/0005-lock.md.
 */
import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { errnoOf, LOCK_FILE_NAME, MiB } from '../../base/index.js'
import { identityOf } from './node-hold.js'
import { listenIn } from './node-lock-socket.js'
import type { KernelLock } from './node-lock-socket.js'
import type { Liveness } from './node-process.js'

const { O_RDWR, O_CREAT, O_NOFOLLOW = 0 } = fs.constants

/** A process with this much resident memory makes no child: copying its page tables took 30 to 40 ms. */
const FORK_RSS_MAX = 512 * MiB

/**
 * Open flags that take a lock. Darwin: O_EXLOCK | O_NONBLOCK. Windows: UV_FS_O_EXLOCK, libuv's flag for "share with
 * nobody".
 */
const lockingOpenFlags: Partial<Record<NodeJS.Platform, number>> = { darwin: 0x24, win32: 0x10000000 }

/** Takes the lock. Null where this platform, sandbox or file system has nothing of the kind. */
export async function takeKernelLock(place: string): Promise<KernelLock | 'busy' | null> {
  const locking = lockingOpenFlags[process.platform] ?? 0
  const path = join(place, LOCK_FILE_NAME)
  if (locking === 0 && process.memoryUsage.rss() > FORK_RSS_MAX) {
    const socket = await listenIn(place)
    if (socket !== null) return socket
  }
  for (;;) {
    const fd = openCarrier(path, locking)
    if (typeof fd !== 'number') return fd
    const result = locking !== 0 ? 'taken' : flockByChild(fd)
    if (result === 'taken' && isNamed(path, fd)) return fileLock(fd)
    fs.closeSync(fd)
    if (result === 'busy') return 'busy'
    if (result === 'none') return listenIn(place)
    // A destroy removed the file while we waited for it: its lock is worth nothing.
  }
}

/**
 * Tells whether somebody holds the lock of the file that `isIt` recognises. It makes a child whatever the size of this
 * process, so only the holder of another lock asks, where nothing else can tell.
 */
export function lifeOfFileLock(place: string, isIt: (identity: string) => boolean): Liveness {
  let fd: number
  try {
    fd = fs.openSync(join(place, LOCK_FILE_NAME), O_RDWR | O_NOFOLLOW)
  } catch {
    return 'unknown'
  }
  try {
    if (!isIt(identityOf(fs.fstatSync(fd, { bigint: true })))) return 'unknown'
    const result = flockByChild(fd)
    return result === 'taken' ? 'dead' : result === 'busy' ? 'alive' : 'unknown'
  } finally {
    fs.closeSync(fd)
  }
}

function openCarrier(path: string, locking: number): number | 'busy' | null {
  try {
    return fs.openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW | locking, 0o600)
  } catch (error) {
    const code = errnoOf(error)
    if (locking !== 0 && (code === 'EAGAIN' || code === 'EBUSY')) return 'busy'
    if (locking !== 0 && (code === 'ENOTSUP' || code === 'EOPNOTSUPP')) return null
    throw error
  }
}

function fileLock(fd: number): KernelLock {
  return { text: `file ${identityOf(fs.fstatSync(fd, { bigint: true }))}`, close: () => fs.closeSync(fd) }
}

function isNamed(path: string, fd: number): boolean {
  const found = fs.lstatSync(path, { bigint: true, throwIfNoEntry: false })
  return found !== undefined && identityOf(found) === identityOf(fs.fstatSync(fd, { bigint: true }))
}

/** Programs to try. Known paths come first: a name that is found by PATH is the last resort. */
const flockPrograms = ['/usr/bin/flock', '/bin/flock', 'flock']

function flockByChild(fd: number): 'taken' | 'busy' | 'none' {
  for (const program of flockPrograms) {
    try {
      const stdio = ['ignore', 'ignore', 'ignore', fd] as const
      const { status, error } = spawnSync(program, ['-n', '-x', '3'], { stdio: [...stdio], timeout: 5000 })
      if (errnoOf(error) === 'ENOENT') continue
      // Status 1 is "held by another"; everything else (no support, wrong program) says nothing.
      return status === 0 ? 'taken' : status === 1 ? 'busy' : 'none'
    } catch {
      return 'none' // the permission model forbids child processes
    }
  }
  return 'none'
}
