/**
 * What: a program that uses a database on a simulated machine and tells the oracle of every call and every answer. The
 * machine may be killed or lose power in between; then it goes on with the next one.
 */
import { SeededRandom, VarveError } from '../../../src/base/index.js'
import { Varve } from '../../../src/index.js'
import type { BatchOp, EngineEvent, Snapshot, VarveOptions } from '../../../src/index.js'
import type { ExecutorFactory } from '../../../src/exec/index.js'
import { simExecutor, SimVfs } from '../../../src/testing.js'
import type { SimOptions, SurvivalPolicy } from '../../../src/testing.js'
import type { Vfs } from '../../../src/vfs/index.js'
import { matchSeen, readState } from '../crash/crash-read.js'
import { keyBytes, makeValue } from '../crash/crash-values.js'
import { piecesOf } from './gated-source.js'
import { Oracle } from './oracle.js'
import type { Batch, Expectation, Loss, Operation } from './oracle.js'
import { steppingClock } from '../fakes/stepping-clock.js'

export const DIR = '/db'

export type Settings = Omit<VarveOptions, 'components'>

/** Small settings, so that everything happens soon. */
const SETTINGS: Settings = {
  workers: 0, writeBufferSize: 64 * 1024, blockCacheSize: 64 * 1024, compaction: { style: 'none' },
}

/** A few times as long as the quiet after which more is merged, and as fast mode waits. */
const REST_MS = 5000

export interface OpenOptions {
  settings?: Settings
  seed?: number
  /** The file system that the database gets in place of the machine's own. */
  wrap?: (vfs: Vfs) => Vfs
  onEvent?: (event: EngineEvent) => void
  /** True interleaves background work as threads do, in an order that the seed decides. */
  hasThreads?: boolean
  /** An executor in place of either way of running background work. */
  executor?: ExecutorFactory
}

export function openOn(
  vfs: SimVfs, { settings, seed = 1, wrap, onEvent, hasThreads = false, executor }: OpenOptions = {},
): Promise<Varve> {
  const jobs = executor ?? (hasThreads ? simExecutor({ seed }) : null)
  const components = {
    vfs: wrap === undefined ? vfs : wrap(vfs),
    clock: steppingClock(vfs.clock),
    random: new SeededRandom(seed, 'engine'),
    ...(onEvent === undefined ? {} : { onEvent }),
    ...(jobs === null ? {} : { executor: jobs }),
  }
  return Varve.open(DIR, { ...SETTINGS, ...settings, components })
}

/** Resolves when nothing is under way; where tables are merged, when that wants nothing more and all is durable. */
export async function atRest(vfs: SimVfs, settings: Settings = {}): Promise<void> {
  await vfs.settled()
  if ((settings.compaction?.style ?? 'none') === 'none') return
  await vfs.clock.advance(REST_MS)
  await vfs.settled()
}

export interface WorkloadOptions extends OpenOptions {
  seed: number
  sim?: SimOptions
  /** Called with every machine before the database is opened on it. */
  onMachine?: (vfs: SimVfs, workload: Workload) => void
  /** True tells the oracle of failed writes and goes on; without it, they end the test. */
  toleratesErrors?: boolean
}

/** A crash inside an open: the machine dies after this many changes of its disk, or when it is open. */
export interface CrashInOpen {
  effect: number
  policy: SurvivalPolicy | 'kill'
}

export interface WriteSpec {
  sync?: boolean
  position?: string
  /** How long the value of a put or touch lives. */
  ttl?: number | null
}

/** A streamed put whose source ends now; `id` was reserved for it. */
export interface EndingStream {
  id: number
  operation: Operation
  spec: WriteSpec
}

const STREAM_PIECE_BYTES = 90_000

