/**
 * What: the parts of OpenTelemetry's API that are used, by their shape: a meter and a tracer of `@opentelemetry/api`
 * have it, and so may others. So this package needs no other.
 */

/** Attributes of a measurement or a span. */
export type OtelAttributes = Record<string, string | number | boolean>

/** What is told of an instrument. */
export interface OtelInstrumentOptions {
  /** What it measures, for people. */
  description?: string
  /** The unit: 's', 'By', or '' for a plain count. */
  unit?: string
  /** What the instrument's maker advises. */
  advice?: {
    /** Where the buckets of a histogram end. */
    explicitBucketBoundaries?: number[]
  }
}

/** Counts durations. */
export interface OtelHistogram {
  /** Counts one, in seconds. */
  record(value: number, attributes?: OtelAttributes): void
}

/** An instrument whose value is asked for. */
export type OtelObservable = object

/** Takes the values of one look. */
export interface OtelObserver {
  /** Takes one value. */
  observe(instrument: never, value: number, attributes?: OtelAttributes): void
}

/** Makes instruments: a `Meter` of `@opentelemetry/api`. */
export interface OtelMeter {
  /** Makes an instrument that counts durations. */
  createHistogram(name: string, options?: OtelInstrumentOptions): OtelHistogram
  /** Makes an instrument whose value only grows. */
  createObservableCounter(name: string, options?: OtelInstrumentOptions): OtelObservable
  /** Makes an instrument whose value comes and goes. */
  createObservableGauge(name: string, options?: OtelInstrumentOptions): OtelObservable
  /** Asks the callback for the values of these instruments from now on. */
  addBatchObservableCallback(callback: (observer: OtelObserver) => void, instruments: never[]): void
  /** Asks it no more. */
  removeBatchObservableCallback(callback: (observer: OtelObserver) => void, instruments: never[]): void
}

/** Something that took time. */
export interface OtelSpan {
  /** Says that it failed, and by what. */
  setStatus(status: { code: 2; message?: string }): unknown
  /** Ends it, at a time in milliseconds since 1970. */
  end(endTime?: number): void
}

/** Makes spans: a `Tracer` of `@opentelemetry/api`. */
export interface OtelTracer {
  /** Begins a span, at a time in milliseconds since 1970. */
  startSpan(name: string, options?: { kind?: 0; startTime?: number; attributes?: OtelAttributes }): OtelSpan
}
