/**
 * What: runs a sequence of calls on a database, or on a map that is the definition; each call has one answer as text.
 * Whatever the settings, the answers must be the same.
 */
import { crc32, VarveError } from '../../../src/base/index.js'
import type { RangeOptions, Snapshot, Varve, VarveOptions } from '../../../src/index.js'
import { Place } from '../databases/databases.js'
import type { Platform } from '../databases/databases.js'
import { PassingClock, PASSING_START_MS } from '../fakes/passing-clock.js'
import { endOf, EXPECTED_END, GatedSource } from './gated-source.js'
import type { StreamPlan } from './gated-source.js'
import { toBatch } from './metamorphic-ops.js'
import type { Change, Form, Operation } from './metamorphic-ops.js'
import { MapModel } from './range-model.js'

export interface Configuration {
  name: string
  platform: Platform
  options: VarveOptions
  /** False leaves a reopen in the sequence out. */
  reopens: boolean
  /** What `compaction` is at each open, by turns; by default as the options say. */
  styles?: readonly NonNullable<VarveOptions['compaction']>[]
}

const NOTHING = ''

interface Subject {
  answer(operation: Operation): Promise<string>
}

/** Gives one answer for each call; a failure of a call is an answer too. */
async function answersOf(subject: Subject, operations: readonly Operation[]): Promise<string[]> {
  const answers: string[] = []
  for (const operation of operations) {
    try {
      answers.push(await subject.answer(operation))
    } catch (error) {
      answers.push(`error: ${VarveError.is(error) ? error.code : String((error as Error).stack)}`)
    }
  }
  return answers
}

/** Runs the sequence on a new database, and closes it. */
export async function runOnDatabase(
  { platform, options, reopens, styles }: Configuration, operations: readonly Operation[],
): Promise<string[]> {
  const place = new Place(platform)
  const subject = new DatabaseSubject(place, options, { reopens, styles: styles ?? [options.compaction ?? {}] })
  await subject.open()
  try {
    const answers = await answersOf(subject, operations)
    await subject.settle()
    return answers
  } finally {
    await place.close()
  }
}

export function runOnModel(operations: readonly Operation[]): Promise<string[]> {
  return answersOf(new ModelSubject(), operations)
}

const entryText = (key: Uint8Array, value: Uint8Array): string => `${keyText(key)}=${valueText(value)}`
const keyText = (key: Uint8Array): string => Buffer.from(key).toString('latin1')
const valueText = (value: Uint8Array): string => `${value.length}:${crc32(value, 0, value.length)}`

class DatabaseSubject implements Subject {
  private readonly place: Place
  private readonly options: VarveOptions
  private readonly reopens: boolean
  private readonly styles: readonly NonNullable<VarveOptions['compaction']>[]
  private openCount = 0
  private db!: Varve
  private pending: Promise<void>[] = []
  private readonly snapshots = new Map<number, Snapshot>()
  private readonly iterations = new Map<number, IterableIterator<[Uint8Array, Uint8Array]>>()
  private readonly clock = new PassingClock()

  private readonly streams = new Map<number, { source: GatedSource; ended: Promise<string> }>()

  constructor(
    place: Place, options: VarveOptions, { reopens, styles }: Required<Pick<Configuration, 'reopens' | 'styles'>>,
  ) {
    this.place = place
    this.options = options
    this.reopens = reopens
    this.styles = styles
  }

  async open(): Promise<void> {
    const compaction = this.styles[this.openCount++ % this.styles.length]!
    this.db = await this.place.open({ ...this.options, compaction, components: { clock: this.clock } })
  }

  async answer(operation: Operation): Promise<string> {
    if (operation.do === 'write') return this.write(operation)
    await this.settle()
    const { db } = this
    switch (operation.do) {
      case 'get': return this.get(operation.form, operation.keys, this.seen(operation.snapshot))
      case 'range': return this.range(operation.form, { ...operation.range, ...this.seen(operation.snapshot) })
      case 'touch': return this.touch(operation)
      case 'pass': this.clock.pass(operation.ms); break
      case 'stream': this.stream(operation); break
      case 'endStreams': return this.endStreams(operation.ids)
      case 'clear': await db.clear(operation.range); break
      case 'compact': await db.compact(operation.range); break
      case 'flush': await db.flush(); break
      case 'sync': await db.sync(); break
      case 'position': return db.position === null ? NOTHING : keyText(db.position)
      case 'reopen': await this.reopen(); break
      default: return this.held(operation)
    }
    return NOTHING
  }

  /** Waits for what is under way, which is not a part of what is compared. */
  async settle(): Promise<void> {
    await Promise.all(this.pending.splice(0))
  }

