/**
 * What: the lock that the kernel takes back by itself when the process dies, on the file `lock`.
 *
 * Node cannot call flock(2), but a child can do it for us: the lock belongs to the open file description,
 * which the child inherits as descriptor 3 and shares with us, so it stays when the child has ended. macOS and
 * Windows take the lock by an open flag instead. The file is never deleted: that would be a race itself.
 * Design: docs/design/0005-lock.md.
 */
import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { errnoOf, LOCK_FILE_NAME } from '../base/index.js'

export interface KernelLock {
  /** Device and inode of the file; together with the boot id it names this lock and no other. */
  readonly identity: string
  /** The lock goes with the descriptor. */
  close(): void
}

/** 'none': this platform, sandbox or file system has no such lock. */
export type KernelLockResult = KernelLock | 'busy' | 'none'

const { O_RDWR, O_CREAT, O_NOFOLLOW = 0 } = fs.constants

/** Darwin: O_EXLOCK | O_NONBLOCK. Windows: UV_FS_O_EXLOCK, libuv's flag for "share with nobody". */
const lockingOpenFlags: Partial<Record<NodeJS.Platform, number>> = { darwin: 0x24, win32: 0x10000000 }

export function takeKernelLock(dir: string): KernelLockResult {
  const path = join(dir, LOCK_FILE_NAME)
  const locking = lockingOpenFlags[process.platform]
  if (locking !== undefined) return openLocked(path, locking)
  const fd = fs.openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600)
  const result = flockByChild(fd)
  if (result === 'taken') return kernelLock(fd)
  fs.closeSync(fd)
  return result
}

function kernelLock(fd: number): KernelLock {
  const { dev, ino } = fs.fstatSync(fd, { bigint: true })
  return { identity: `${dev}:${ino}`, close: () => fs.closeSync(fd) }
}

function openLocked(path: string, locking: number): KernelLockResult {
  try {
    return kernelLock(fs.openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW | locking, 0o600))
  } catch (error) {
    const code = errnoOf(error)
    if (code === 'EAGAIN' || code === 'EBUSY') return 'busy'
    if (code === 'ENOTSUP' || code === 'EOPNOTSUPP') return 'none'
    throw error
  }
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
