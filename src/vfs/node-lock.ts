/**
 * What: one process at a time in a directory. Always two layers: the kernel's lock where there is one
 * (node-kernel-lock.ts), and generation files `lock.<12 digits>`, which also tell who holds it.
 *
 * A holder makes generation n + 1 by link(2), which fails when the name is taken, after it found that the
 * owner of n released it or is certainly dead. Lower generations are removed in ascending order, the highest
 * never: so whoever linked n + 1 and still finds n knows that n + 1 never existed before.
 * Owns: the lock files of the directory; the registry of directories locked in this thread.
 * States: held → released, or overtaken (a higher generation exists: only by force).
 * Design: docs/design/0005-lock.md.
 */
import * as fs from 'node:fs'
import { join } from 'node:path'
import {
  errnoOf, lockGenerationFileName, parseFileName, probeFileName, processShared, systemClock, systemRandom, VarveError,
} from '../base/index.js'
import { closeDirectory, holdState, identityOf, openDirectory } from './node-hold.js'
import type { OpenDirectory } from './node-hold.js'
import { takeKernelLock } from './node-kernel-lock.js'
import type { KernelLock } from './node-kernel-lock.js'
import { readLockRecord, lockRecordText } from './node-lock-record.js'
import type { LockRecord } from './node-lock-record.js'
import { identifyProcess, livenessOf } from './node-process.js'
import type { HoldSpec, HoldState, VfsLock } from './vfs.js'

export interface LockOptions {
  /** Each is false only in tests of the other layers. */
  useKernelLock?: boolean
  useHardLinks?: boolean
  usePlace?: boolean
}

const ATTEMPTS_MAX = 16

/** Throws VarveError LOCKED, naming the holder. */
export async function lockDirectory(dir: string, options: LockOptions = {}): Promise<VfsLock> {
  const directory = openDirectory(dir, options.usePlace)
  const { identity, place } = directory
  const registry = lockedDirectories()
  if (registry.has(identity)) {
    closeDirectory(directory)
    throw lockedError(dir, 'this process')
  }
  registry.add(identity)
  let kernel: KernelLock | null = null
  const letGo = (): void => {
    kernel?.close()
    registry.delete(identity)
    closeDirectory(directory)
  }
  try {
    if (options.useKernelLock !== false) kernel = kernelLockOf(place, dir)
    const record = newRecord(kernel)
    const generation = await takeGeneration(place, dir, record, options.useHardLinks !== false)
    return new DirectoryLock(generation, holdSpec(directory, generation, record), letGo)
  } catch (error) {
    letGo()
    throw error
  }
}

function holdSpec(directory: OpenDirectory, generation: number, { nonce }: LockRecord): HoldSpec {
  const file = lockGenerationFileName(generation)
  const stats = fs.lstatSync(join(directory.place, file), { bigint: true })
  return {
    ...directory, kind: 'node', file, nextFile: lockGenerationFileName(generation + 1),
    fileIdentity: identityOf(stats), fileTime: String(stats.mtimeNs), nonce,
  }
}

export interface LockHolder {
  pid: number
  host: string
  /** ISO time. */
  since: string
}

/** Who has the directory; null when nobody does, or who did is certainly dead. Changes nothing. */
export function lockHolder(dir: string): LockHolder | null {
  const generation = highestGeneration(dir)
  if (generation === 0) return null
  const record = readLockRecord(join(dir, lockGenerationFileName(generation)))
  if (typeof record === 'string' || record.state === 'released') return null
  const { pid, host, since } = record
  return livenessOf(record, identifyProcess()) === 'dead' ? null : { pid, host, since }
}

/** Declares the present holder dead. For an operator who knows it; two writers destroy a database. */
export async function forceUnlock(dir: string): Promise<void> {
  const generation = highestGeneration(dir)
  if (generation > 0) await markReleased(dir, generation)
}

class DirectoryLock implements VfsLock {
  readonly generation: number
  readonly spec: HoldSpec
  private readonly letGo: () => void
  private releasing: Promise<void> | null = null

  constructor(generation: number, spec: HoldSpec, letGo: () => void) {
    this.generation = generation
    this.spec = spec
    this.letGo = letGo
  }

  get place(): string {
    return this.spec.place
  }

  stateSync(): HoldState {
    return this.releasing === null ? holdState(this.spec) : 'overtaken'
  }

  release(): Promise<void> {
    this.releasing ??= this.letGoOf()
    return this.releasing
  }

  /** Whatever has become of the directory, this process has nothing of it any more. */
  private async letGoOf(): Promise<void> {
    try {
      if (holdState(this.spec) === 'held') await markReleased(this.place, this.generation)
    } finally {
      this.letGo()
    }
  }
}

/** Shared by every copy of this package in the thread; other threads meet the two layers. */
function lockedDirectories(): Set<string> {
  return processShared('lockedDirectories', () => new Set())
}

function kernelLockOf(place: string, dir: string): KernelLock | null {
  const result = takeKernelLock(place)
  if (result === 'none') return null
  if (result !== 'busy') return result
  const generation = highestGeneration(place)
  const record = generation === 0 ? 'absent' : readLockRecord(join(place, lockGenerationFileName(generation)))
  throw lockedError(dir, record)
}

