/**
 * What: what the kernel takes back by itself when the process dies, and so proves its death to whoever comes next, also
 * from another container: a lock on the file `varve.lock`, or else a socket in the directory (node-lock-socket.ts).
 *
 * Node cannot call flock(2), but a child can do it for us: the lock belongs to the open file description,
 * which the child inherits as descriptor 3 and shares with us, so it stays when the child has ended. macOS and
 * Windows take the lock by an open flag instead.
 * Design: docs/design/0005-lock.md.
 */
import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { errnoOf, LOCK_FILE_NAME } from '../base/index.js'
import { identityOf } from './node-hold.js'
import { listenIn } from './node-lock-socket.js'
import type { KernelLock } from './node-lock-socket.js'

const { O_RDWR, O_CREAT, O_NOFOLLOW = 0 } = fs.constants

/** Darwin: O_EXLOCK | O_NONBLOCK. Windows: UV_FS_O_EXLOCK, libuv's flag for "share with nobody". */
const lockingOpenFlags: Partial<Record<NodeJS.Platform, number>> = { darwin: 0x24, win32: 0x10000000 }

/** Null where this platform, sandbox or file system has nothing of the kind. */
export async function takeKernelLock(place: string): Promise<KernelLock | 'busy' | null> {
  const locking = lockingOpenFlags[process.platform] ?? 0
  const path = join(place, LOCK_FILE_NAME)
  for (;;) {
    const fd = openCarrier(path, locking)
    if (typeof fd !== 'number') return fd
    const result = locking !== 0 ? 'taken' : flockByChild(fd)
    if (result === 'taken' && isNamed(path, fd)) return fileLock(fd)
    fs.closeSync(fd)
    if (result === 'busy') return 'busy'
    if (result === 'none') return listenIn(place)
    // Whoever destroyed the database removed the file while we waited for it: its lock is worth nothing.
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

/** Known places first: a name found by PATH is the last resort. */
const flockPrograms = ['/usr/bin/flock', '/bin/flock', 'flock']

function flockByChild(fd: number): 'taken' | 'busy' | 'none' {
  for (const program of flockPrograms) {
    try {
      const stdio = ['ignore', 'ignore', 'ignore', fd] as const
      const { status, error } = spawnSync(program, ['-n', '-x', '3'], { stdio: [...stdio], timeout: 5000 })
      if (errnoOf(error) === 'ENOENT') continue
      // 1 is "held by another"; everything else (no support, wrong program) says nothing.
      return status === 0 ? 'taken' : status === 1 ? 'busy' : 'none'
    } catch {
      return 'none' // the permission model forbids child processes
    }
  }
  return 'none'
}
