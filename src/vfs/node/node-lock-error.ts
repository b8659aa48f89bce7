/**
 * What: the error LOCKED: who has the directory, and what to do.
 */
import { VarveError } from '../../base/index.js'
import type { LockHolder } from '../vfs.js'
import type { LockRecord } from './node-lock-record.js'

export function holderOf({ pid, host, since }: LockRecord): LockHolder {
  return { pid, host, since }
}

export function openHere(dir: string): VarveError {
  return new VarveError('LOCKED', `${dir} is already open in this process`, { hint: 'close it there first' })
}

/** The error when somebody is about to have the directory, and cannot be named yet. */
export function beingOpened(dir: string): VarveError {
  return new VarveError('LOCKED', `${dir} is being opened by another process`, { hint: 'try again' })
}

export function lockedBy(dir: string, owner: LockRecord, life: 'alive' | 'unknown'): VarveError {
  const { pid, host, since } = owner
  const hint = life === 'alive' ? `close it there; it becomes free when process ${pid} ends` : UNSEEN
  return new VarveError('LOCKED', `${dir} is open in process ${pid} on ${host} since ${since}`, { hint })
}

const UNSEEN =
  'whether that process still lives cannot be seen from here (of another machine or container, without a lock of ' +
  'the kernel): when it certainly does not, run `varve unlock DIR` or call Varve.forceUnlock'