export class Workload {
  readonly oracle = new Oracle()
  readonly random: SeededRandom
  readonly options: WorkloadOptions
  vfs: SimVfs
  /** The open database; null until opened and after a close. */
  private database: Varve | null = null
  /** The states that a database may show while it is being opened again. */
  private reopening: { power: Expectation; process: Expectation } | null = null
  /** Codes of failed calls, in order. */
  readonly errors: string[] = []
  /** Settings of the next open. */
  settings: Settings
  /** The crash that happens in the next open that follows a crash. */
  crashInOpen: CrashInOpen | null = null
  private restarts = 0

  constructor(options: WorkloadOptions) {
    this.options = options
    this.random = new SeededRandom(options.seed, 'workload')
    this.settings = options.settings ?? {}
    this.vfs = new SimVfs({ seed: options.seed, ...options.sim })
    options.onMachine?.(this.vfs, this)
  }

  get db(): Varve {
    if (this.database === null) throw new Error('the workload has no open database')
    return this.database
  }

  /** The time of the machine. */
  get wallMs(): number {
    return this.vfs.clock.wallMs()
  }

  get isOpen(): boolean {
    return this.database !== null
  }

  /** Gives what may be found after a crash now. */
  expect(loss: Loss): Expectation {
    return this.reopening?.[loss] ?? this.oracle.expect(loss)
  }

  // ── Life ────────────────────────────────────────────────────────────────────────────────────────

  async open(): Promise<void> {
    const { options, settings } = this
    this.database = await openOn(this.vfs, { ...options, settings, seed: options.seed + this.restarts })
  }

  async close(): Promise<void> {
    const { db } = this
    const last = this.oracle.lastAcked
    await this.alive(() => db.close(), () => this.oracle.noteDurable(last))
    this.database = null
  }

  /** Opens again after a close: the same state must be there. */
  async reopen(): Promise<void> {
    await this.goOn(this.oracle.expect('process'), this.oracle.expect('power'))
  }

  /** Kills the process and starts it again; after a failed sync what was not synced may be gone too. */
  async killed(loss: Loss = 'process'): Promise<void> {
    const [process, power] = [this.oracle.expect(loss), this.oracle.expect('power')]
    this.move(this.vfs.kill(this.options.seed + 1000 + this.restarts))
    await this.goOn(process, power)
  }

  /** Cuts the machine's power and starts it again. */
  async lostPower(policy: SurvivalPolicy): Promise<void> {
    const power = this.oracle.expect('power')
    this.move(this.vfs.crash(policy, this.options.seed + 2000 + this.restarts))
    await this.goOn(power, power)
  }

  private move(vfs: SimVfs): void {
    this.restarts++
    this.database = null
    this.vfs = vfs
    this.options.onMachine?.(vfs, this)
  }

  private async goOn(process: Expectation, power: Expectation): Promise<void> {
    let expected = process
    this.reopening = { power, process }
    if (this.crashInOpen !== null && (await this.openAndCrash(this.crashInOpen))) expected = power
    await this.open()
    const count = matchSeen(this.db, this.oracle, this.wallMs, expected)
    this.oracle.settle(expected.batches, count)
    this.reopening = null
  }

  /** True when power was lost, false when the process was killed. */
  private async openAndCrash({ effect, policy }: CrashInOpen): Promise<boolean> {
    this.crashInOpen = null
    const { vfs } = this
    let next: SimVfs | null = null
    vfs.onEffect = (index) => {
      if (index === effect) next = policy === 'kill' ? vfs.cloneKilled(effect) : vfs.clone(policy, effect)
    }
    await this.open()
    vfs.onEffect = null
    const killed = vfs.kill(effect)
    this.move(next ?? killed)
    return next !== null && policy !== 'kill'
  }

  // ── Writes ──────────────────────────────────────────────────────────────────────────────────────

  async put(key: string, length: number, spec: WriteSpec = {}): Promise<void> {
    const batch = this.begin([{ key, length, ...ttlOf(spec) }])
    await this.awaited(batch, spec, () => this.db.put(keyBytes(key), valueOf(batch, 0)!, flags(spec)))
  }

