/** A database under OpenTelemetry: with fakes that see every call, and with the real SDK. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { metrics, trace } from '@opentelemetry/api'
import {
  AggregationTemporality, InMemoryMetricExporter, MeterProvider, PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { formatPrometheus, Varve } from '../../src/index.js'
import { instrument, instrumentTools } from '../../src/otel.js'
import type { OtelMeter, OtelTracer } from '../../src/otel.js'
import { otelNameOf } from '../../src/otel/observed-metrics.js'
import { METRIC_FAMILIES } from '../../src/stats/index.js'
import { MemoryVfs } from '../../src/testing.js'
import { expectError } from '../support/harness/expect-error.js'
import { readPrometheus } from '../support/text/prometheus-text.js'

const open = (options = {}): Promise<Varve> => Varve.open('/db', { components: { vfs: new MemoryVfs() }, ...options })

type Attributes = Record<string, unknown>

/** A meter and a tracer that note what they are told. */
function fakes() {
  const recorded: { name: string; value: number; attributes: Attributes }[] = []
  const spans: { name: string; ms: number; attributes: Attributes; status: unknown }[] = []
  const callbacks = new Set<(observer: unknown) => void>()
  const meter = {
    createHistogram: (name: string) => ({
      record: (value: number, attributes: Attributes) => recorded.push({ name, value, attributes }),
    }),
    createObservableCounter: (name: string) => ({ name }),
    createObservableGauge: (name: string) => ({ name }),
    addBatchObservableCallback: (callback: () => void) => callbacks.add(callback),
    removeBatchObservableCallback: (callback: () => void) => callbacks.delete(callback),
  } as unknown as OtelMeter
  const tracer: OtelTracer = {
    startSpan(name, options) {
      const span = { name, ms: -1, attributes: options!.attributes!, status: null as unknown }
      spans.push(span)
      return {
        setStatus: (status) => (span.status = status),
        end: (endTime) => (span.ms = endTime! - options!.startTime!),
      }
    },
  }
  const observed = (): Map<string, number> => {
    const values = new Map<string, number>()
    const observe = ({ name }: { name: string }, value: number, attributes: Attributes): void => {
      const { 'db.namespace': _, ...own } = attributes
      values.set(`${name} ${JSON.stringify(own)}`, value)
    }
    for (const callback of callbacks) callback({ observe })
    return values
  }
  return { meter, tracer, recorded, spans, callbacks, observed }
}

test('measured calls, flushes, syncs and compactions are told, with the names of the conventions', async () => {
  const db = await open()
  const { meter, tracer, recorded, spans, callbacks } = fakes()
  const end = instrument(db, { meter, tracer, name: 'orders', everyCall: true, slowMs: 0 })
  await db.put('secret', 'v', { sync: true })
  await db.get('secret')
  for (const _ of db.keysSync()) break
  await db.flush()
  await db.put('secret', 'w')
  await db.flush()
  await db.compact()
  await new Promise((resolve) => setImmediate(resolve))
  const operations = new Set(recorded.map(({ name, attributes }) =>
    `${name} ${String(attributes['db.operation.name'])}`))
  for (const operation of ['get', 'next', 'commit']) {
    assert.ok(operations.has(`db.client.operation.duration ${operation}`), operation)
  }
  const names = new Set(recorded.map(({ name }) => name))
  for (const job of ['flush', 'compaction', 'wal.sync']) assert.ok(names.has(`varve.${job}.duration`), job)
  for (const { value, attributes } of recorded) {
    assert.ok(value >= 0 && value < 60, `${value} s`)
    assert.deepEqual([attributes['db.system.name'], attributes['db.namespace']], ['varve', 'orders'])
  }
  const spanNames = new Set(spans.map(({ name }) => name))
  for (const operation of ['get', 'commit', 'flush', 'compaction']) assert.ok(spanNames.has(`varve ${operation}`))
  assert.ok(spans.every(({ ms }) => ms >= 0))
  assert.ok(!JSON.stringify([recorded, spans]).includes('secret'))
  end()
  end()
  const count = recorded.length
  await db.put('k', 'v')
  await db.get('k')
  await db.flush()
  assert.deepEqual([recorded.length, callbacks.size], [count, 0])
  await db.close()
})

test('a measured call that fails says which error it was', async () => {
  const db = await open()
  const { meter, tracer, recorded, spans } = fakes()
  instrument(db, { meter, tracer, everyCall: true, slowMs: 0 })
  const failing = new Error('the reader fails')
  const { PointReader } = await import('../../src/read/index.js')
  const reader = Object.getOwnPropertyDescriptor(db, 'reads')!.value as InstanceType<typeof PointReader>
  Object.defineProperty(reader, 'find', { value: () => { throw failing } })
  await assert.rejects(db.get('k'), failing)
  assert.equal(recorded.at(-1)!.attributes['error.type'], '_OTHER')
  assert.deepEqual(spans.at(-1)!.status, { code: 2, message: '_OTHER' })
  await db.close()
})

