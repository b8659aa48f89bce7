/**
 * What: makes a database measure and trace itself with OpenTelemetry: the caller's meter and tracer, the names of the
 * semantic conventions for databases where there are some. No attribute has a key or a value.
 * Thread: main.
 */
import { instrumentsOf, OPEN_DATABASE_HINT, readersOf } from '../api/index.js'
import type { Varve } from '../api/index.js'
import { callContained, checkFlag, invalidArgument, systemClock, takeOptions, VarveError } from '../base/index.js'
import { listenToJobs } from '../stats/index.js'
import type { EngineEvent, SampledLatency } from '../stats/index.js'
import { observeMetrics } from './observed-metrics.js'
import type { OtelAttributes, OtelHistogram, OtelMeter, OtelTracer } from './meter-and-tracer.js'

/** Options of `instrument`. */
export interface InstrumentOptions {
  /** Gets the metrics; without it there are none. */
  meter?: OtelMeter | undefined
  /** Gets spans of flushes, compactions, long calls and slow ones; without it there are none. */
  tracer?: OtelTracer | undefined
  /** What the database is called in attributes, `db.namespace`; default its directory. */
  name?: string | undefined
  /**
   * Gets, steps and groups of writes that took at least so many milliseconds get a span, after the fact; default
   * Infinity, none.
   */
  slowMs?: number | undefined
  /**
   * Measures every get, step and group of writes, which takes two looks at the clock each; by default one of 64, 256
   * and 16. It counts for `stats().latency` too, and until all is taken back.
   */
  everyCall?: boolean | undefined
}

/** Options of `instrumentTools`. */
export interface InstrumentToolsOptions {
  /** Gets the durations of the calls; without it none are measured. */
  meter?: OtelMeter | undefined
  /** Gets a span of each call; without it there are none. */
  tracer?: OtelTracer | undefined
  /** Says what a directory is called in attributes, `db.namespace`; default the directory as it was given. */
  name?: ((location: string) => string) | undefined
}

const NAMES = ['meter', 'tracer', 'name', 'slowMs', 'everyCall']
const TOOL_NAMES = ['meter', 'tracer', 'name']
/** A read from memory takes a microsecond, so the conventions' own bounds would begin too late. */
const BOUNDS = [1e-6, 2.5e-6, 5e-6, 1e-5, 5e-5, 1e-4, 5e-4, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10]

/**
 * Tells a meter and a tracer of OpenTelemetry about the database, until the function is called that this gives. Throws
 * INVALID_ARGUMENT. What the meter or tracer throws harms nobody.
 */
export function instrument(db: Varve, options: InstrumentOptions): () => void {
  const isDatabase = typeof db === 'object' && (db as Varve | null) !== null && readersOf(db).view !== undefined
  if (!isDatabase) throw invalidArgument('the first argument must be an open database', OPEN_DATABASE_HINT)
  const given = checkOptions(options)
  const base: OtelAttributes = { 'db.system.name': 'varve', 'db.namespace': given.name ?? db.location }
  const { get, step, commit, subscribe, clock } = instrumentsOf(db)
  const told = new Telling(given, base, () => clock.wallMs())
  const ends: (() => void)[] = []
  const end = (): void => {
    for (const each of ends.splice(0)) each()
  }
  for (const [operation, calls] of [['get', get], ['next', step], ['commit', commit]] as const) {
    if (calls !== null) ends.push(hear(calls, given.everyCall, (ms, error) => told.call(operation, ms, error)))
  }
  ends.push(subscribe((event) => told.event(event)))
  const endJobs = listenToJobs(({ subject, op, durationMs, error }) => {
    if (subject !== db) return
    // Nothing comes after it, and the process must not keep databases that are closed.
    if (op === 'close') endJobs()
    told.job(op, durationMs, error)
  })
  ends.push(endJobs)
  const namespace = { 'db.namespace': base['db.namespace']! }
  try {
    if (given.meter !== null) ends.push(observeMetrics(given.meter, () => db.stats(), namespace))
  } catch (error) {
    end() // Nobody would get the function that does.
    throw error
  }
  return end
}

/**
 * Tells a meter and a tracer of OpenTelemetry about the calls of the class that are about a directory, in the whole
 * process: `Varve.open`, `verify`, `repair`, `restore`, `import` and the like; until the function is called that this
 * gives. Throws INVALID_ARGUMENT. What the meter, the tracer or `name` throws harms nobody.
 */
export function instrumentTools(options: InstrumentToolsOptions): () => void {
  const { meter, tracer, name } = takeOptions('instrumentTools', TOOL_NAMES, options, (given) => {
    const { meter, tracer, name } = given
    return { meter, tracer, name }
  })
  const given = { ...checkTargets('instrumentTools', meter, tracer), slowMs: Infinity }
  if (name !== undefined && typeof name !== 'function') throw invalidArgument('option name must be a function')
  const told = new Telling(given, { 'db.system.name': 'varve' }, () => systemClock.wallMs())
  return listenToJobs(({ subject, db, op, durationMs, error }) => {
    if (typeof subject === 'string') told.job(op, durationMs, error, { 'db.namespace': name?.(db) ?? db })
  })
}

/** Listens to measured calls, and gives the function that ends it. */
function hear(calls: SampledLatency, all: boolean, listener: (ms: number, error: unknown) => void): () => void {
  const contained = (ms: number, error: unknown): void => callContained(() => listener(ms, error), () => undefined)
  return calls.listen(contained, all)
}

type Told = Pick<ReturnType<typeof checkOptions>, 'meter' | 'tracer' | 'slowMs'>