  /** Puts a value that comes in pieces; await it before the next write, which would be older otherwise. */
  async putStream(key: string, length: number, spec: WriteSpec = {}): Promise<void> {
    const batch = this.begin([{ key, length, ...ttlOf(spec) }])
    const source = piecesOf(valueOf(batch, 0)!, STREAM_PIECE_BYTES)
    await this.awaited(batch, spec, () => this.db.putStream(keyBytes(key), source, flags(spec)))
  }

  /** Waits for a streamed put whose source ends now. Await it before the next write. */
  async awaitStreamed({ id, operation, spec }: EndingStream, ended: () => Promise<void>): Promise<void> {
    await this.awaited(this.oracle.begin([operation], null, id), spec, ended)
  }

  /** Gives the value that is there another expiry. */
  async touch(key: string, spec: WriteSpec): Promise<void> {
    const batch = this.beginTouch(key, spec)
    let isThere = false
    const touched = async () => void (isThere = await this.db.touch(keyBytes(key), flags(spec)))
    await this.alive(touched, () => this.oracle.ack(batch, isThere && spec.sync === true), batch)
  }

  touchSync(key: string, spec: WriteSpec): void {
    const batch = this.beginTouch(key, spec)
    this.blocking(batch, {}, () => void this.db.touchSync(keyBytes(key), flags(spec)))
  }

  private beginTouch(key: string, spec: WriteSpec): Batch {
    return this.begin([{ key, length: null, touchedMs: this.wallMs, ...ttlOf(spec) }])
  }

  /** Begins a batch whose values expire as the calls or the settings say. */
  private begin(operations: readonly Operation[], position: string | null = null): Batch {
    return this.oracle.begin(operations.map((each) => this.expiring(each)), position)
  }

  /** Fills in when the value of an operation that is called now expires. */
  expiring(operation: Operation): Operation {
    const { ttl = this.settings.ttl ?? null, length, touchedMs } = operation
    const isGiven = ttl !== null && (length !== null || touchedMs !== undefined)
    return isGiven ? { ...operation, expiryMs: this.wallMs + ttl } : operation
  }

  async del(key: string, spec: WriteSpec = {}): Promise<void> {
    const batch = this.oracle.begin([{ key, length: null }])
    await this.awaited(batch, spec, () => this.db.del(keyBytes(key), flags(spec)))
  }

  async delRange(key: string, until: string | null, spec: WriteSpec = {}): Promise<void> {
    const batch = this.oracle.begin([{ key, length: null, until }])
    await this.awaited(batch, spec, () => this.db.delRange(boundsOf(key, until), flags(spec)))
  }

  delRangeSync(key: string, until: string | null, spec: WriteSpec = {}): void {
    const batch = this.oracle.begin([{ key, length: null, until }])
    this.blocking(batch, spec, () => this.db.delRangeSync(boundsOf(key, until), flags(spec)))
  }

  async batch(operations: Operation[], spec: WriteSpec = {}): Promise<void> {
    const batch = this.begin(operations, spec.position ?? null)
    await this.awaited(batch, spec, () => this.db.batch(toOps(batch), flags(spec)))
  }

  putSync(key: string, length: number, spec: WriteSpec = {}): void {
    const batch = this.begin([{ key, length, ...ttlOf(spec) }])
    this.blocking(batch, spec, () => this.db.putSync(keyBytes(key), valueOf(batch, 0)!, flags(spec)))
  }

  delSync(key: string, spec: WriteSpec = {}): void {
    const batch = this.oracle.begin([{ key, length: null }])
    this.blocking(batch, spec, () => this.db.delSync(keyBytes(key), flags(spec)))
  }

  batchSync(operations: Operation[], spec: WriteSpec = {}): void {
    const batch = this.begin(operations, spec.position ?? null)
    this.blocking(batch, spec, () => this.db.batchSync(toOps(batch), flags(spec)))
  }