test('each long call has a span and a duration, with the error that it failed with, and no place', async () => {
  const vfs = new MemoryVfs()
  const open = (dir: string): Promise<Varve> => Varve.open(dir, { components: { vfs }, workers: 0 })
  const [db, other] = [await open('/orders'), await open('/others')]
  const { meter, tracer, recorded, spans } = fakes()
  instrument(db, { meter, tracer })
  await db.put('secret', 'v')
  await db.compact()
  await db.checkpoint('/secret-copy')
  await db.load([['secret', 'v']])
  await assert.rejects(db.ingest(['/secret-file']), { code: 'NOT_FOUND' })
  await db.scrub()
  await Varve.backup(db, '/secret-set')
  await other.compact()
  await other.close()
  await db.close()
  const own = spans.filter(({ name }) => name !== 'varve flush' && name !== 'varve compaction')
  assert.deepEqual(own.map(({ name }) => name),
    ['compact', 'checkpoint', 'load', 'ingest', 'scrub', 'backup', 'close'].map((op) => `varve ${op}`))
  for (const { name, ms, attributes, status } of own) {
    assert.ok(ms >= 0, name)
    const { 'error.type': failure, ...rest } = attributes
    const operation = name.slice('varve '.length)
    assert.deepEqual(rest, { 'db.system.name': 'varve', 'db.namespace': '/orders', 'db.operation.name': operation })
    const error = operation === 'ingest' ? 'NOT_FOUND' : undefined
    assert.deepEqual([failure, status], [error, error === undefined ? null : { code: 2, message: error }])
  }
  const calls = recorded.filter(({ name }) => name === 'db.client.operation.duration')
  const named = (wanted: string): boolean =>
    calls.some(({ attributes }) => attributes['db.operation.name'] === wanted)
  for (const { name } of own) assert.ok(named(name.slice('varve '.length)), name)
  assert.ok(!JSON.stringify([recorded, spans]).includes('secret'))
})

test('a database that is closed and never taken back is forgotten', async () => {
  const { tracer, spans } = fakes()
  const db = await open()
  instrument(db, { tracer })
  await db.close()
  const count = spans.length
  await db.close()
  await assert.rejects(db.compact(), { code: 'CLOSED' })
  assert.equal(spans.length, count)
})

test('calls about directories are told of by a function of their own, under names that it is given', async () => {
  const vfs = new MemoryVfs()
  const { meter, tracer, recorded, spans } = fakes()
  const end = instrumentTools({ meter, tracer, name: (location) => location === '/none' ? fail() : 'orders' })
  const fail = (): never => { throw new Error('mine') }
  const db = await Varve.open('/secret', { components: { vfs } })
  await db.put('k', 'v')
  await db.compact()
  await Varve.backup(db, '/secret-set')
  await db.close()
  await Varve.verify('/secret', { vfs })
  await Varve.restore('/secret-set/000001', '/secret-too', { vfs })
  await Varve.repair('/secret', '/secret-third', { vfs })
  await assert.rejects(Varve.import('/secret', '/no-such-file', { open: { components: { vfs } } }))
  await assert.rejects(Varve.verify('/none', { vfs }), { code: 'NOT_FOUND' })
  end()
  await Varve.destroy('/secret', { vfs })
  assert.deepEqual(spans.map(({ name }) => name),
    ['open', 'verify', 'restore', 'repair', 'import'].map((op) => `varve ${op}`), 'its own calls, which it could name')
  assert.equal(recorded.length, spans.length)
  assert.ok(spans.every(({ attributes }) => attributes['db.namespace'] === 'orders'))
  assert.equal(typeof spans.at(-1)!.attributes['error.type'], 'string')
  assert.ok(!JSON.stringify([recorded, spans]).includes('secret'))
  for (const options of [{}, null, { meter: {} }, { tracer, name: 'x' }, { tracer, slowMs: 1 }]) {
    expectError(() => instrumentTools(options as never), 'INVALID_ARGUMENT')
  }
})

test('a compaction that fails has a span with its error', async () => {
  const db = await open()
  const { tracer, spans } = fakes()
  instrument(db, { tracer })
  const { events } = (db as unknown as { engine: { setup: { events: { emit(event: object): void } } } }).engine.setup
  events.emit({ type: 'compactionBegin', id: 77, reason: 'size', inputBytes: 1 })
  events.emit({ type: 'compactionFailed', id: 77, willRetry: true, error: new Error('x') })
  events.emit({ type: 'compactionFailed', id: 77, willRetry: true, error: new Error('nobody saw it begin') })
  await new Promise((resolve) => setImmediate(resolve))
  const [span, ...others] = spans
  assert.deepEqual([span!.name, span!.status, others], ['varve compaction', { code: 2, message: '_OTHER' }, []])
  await db.close()
})

