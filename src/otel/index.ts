/** Rank 11: a database under OpenTelemetry. */
export { instrument } from './instrument.js'
export type { InstrumentOptions } from './instrument.js'
export type {
  OtelAttributes, OtelHistogram, OtelInstrumentOptions, OtelMeter, OtelObservable, OtelObserver, OtelSpan, OtelTracer,
} from './meter-and-tracer.js'
