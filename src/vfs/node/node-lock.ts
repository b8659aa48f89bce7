/**
 * What: one process at a time in a directory. Two layers: a lock that the kernel takes back when a process dies
 * (node-kernel-lock.ts), and generation files `varve.lock.<12 digits>`, which also name the holder. lock-claim.ts takes
 * a generation; node-owner.ts decides which owners are gone. The files go only with `discard`.
 *
 * Owns: the lock files of the directory; the registry of directories locked in this thread.
 * States: held → released, or lost (node-hold.ts).
 * Design: docs/design/0005-lock.md.
 */
import * as fs from 'node:fs'
import { join } from 'node:path'
import {
  corruption, LOCK_FILE_NAME, lockGenerationFileName, NAME_NUMBER_MAX, parseFileName, processShared, systemClock,
  systemRandom,
} from '../../base/index.js'
import { claimGeneration, removeLower } from '../lock-claim.js'
import type { GenerationFiles } from '../lock-claim.js'
import type { HoldSpec, HoldState, LockHolder, VfsLock } from '../vfs.js'
import { closeDirectory, holdSpecOf, holdState, openDirectory } from './node-hold.js'
import type { OpenDirectory } from './node-hold.js'
import { takeKernelLock } from './node-kernel-lock.js'
import { beingOpened, holderOf, lockedBy, openHere } from './node-lock-error.js'
import { createEmpty, fillWith, markReleased, readLockRecord } from './node-lock-record.js'
import type { LockRecord } from './node-lock-record.js'
import { removeDeadSockets } from './node-lock-socket.js'
import type { KernelLock } from './node-lock-socket.js'
import { isLocalFileSystem, letGo, lifeOfOwner } from './node-owner.js'
import type { Onlooker } from './node-owner.js'
import { identifyProcess } from './node-process.js'
import type { Liveness } from './node-process.js'

/** What the platform has; found out when not given, and false only in tests of platforms without it. */
export interface LockOptions {
  useKernelLock?: boolean
  usePlace?: boolean
  isLocal?: boolean
}

const ATTEMPTS_MAX = 16

/** Takes the directory. Throws VarveError LOCKED, naming the holder. */
export async function lockDirectory(dir: string, options: LockOptions = {}): Promise<DirectoryLock> {
  const attempt = await begin(dir, options)
  try {
    const { me } = attempt
    const record = newRecord(me)
    const generation = await takeGeneration(dir, me, record, (owner, life) => {
      if (life !== 'dead') throw lockedBy(dir, owner, life)
    })
    const spec = holdSpecOf(attempt.directory, generation, record.nonce)
    await removeDeadSockets(me.place)
    return new DirectoryLock(generation, spec, record, attempt.end)
  } catch (error) {
    attempt.end()
    throw error
  }
}

/**
 * Declares the owner dead: for an operator who knows that it is. Returns the owner, or null when none was in the way.
 * Throws LOCKED when the owner certainly lives.
 */
export async function forceUnlock(dir: string, options: LockOptions = {}): Promise<LockHolder | null> {
  if (generationsOf(dir).length === 0) return null
  const attempt = await begin(dir, options)
  try {
    const { me } = attempt
    let declaredDead: LockHolder | null = null
    const record: LockRecord = { ...newRecord(me), state: 'released' }
    await takeGeneration(dir, me, record, (owner, life) => {
      if (life === 'alive') throw lockedBy(dir, owner, life)
      if (life === 'unknown') declaredDead = holderOf(owner)
    })
    return declaredDead
  } finally {
    attempt.end()
  }
}

/** Tells who has the directory; null when nobody does, or the one who did is certainly dead. Changes nothing. */
export async function lockHolder(dir: string): Promise<LockHolder | null> {
  const generation = generationsOf(dir).at(-1)
  if (generation === undefined) return null
  const directory = openDirectory(dir)
  try {
    const me = onlooker(directory, '', {})
    const record = readLockRecord(join(me.place, lockGenerationFileName(generation)))
    if (typeof record === 'string') return null
    return (await lifeOfOwner(record, me)) === 'dead' ? null : holderOf(record)
  } finally {
    closeDirectory(directory)
  }
}

interface Attempt {
  directory: OpenDirectory
  me: Onlooker
  /** Lets everything go that this thread has of the directory. */
  end(): void
}

/** Takes this thread's own entry, and the kernel's lock. */
async function begin(dir: string, options: LockOptions): Promise<Attempt> {
  const directory = openDirectory(dir, options.usePlace)
  const { identity, place } = directory
  const registry = lockedDirectories()
  if (registry.has(identity)) {
    closeDirectory(directory)
    throw openHere(dir)
  }
  registry.add(identity)
  let kernel: KernelLock | null = null
  const end = (): void => {
    kernel?.close()
    registry.delete(identity)
    closeDirectory(directory)
  }
  try {
    const taken = options.useKernelLock === false ? null : await takeKernelLock(place)
    if (taken === 'busy') throw busyError(dir, place)
    kernel = taken
    return { directory, me: onlooker(directory, kernel?.text ?? '', options), end }
  } catch (error) {
    end()
    throw error
  }
}