test('without everyCall one get of 64 is measured; two may listen, and each takes back its own', async () => {
  const db = await open()
  const [one, all] = [fakes(), fakes()]
  const gets = ({ recorded }: ReturnType<typeof fakes>): number =>
    recorded.filter(({ attributes }) => attributes['db.operation.name'] === 'get').length
  const endOne = instrument(db, { meter: one.meter })
  for (let i = 0; i < 640; i++) db.getSync('k')
  assert.equal(gets(one), 10)
  const endAll = instrument(db, { meter: all.meter, everyCall: true })
  for (let i = 0; i < 64; i++) db.getSync('k')
  assert.deepEqual([gets(one), gets(all)], [74, 64])
  endAll()
  for (let i = 0; i < 64; i++) db.getSync('k')
  assert.deepEqual([gets(one), gets(all)], [75, 64])
  endOne()
  await db.close()
})

test('a meter that throws harms nobody', async () => {
  const db = await open()
  const { meter } = fakes()
  const throwing = { ...meter, createHistogram: () => ({ record: () => { throw new Error('mine') } }) }
  instrument(db, { meter: throwing, everyCall: true })
  await db.put('k', 'v')
  assert.ok((await db.get('k')) !== undefined)
  await db.flush()
  await db.close()
})

test('a meter that refuses an instrument leaves nothing behind', async () => {
  const db = await open()
  const { meter, callbacks } = fakes()
  const refusing = { ...meter, createObservableGauge: () => { throw new Error('mine') } }
  assert.throws(() => instrument(db, { meter: refusing, everyCall: true }), /mine/)
  const { count } = db.stats().latency.get
  for (let i = 0; i < 64; i++) db.getSync('k')
  assert.equal(db.stats().latency.get.count - count, 1)
  assert.equal(callbacks.size, 0)
  await db.close()
})

test('bad options are refused', async () => {
  const db = await open()
  const { meter, tracer } = fakes()
  for (const options of [
    {}, null, [], { meter: {} }, { meter: null }, { tracer: 'x' }, { meter, name: 5 }, { meter, slowMs: -1 },
    { tracer, slowMs: NaN }, { meter, everyCall: 1 }, { meter, metre: 1 },
  ]) expectError(() => instrument(db, options as never), 'INVALID_ARGUMENT')
  await db.close()
})

test('observed metrics are those of formatPrometheus, by names from which exporters make the same ones', async () => {
  const db = await open({ workers: 0 })
  await db.put('k', 'v')
  await db.flush()
  const { meter, observed } = fakes()
  instrument(db, { meter })
  const values = observed()
  const families = readPrometheus(formatPrometheus(db.stats(), { labels: { database: 'x' } }))
  for (const family of METRIC_FAMILIES) {
    const { name, unit } = otelNameOf(family)
    const unitName = { By: '_bytes', s: '_seconds', '': '' }[unit]!
    const exported = name.replace('.', '_') + unitName + (family.type === 'counter' ? '_total' : '')
    assert.equal(exported, `varve_${family.name}`)
    if (family.type === 'summary') continue
    for (const { labels: { database: _, ...own }, value } of families.get(exported)!.samples) {
      const found = values.get(`${name} ${JSON.stringify(own)}`)
      assert.ok(found !== undefined, exported)
      if (!exported.includes('age') && !exported.includes('events')) assert.equal(found, value, exported)
    }
  }
  const names = METRIC_FAMILIES.map((family) => otelNameOf(family).name)
  assert.equal(new Set(names).size, names.length)
  await db.close()
})

test('the real SDK takes it all', async () => {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })
  const provider = new MeterProvider({ readers: [reader] })
  const spanExporter = new InMemorySpanExporter()
  const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spanExporter)] })
  const db = await open()
  const end = instrument(db, {
    meter: provider.getMeter('test'), tracer: tracerProvider.getTracer('test'), everyCall: true, slowMs: 0,
  })
  for (let i = 0; i < 10; i++) await db.put(`k${i}`, 'v')
  for (let i = 0; i < 10; i++) await db.get(`k${i}`)
  await db.flush()
  await new Promise((resolve) => setImmediate(resolve))
  await reader.forceFlush()
  const scopes = exporter.getMetrics().at(-1)!.scopeMetrics
  const told = new Map(scopes.flatMap(({ metrics: all }) => all).map((metric) => [metric.descriptor.name, metric]))
  assert.equal(told.get('varve.write_entries')!.dataPoints[0]!.value, 10)
  assert.equal(told.get('varve.write_entries')!.dataPoints[0]!.attributes['db.namespace'], '/db')
  const durations = told.get('db.client.operation.duration')!
  assert.equal(durations.descriptor.unit, 's')
  const gets = durations.dataPoints.find(({ attributes }) => attributes['db.operation.name'] === 'get')!
  assert.equal((gets.value as { count: number }).count, 10)
  assert.ok(told.get('varve.flush.duration') !== undefined && told.get('varve.level')!.dataPoints.length > 5)
  const spans = spanExporter.getFinishedSpans()
  assert.ok(spans.some(({ name }) => name === 'varve flush') && spans.some(({ name }) => name === 'varve get'))
  end()
  await db.close()
  // The global ones have the same shape.
  const other = await open()
  instrument(other, { meter: metrics.getMeter('varve'), tracer: trace.getTracer('varve') })()
  await other.close()
  await Promise.all([provider.shutdown(), tracerProvider.shutdown()])
})