  async sync(): Promise<void> {
    await this.covering(() => this.db.sync())
  }

  async flush(): Promise<void> {
    await this.covering(() => this.db.flush())
  }

  async compact(): Promise<void> {
    await this.covering(() => this.db.compact())
  }

  async collectGarbage(ratio: number): Promise<void> {
    await this.covering(async () => void (await this.db.collectGarbage({ ratio })))
  }

  private async covering(call: () => Promise<void>): Promise<void> {
    const last = this.oracle.lastAcked
    await this.alive(call, () => this.oracle.noteDurable(last))
  }

  private async awaited(batch: Batch, { sync }: WriteSpec, call: () => Promise<void>): Promise<void> {
    await this.alive(call, () => this.oracle.ack(batch, sync === true), batch)
  }

  /** Records what a call answers only if the process that made it lives. */
  private async alive(call: () => Promise<void>, then: () => void, batch: Batch | null = null): Promise<void> {
    const { vfs } = this
    try {
      await call()
      if (vfs === this.vfs) then()
    } catch (error) {
      if (vfs === this.vfs) this.fail(error, batch)
    }
  }

  private blocking(batch: Batch, { sync }: WriteSpec, call: () => void): void {
    try {
      call()
      this.oracle.ack(batch, sync === true)
    } catch (error) {
      this.fail(error, batch)
    }
  }

  private fail(error: unknown, batch: Batch | null): void {
    if (!VarveError.is(error) || this.options.toleratesErrors !== true) throw error
    this.errors.push(error.code)
    if (batch !== null) this.oracle.reject(batch, error.code)
  }

  // ── Reads ───────────────────────────────────────────────────────────────────────────────────────

  /** Checks that everything acknowledged is visible now, in every way of reading. */
  checkReads(): void {
    matchSeen(this.db, this.oracle, this.wallMs, this.oracle.expect('process'))
  }

  /** Takes a snapshot, and gives a function that checks that it still shows what it showed first. */
  snapshot(): { snapshot: Snapshot; check: () => void } {
    const snapshot = this.db.snapshot()
    const first = readState(this.db, this.oracle.keys, this.wallMs, snapshot)
    const check = () => {
      const now = readState(this.db, this.oracle.keys, this.wallMs, snapshot)
      for (const key of this.oracle.keys) {
        if (now.entries.get(key) !== first.entries.get(key)) throw new Error(`snapshot changed at ${key}`)
      }
    }
    return { snapshot, check }
  }
}

export function valueOf(batch: Batch, operation: number): Uint8Array | null {
  const { key, length } = batch.operations[operation]!
  return length === null ? null : makeValue({ key, batch: batch.id, operation }, length)
}

function boundsOf(key: string, until: string | null): { gte: Uint8Array; lt?: Uint8Array } {
  return { gte: keyBytes(key), ...(until === null ? {} : { lt: keyBytes(until) }) }
}

export function toOps(batch: Batch): BatchOp[] {
  return batch.operations.map(({ key, until, ttl }, i): BatchOp => {
    if (until !== undefined) return { type: 'delRange', ...boundsOf(key, until) }
    const value = valueOf(batch, i)
    if (value === null) return { type: 'del', key: keyBytes(key) }
    return { type: 'put', key: keyBytes(key), value, ...ttlOf({ ttl }) }
  })
}

function ttlOf({ ttl }: { ttl?: number | null | undefined }): { ttl?: number | null } {
  return ttl === undefined ? {} : { ttl }
}

interface Flags {
  sync?: boolean
  position?: Uint8Array
  ttl?: number | null
}

function flags({ sync, position, ttl }: WriteSpec): Flags {
  return {
    ...ttlOf({ ttl }),
    ...(sync === undefined ? {} : { sync }),
    ...(position === undefined ? {} : { position: keyBytes(position) }),
  }
}