/**
 * Directories that are locked in this thread, shared by every copy of this package; other threads meet the two layers.
 */
function lockedDirectories(): Set<string> {
  return processShared('lockedDirectories', () => new Set())
}

function onlooker({ place, identity }: OpenDirectory, kernelLock: string, options: LockOptions): Onlooker {
  const isLocal = options.isLocal ?? isLocalFileSystem(place)
  return { ...identifyProcess(), place, directory: identity, isLocal, kernelLock }
}

function newRecord(me: Onlooker): LockRecord {
  const { pid, startTime, bootId, pidNamespace, host, kernelLock, directory } = me
  return {
    pid, startTime, bootId, pidNamespace, host, state: 'held',
    nonce: `${systemRandom.u32()}-${systemRandom.u32()}`,
    since: new Date(systemClock.wallMs()).toISOString(),
    kernelLock, directory,
  }
}

function busyError(dir: string, place: string): Error {
  const generation = generationsOf(place).at(-1)
  const record = generation === undefined ? 'absent' : readLockRecord(join(place, lockGenerationFileName(generation)))
  if (typeof record === 'string' || record.state === 'released') return beingOpened(dir)
  return lockedBy(dir, record, 'alive')
}

/** Looks at an owner; throws when it is in the way. */
type JudgeLife = (owner: LockRecord, life: Liveness) => void

async function takeGeneration(dir: string, me: Onlooker, record: LockRecord, judge: JudgeLife): Promise<number> {
  const files = new GenerationFilesOf(me.place, record)
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const generation = await claimGeneration(files, async (owner) => judge(owner, await lifeOfOwner(owner, me)))
    if (generation === null) continue // lost: look at the winner
    await removeLower(files, generation)
    return generation
  }
  throw beingOpened(dir)
}

class GenerationFilesOf implements GenerationFiles<LockRecord> {
  private readonly place: string
  private readonly record: LockRecord
  private fd = -1

  constructor(place: string, record: LockRecord) {
    this.place = place
    this.record = record
  }

  list(): number[] {
    return generationsOf(this.place)
  }

  read(generation: number): LockRecord | 'unreadable' | 'absent' {
    return readLockRecord(join(this.place, lockGenerationFileName(generation)))
  }

  create(generation: number): boolean {
    if (generation > NAME_NUMBER_MAX) {
      const file = lockGenerationFileName(generation - 1)
      throw corruption(file, 0, 'no higher number is left', 'no process has the database: remove that file')
    }
    const fd = createEmpty(join(this.place, lockGenerationFileName(generation)))
    this.fd = fd ?? -1
    return fd !== null
  }

  write(): void {
    fillWith(this.fd, this.record)
  }

  remove(generation: number): void {
    fs.rmSync(join(this.place, lockGenerationFileName(generation)), { force: true })
  }
}

/** Gives the generations in a directory, ascending. */
function generationsOf(dir: string): number[] {
  const generations: number[] = []
  for (const name of fs.readdirSync(dir)) {
    const parsed = parseFileName(name)
    if (parsed?.kind === 'lock' && parsed.generation !== null) generations.push(parsed.generation)
  }
  return generations.sort((a, b) => a - b)
}

class DirectoryLock implements VfsLock {
  readonly generation: number
  readonly spec: HoldSpec
  private readonly record: LockRecord
  private readonly end: () => void
  private releasing: Promise<void> | null = null

  constructor(generation: number, spec: HoldSpec, record: LockRecord, end: () => void) {
    this.generation = generation
    this.spec = spec
    this.record = record
    this.end = end
  }

  get place(): string {
    return this.spec.place
  }

  get identity(): string {
    return this.spec.identity
  }

  stateSync(): HoldState {
    return this.releasing === null ? holdState(this.spec) : 'overtaken'
  }

  release(): Promise<void> {
    this.releasing ??= this.leave(() => markReleased(join(this.place, this.spec.file), this.record))
    return this.releasing
  }

  discard(): Promise<void> {
    this.releasing ??= this.leave(() => this.removeFiles())
    return this.releasing
  }

  /** Releases everything that this process has of the directory, whatever has become of it and whatever fails. */
  private async leave(lastAct: () => void): Promise<void> {
    try {
      if (holdState(this.spec) === 'held') lastAct()
      else letGo().add(this.record.nonce)
    } catch (error) {
      letGo().add(this.record.nonce)
      throw error
    } finally {
      this.end()
    }
  }

  /** Removes the files of the lock, our own generation last: until then nobody else gets in. */
  private removeFiles(): void {
    for (const name of [LOCK_FILE_NAME, this.spec.file]) fs.rmSync(join(this.place, name), { force: true })
  }
}