  private async write({ form, changes, sync, position }: Operation & { do: 'write' }): Promise<string> {
    const { db } = this
    const options = position === null ? { sync } : { sync, position }
    const [first] = changes
    if (changes.length !== 1 || position !== null) {
      if (form === 'sync') db.batchSync(toBatch(changes), options)
      else this.pending.push(db.batch(toBatch(changes), options))
    } else if (form === 'sync') this.writeOneSync(first!, sync)
    else this.pending.push(this.writeOne(first!, sync))
    if (form === 'awaited') await this.settle()
    return NOTHING
  }

  private writeOne(change: Change, sync: boolean): Promise<void> {
    if ('range' in change) return this.db.delRange(change.range, { sync })
    const { key, value, ttl } = change
    return value === null ? this.db.del(key, { sync }) : this.db.put(key, value, { sync, ttl })
  }

  private writeOneSync(change: Change, sync: boolean): void {
    if ('range' in change) return this.db.delRangeSync(change.range, { sync })
    const { key, value, ttl } = change
    if (value === null) this.db.delSync(key, { sync })
    else this.db.putSync(key, value, { sync, ttl })
  }

  /** Gives the snapshot to read at. One that a shorter sequence does not open any more is the present. */
  private seen(id: number | null): { snapshot?: Snapshot } {
    const snapshot = id === null ? undefined : this.snapshots.get(id)
    return snapshot === undefined ? {} : { snapshot }
  }

  private async touch({ form, key, ttl }: Operation & { do: 'touch' }): Promise<string> {
    return String(form === 'sync' ? this.db.touchSync(key, { ttl }) : await this.db.touch(key, { ttl }))
  }

  private stream({ id, key, sync, ttl, plan }: Operation & { do: 'stream' }): void {
    const source = new GatedSource(plan)
    const ended = this.db.putStream(key, source, { sync, ttl, ...source.options }).then(() => 'stored', endOf)
    this.streams.set(id, { source, ended })
  }

  private async endStreams(ids: readonly number[]): Promise<string> {
    const ending = ids.flatMap((id) => this.streams.get(id) ?? [])
    for (const id of ids) this.streams.delete(id)
    for (const { source } of ending) source.release()
    return (await Promise.all(ending.map(({ ended }) => ended))).join()
  }

  private async valuesOf(
    form: Form | 'streamed', keys: readonly Uint8Array[], options: { snapshot?: Snapshot },
  ): Promise<(Uint8Array | undefined)[]> {
    const { db } = this
    if (form === 'pending') return db.getMany(keys, options)
    if (form === 'streamed') return Promise.all(keys.map((key) => valueByStream(db, key, options)))
    return Promise.all(keys.map((key) => (form === 'sync' ? db.getSync(key, options) : db.get(key, options))))
  }

  private async get(
    form: Form | 'streamed' | 'entry', keys: readonly Uint8Array[], options: { snapshot?: Snapshot },
  ): Promise<string> {
    const { db } = this
    if (form === 'entry') {
      return keys.map((key) => {
        const entry = db.entrySync(key, options)
        return entry === undefined ? '-' : `${valueText(entry.value)} until ${entry.expiresAt}`
      }).join()
    }
    const values = await this.valuesOf(form, keys, options)
    for (const [i, key] of keys.entries()) {
      if (db.hasSync(key, options) !== (values[i] !== undefined)) return `has differs from get at ${keyText(key)}`
    }
    return values.map((value) => (value === undefined ? '-' : valueText(value))).join()
  }

  private async range(form: string, options: RangeOptions): Promise<string> {
    const { db } = this
    if (form === 'keys') return [...db.keysSync(options)].map(keyText).join()
    if (form === 'values') return [...db.valuesSync(options)].map(valueText).join()
    const entries: string[] = []
    if (form === 'entries') for (const [key, value] of db.entriesSync(options)) entries.push(entryText(key, value))
    else for await (const [key, value] of db.entries(options)) entries.push(entryText(key, value))
    return entries.join()
  }

  private held(operation: Operation & { id: number }): string {
    const { db, iterations, snapshots } = this
    const { id } = operation
    if (operation.do === 'snapshot') snapshots.set(id, db.snapshot())
    else if (operation.do === 'release') {
      snapshots.get(id)?.release()
      snapshots.delete(id)
    } else if (operation.do === 'iterate') {
      iterations.set(id, db.entriesSync({ ...operation.range, ...this.seen(operation.snapshot) }))
    } else if (operation.do === 'endIteration') {
      iterations.get(id)?.return?.()
      iterations.delete(id)
    } else if (operation.do === 'next') return this.next(id, operation.count)
    return NOTHING
  }

