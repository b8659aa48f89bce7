/**
 * What: the parts of OpenTelemetry's API that are used, by their shape: a meter and a tracer of `@opentelemetry/api`
 * have it, and so may others. So this package needs no other.
 */

/** Attributes of a measurement or a span. */
export type OtelAttributes = Record<string, string | number | boolean>

/** What is told of an instrument. */
export interface OtelInstrumentOptions {
  description?: string
  unit?: string
  advice?: { explicitBucketBoundaries?: number[] }
}

/** Counts durations. */
export interface OtelHistogram {
  record(value: number, attributes?: OtelAttributes): void
}

/** An instrument whose value is asked for. */
export type OtelObservable = object

/** Takes the values of one look. */
export interface OtelObserver {
  observe(instrument: never, value: number, attributes?: OtelAttributes): void
}

/** Makes instruments: a `Meter` of `@opentelemetry/api`. */
export interface OtelMeter {
  createHistogram(name: string, options?: OtelInstrumentOptions): OtelHistogram
  createObservableCounter(name: string, options?: OtelInstrumentOptions): OtelObservable
  createObservableGauge(name: string, options?: OtelInstrumentOptions): OtelObservable
  addBatchObservableCallback(callback: (observer: OtelObserver) => void, instruments: never[]): void
  removeBatchObservableCallback(callback: (observer: OtelObserver) => void, instruments: never[]): void
}

/** Something that took time. */
export interface OtelSpan {
  setStatus(status: { code: 2; message?: string }): unknown
  end(endTime?: number): void
}

/** Makes spans: a `Tracer` of `@opentelemetry/api`. */
export interface OtelTracer {
  startSpan(name: string, options?: { kind?: 0; startTime?: number; attributes?: OtelAttributes }): OtelSpan
}
