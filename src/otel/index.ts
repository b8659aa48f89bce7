/** Rank 14: a database under OpenTelemetry. */
export { instrument, instrumentTools } from './instrument.js'
export type { InstrumentOptions, InstrumentToolsOptions } from './instrument.js'
export type {
  OtelAttributes, OtelHistogram, OtelInstrumentOptions, OtelMeter, OtelObservable, OtelObserver, OtelSpan, OtelTracer,
} from './meter-and-tracer.js'