function newRecord(kernel: KernelLock | null): LockRecord {
  return {
    ...identifyProcess(),
    state: 'held',
    nonce: `${systemRandom.u32()}-${systemRandom.u32()}`,
    since: new Date(systemClock.wallMs()).toISOString(),
    kernelLock: kernel?.identity ?? '',
  }
}

async function takeGeneration(
  place: string, dir: string, mine: LockRecord, useHardLinks: boolean,
): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const before = highestGeneration(place)
    if (before > 0) {
      const record = readLockRecord(join(place, lockGenerationFileName(before)))
      if (record === 'absent') continue // somebody went past it
      if (mayLive(record, mine)) throw lockedError(dir, record)
    }
    const generation = before + 1
    if (!(await claim(place, generation, mine, useHardLinks))) continue // lost: look who won
    if (isFirst(place, generation)) {
      await syncDirectory(place)
      removeLower(place, generation)
      return generation
    }
    fs.unlinkSync(join(place, lockGenerationFileName(generation)))
  }
  throw lockedError(dir, 'absent')
}

function mayLive(owner: LockRecord | 'damaged', mine: LockRecord): boolean {
  if (owner === 'damaged') return true // perhaps being written at this moment
  if (owner.state === 'released') return false
  // It held the kernel lock of this very file in this very kernel, and now we do: it is gone, also when
  // its process id cannot be seen from here (a container that was replaced).
  const isSameKernel = mine.bootId !== '' && owner.bootId === mine.bootId
  if (isSameKernel && mine.kernelLock !== '' && owner.kernelLock === mine.kernelLock) return false
  return livenessOf(owner, mine) !== 'dead'
}

/** False when the name is taken. */
async function claim(
  dir: string, generation: number, mine: LockRecord, useHardLinks: boolean,
): Promise<boolean> {
  const target = join(dir, lockGenerationFileName(generation))
  if (useHardLinks) {
    const source = await writeTemp(dir, lockRecordText(mine))
    try {
      fs.linkSync(source, target)
      return true
    } catch (error) {
      const code = errnoOf(error)
      if (code === 'EEXIST' || code === 'ENOENT') return false // ENOENT: swept away as a leftover
      if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(code)) throw error
    } finally {
      fs.rmSync(source, { force: true })
    }
  }
  try {
    await writeNew(target, lockRecordText(mine)) // half-written counts as held
    return true
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false
    throw error
  }
}

/** Requires: we made this generation. False when it existed before: somebody is further already. */
function isFirst(dir: string, generation: number): boolean {
  const isPredecessorThere =
    generation === 1 || fs.existsSync(join(dir, lockGenerationFileName(generation - 1)))
  return isPredecessorThere && highestGeneration(dir) === generation
}

function generationsOf(dir: string): number[] {
  const generations: number[] = []
  for (const name of fs.readdirSync(dir)) {
    const parsed = parseFileName(name)
    if (parsed?.kind === 'lock' && parsed.generation !== null) generations.push(parsed.generation)
  }
  return generations.sort((a, b) => a - b)
}

/** 0 when there is none. */
function highestGeneration(dir: string): number {
  return generationsOf(dir).at(-1) ?? 0
}

function removeLower(dir: string, generation: number): void {
  for (const lower of generationsOf(dir)) {
    if (lower >= generation) return
    try {
      fs.unlinkSync(join(dir, lockGenerationFileName(lower)))
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') return // the next holder tries again; ascending order matters
    }
  }
}

/** Over itself, so that the highest generation is there at every moment. */
async function markReleased(dir: string, generation: number): Promise<void> {
  const path = join(dir, lockGenerationFileName(generation))
  const record = readLockRecord(path)
  const known = typeof record === 'string' ? newRecord(null) : record
  const source = await writeTemp(dir, lockRecordText({ ...known, state: 'released' }))
  fs.renameSync(source, path)
}

/** A name that recovery knows as a leftover when we die before it is gone. */
async function writeTemp(dir: string, text: string): Promise<string> {
  const path = join(dir, probeFileName(`${process.pid}.${systemRandom.u32()}`))
  await writeNew(path, text)
  return path
}

/** Synced: a name must never appear after a power loss without its content. */
async function writeNew(path: string, text: string): Promise<void> {
  const handle = await fs.promises.open(path, 'wx', 0o600)
  try {
    await handle.writeFile(text)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function syncDirectory(dir: string): Promise<void> {
  if (process.platform === 'win32') return
  const handle = await fs.promises.open(dir, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

function lockedError(dir: string, holder: LockRecord | 'damaged' | 'absent' | 'this process'): VarveError {
  if (holder === 'this process') {
    return new VarveError('LOCKED', `${dir} is already open in this process`, { hint: 'close it there first' })
  }
  if (typeof holder === 'string') {
    const hint = 'try again; if it stays, no process has it, and nobody is writing the lock file: force the unlock'
    return new VarveError('LOCKED', `${dir} is being opened by another process`, { hint })
  }
  const { pid, host, since } = holder
  const isVisible = livenessOf(holder, identifyProcess()) !== 'unknown'
  const hint = isVisible
    ? `close it there; it becomes free when process ${pid} ends`
    : `whether that process still lives cannot be seen from here; when it certainly does not, force the unlock`
  return new VarveError('LOCKED', `${dir} is open in process ${pid} on ${host} since ${since}`, { hint })
}