/** What meter and tracer are told. */
class Telling {
  private readonly tracer: OtelTracer | null
  private readonly slowMs: number
  private readonly base: OtelAttributes
  private readonly wallMs: () => number
  private readonly calls: OtelHistogram | null
  private readonly background: Record<'flush' | 'compaction' | 'wal.sync', OtelHistogram> | null
  /** When the memtables that are being flushed were full, on the wall clock. */
  private readonly flushes = new Map<number, number>()
  /** When the compactions that are running began, on the wall clock. */
  private readonly compactions = new Map<number, number>()

  constructor({ meter, tracer, slowMs }: Told, base: OtelAttributes, wallMs: () => number) {
    this.tracer = tracer
    this.slowMs = slowMs
    this.base = base
    this.wallMs = wallMs
    const histogram = (name: string, description: string): OtelHistogram => meter!.createHistogram(name, {
      description, unit: 's', advice: { explicitBucketBoundaries: BOUNDS },
    })
    this.calls = meter === null ? null : histogram('db.client.operation.duration', 'Duration of measured calls.')
    this.background = meter === null ? null : {
      flush: histogram('varve.flush.duration', 'From a full memtable to its table.'),
      compaction: histogram('varve.compaction.duration', 'Whole compactions.'),
      'wal.sync': histogram('varve.wal.sync.duration', 'Syncs of logs.'),
    }
  }

  /** A call was measured. */
  call(operation: string, durationMs: number, error: unknown): void {
    const attributes: OtelAttributes = { ...this.base, 'db.operation.name': operation }
    if (error !== undefined) attributes['error.type'] = errorType(error)
    this.calls?.record(durationMs / 1000, attributes)
    if (durationMs >= this.slowMs) this.span(operation, durationMs, attributes, error)
  }

  /** A long call has settled. */
  job(operation: string, durationMs: number, error: unknown, own: OtelAttributes = {}): void {
    const attributes: OtelAttributes = { ...this.base, ...own, 'db.operation.name': operation }
    if (error !== undefined) attributes['error.type'] = errorType(error)
    this.calls?.record(durationMs / 1000, attributes)
    this.span(operation, durationMs, attributes, error)
  }

  event(event: EngineEvent): void {
    switch (event.type) {
      case 'syncDone':
        return this.background?.['wal.sync'].record(event.durationMs / 1000, this.base)
      case 'flushStage':
        if (event.stage === 'queued') this.flushes.set(event.id, this.wallMs())
        else if (event.stage === 'released') this.flushed(event.id, undefined)
        return
      case 'flushFailed':
        if (!event.willRetry) this.flushed(event.id, event.error)
        return
      case 'compactionBegin':
        return void this.compactions.set(event.id, this.wallMs())
      case 'compactionFailed': {
        const startMs = this.compactions.get(event.id)
        this.compactions.delete(event.id)
        if (startMs === undefined) return
        return this.span('compaction', Math.max(0, this.wallMs() - startMs), this.base, event.error)
      }
      case 'compactionEnd': {
        const { id, durationMs, outputBytes } = event
        this.compactions.delete(id)
        this.background?.compaction.record(durationMs / 1000, this.base)
        return this.span('compaction', durationMs, { ...this.base, 'varve.output_bytes': outputBytes }, undefined)
      }
      default:
    }
  }

  private flushed(id: number, error: unknown): void {
    const startMs = this.flushes.get(id)
    this.flushes.delete(id)
    if (startMs === undefined) return
    const durationMs = Math.max(0, this.wallMs() - startMs)
    if (error === undefined) this.background?.flush.record(durationMs / 1000, this.base)
    this.span('flush', durationMs, this.base, error)
  }

  /** Makes a span of something that has just ended. */
  private span(operation: string, durationMs: number, attributes: OtelAttributes, error: unknown): void {
    if (this.tracer === null) return
    const endTime = this.wallMs()
    const type = error === undefined ? {} : { 'error.type': errorType(error) }
    const span = this.tracer.startSpan(`varve ${operation}`, {
      kind: 0, startTime: endTime - durationMs, attributes: { ...attributes, 'db.operation.name': operation, ...type },
    })
    if (error !== undefined) span.setStatus({ code: 2, message: errorType(error) })
    span.end(endTime)
  }
}

/** The code of an error of Varve; what else fails has no name that is known in advance. */
function errorType(error: unknown): string {
  return VarveError.is(error) ? error.code : '_OTHER'
}

function checkOptions(options: InstrumentOptions) {
  const { meter, tracer, name, slowMs, everyCall } = takeOptions('instrument', NAMES, options, (given) => {
    const { meter, tracer, name, slowMs, everyCall } = given
    return { meter, tracer, name, slowMs, everyCall }
  })
  const targets = checkTargets('instrument', meter, tracer)
  if (name !== undefined && typeof name !== 'string') throw invalidArgument('option name must be a string')
  if (slowMs !== undefined && !(typeof slowMs === 'number' && slowMs >= 0)) {
    throw invalidArgument('option slowMs must be a number from 0')
  }
  return {
    ...targets, name, slowMs: slowMs ?? Infinity, everyCall: checkFlag(everyCall, 'everyCall') ?? false,
  }
}

function checkTargets(call: string, meter: OtelMeter | undefined, tracer: OtelTracer | undefined) {
  if (meter === undefined && tracer === undefined) throw invalidArgument(`${call} needs a meter, a tracer or both`)
  for (const [part, method] of [[meter, 'createHistogram'], [tracer, 'startSpan']] as const) {
    if (part !== undefined && typeof (part as unknown as Record<string, unknown> | null)?.[method] !== 'function') {
      throw invalidArgument(`${call} got something without ${method}`)
    }
  }
  return { meter: meter ?? null, tracer: tracer ?? null }
}
