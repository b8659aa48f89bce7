/**
 * What: tells whether the owner of a lock record is gone. 'dead' and 'alive' are certain, since two writers destroy a
 * database.
 * Thread: any. Changes nothing.
 */
import * as fs from 'node:fs'
import { processShared } from '../../base/index.js'
import { lifeOfFileLock } from './node-kernel-lock.js'
import type { LockRecord } from './node-lock-record.js'
import { socketLife } from './node-lock-socket.js'
import { livenessOf } from './node-process.js'
import type { Liveness, ProcessIdentity } from './node-process.js'

/** The process that asks, and what it knows of the directory. */
export interface Onlooker extends ProcessIdentity {
  place: string
  /** The device and inode of the directory. */
  directory: string
  /** True when no other machine can have this file system at the same time. */
  isLocal: boolean
  /** The lock that the asker holds itself, as a record has it; '' for none. */
  kernelLock: string
}

export async function lifeOfOwner(owner: LockRecord, me: Onlooker): Promise<Liveness> {
  if (owner.state === 'released' || letGo().has(owner.nonce)) return 'dead'
  const isSameKernel = owner.bootId === me.bootId && (me.bootId !== '' || owner.host === me.host)
  // This kernel does not see an owner that is elsewhere; but on a local file system no owner is elsewhere.
  if (!isSameKernel && !me.isLocal) return livenessOf(owner, me)
  if (!isSameInode(owner.directory, me.directory, isSameKernel)) return 'dead' // the record came with a copy
  const life = await lifeByKernel(owner.kernelLock, me, isSameKernel)
  if (life !== 'unknown') return life
  const seen = livenessOf(owner, me)
  return seen === 'unknown' ? lifeByTrial(owner.kernelLock, me, isSameKernel) : seen
}

async function lifeByKernel(lock: string, me: Onlooker, isSameKernel: boolean): Promise<Liveness> {
  const [kind, what = ''] = lock.split(' ')
  if (kind === 'socket') return socketLife(me.place, what)
  const [myKind, mine = ''] = me.kernelLock.split(' ')
  // The owner held the lock of this very file, and now we do.
  return kind === 'file' && myKind === 'file' && isSameInode(what, mine, isSameKernel) ? 'dead' : 'unknown'
}

/** Tries whether anybody has the owner's lock of a file, when the asker itself listens on a socket. */
function lifeByTrial(lock: string, me: Onlooker, isSameKernel: boolean): Liveness {
  const [kind, what = ''] = lock.split(' ')
  if (kind !== 'file' || !me.kernelLock.startsWith('socket ')) return 'unknown'
  return lifeOfFileLock(me.place, (identity) => isSameInode(what, identity, isSameKernel))
}

/** Compares two texts `device:inode`. A device may be numbered anew at each boot. */
function isSameInode(a: string, b: string, isSameKernel: boolean): boolean {
  return isSameKernel ? a === b : a.slice(a.indexOf(':')) === b.slice(b.indexOf(':'))
}

/** Nonces of holds that this thread gave up without being able to write that into their files. */
export function letGo(): Set<string> {
  return processShared('locksLetGo', () => new Set())
}

/** Local file systems by their `f_type` of statfs(2): ext, xfs, btrfs, tmpfs, overlay, f2fs, zfs, bcachefs, ramfs. */
const LOCAL_FILE_SYSTEMS = new Set([
  0xef53, 0x58465342, 0x9123683e, 0x01021994, 0x794c7630, 0xf2f52010, 0x2fc12fc1, 0xca451a4e, 0x858458f6,
])

/** False for network and shared file systems, and for all that is not known. */
export function isLocalFileSystem(place: string): boolean {
  try {
    return process.platform === 'linux' && LOCAL_FILE_SYSTEMS.has(fs.statfsSync(place).type >>> 0)
  } catch {
    return false
  }
}