  private next(id: number, count: number): string {
    const iteration = this.iterations.get(id)
    const entries: string[] = []
    while (iteration !== undefined && entries.length < count) {
      const turn = iteration.next()
      if (turn.done === true) break
      entries.push(entryText(...turn.value))
    }
    return entries.join()
  }

  private async reopen(): Promise<void> {
    if (!this.reopens || this.snapshots.size + this.iterations.size + this.streams.size > 0) return
    await this.db.close()
    await this.open()
  }
}

async function valueByStream(
  db: Varve, key: Uint8Array, options: { snapshot?: Snapshot },
): Promise<Uint8Array | undefined> {
  const stream = await db.getStream(key, options)
  if (stream === undefined) return undefined
  const pieces: Uint8Array[] = []
  for await (const piece of stream) pieces.push(piece)
  return Buffer.concat(pieces)
}

/** The definition of the answers. */
class ModelSubject implements Subject {
  private readonly now = new MapModel()
  private lastPosition = NOTHING
  private readonly snapshots = new Map<number, MapModel>()
  /** The entries that each iterator still has to give. */
  private readonly iterations = new Map<number, string[]>()
  private readonly streams = new Map<number, { key: Uint8Array; plan: StreamPlan; expiryMs: number | null }>()

  constructor() {
    this.now.timeMs = PASSING_START_MS
  }

  async answer(operation: Operation): Promise<string> {
    switch (operation.do) {
      case 'write': return this.write(operation.changes, operation.position)
      case 'get': return this.get(operation.form, operation.keys, this.seen(operation.snapshot))
      case 'touch': return String(this.now.touch(operation.key, operation.ttl))
      case 'pass': this.now.timeMs += operation.ms; break
      case 'range': return this.range(operation.form, this.seen(operation.snapshot).range(operation.range))
      case 'clear': return this.clear(operation.range)
      case 'stream': this.stream(operation); break
      case 'endStreams': return this.endStreams(operation.ids)
      case 'position': return this.lastPosition
      case 'snapshot': this.snapshots.set(operation.id, new MapModel(this.now)); break
      case 'release': this.snapshots.delete(operation.id); break
      case 'iterate': this.iterations.set(operation.id, this.seen(operation.snapshot).range(operation.range)); break
      case 'endIteration': this.iterations.delete(operation.id); break
      case 'next': return (this.iterations.get(operation.id) ?? []).splice(0, operation.count).map(entryOf).join()
      default: // nobody sees it
    }
    return NOTHING
  }

  private write(changes: readonly Change[], position: Uint8Array | null): string {
    for (const change of changes) {
      if ('range' in change) this.now.delRange(change.range)
      else if (change.value === null) this.now.del(change.key)
      else this.now.put(change.key, change.value, change.ttl)
    }
    if (position !== null) this.lastPosition = keyText(position)
    return NOTHING
  }

  /** A lifetime counts from the call on. */
  private stream({ id, key, plan, ttl }: Operation & { do: 'stream' }): void {
    this.streams.set(id, { key, plan, expiryMs: ttl === null ? null : this.now.timeMs + ttl })
  }

  /** What is stored is there from the end on, whatever was written while it came. */
  private endStreams(ids: readonly number[]): string {
    return ids.flatMap((id) => {
      const stream = this.streams.get(id)
      if (stream === undefined) return []
      this.streams.delete(id)
      const { key, plan: { value, end }, expiryMs } = stream
      if (end === 'stored') this.now.put(key, value, expiryMs === null ? null : expiryMs - this.now.timeMs)
      return EXPECTED_END[end]
    }).join()
  }

  private seen(id: number | null): MapModel {
    return (id === null ? undefined : this.snapshots.get(id)) ?? this.now
  }

  private get(form: string, keys: readonly Uint8Array[], model: MapModel): string {
    return keys.map((key) => {
      const value = model.get(key)
      if (value === undefined) return '-'
      const text = valueText(Buffer.from(value, 'latin1'))
      return form === 'entry' ? `${text} until ${model.expiryOf(key)}` : text
    }).join()
  }

  private range(form: string, pairs: readonly string[]): string {
    return pairs.map(entryOf).map((entry) => {
      const at = entry.lastIndexOf('=')
      return form === 'keys' ? entry.slice(0, at) : form === 'values' ? entry.slice(at + 1) : entry
    }).join()
  }

  private clear(range: RangeOptions): string {
    for (const pair of this.now.range(range)) this.now.del(Buffer.from(pair.slice(0, pair.indexOf('=')), 'latin1'))
    return NOTHING
  }
}

/** Gives the model's `key=value`, with the value as an answer has it. No key has an equals sign. */
function entryOf(pair: string): string {
  const at = pair.indexOf('=')
  return `${pair.slice(0, at)}=${valueText(Buffer.from(pair.slice(at + 1), 'latin1'))}`
}
