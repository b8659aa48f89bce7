/**
 * What: the metrics of a database as observable instruments of OpenTelemetry, all from one look at its statistics.
 * A name has no unit and no `_total`: exporters to Prometheus add them, so that it is there what `formatPrometheus`
 * calls it.
 * Thread: main.
 */
import { METRIC_FAMILIES } from '../stats/index.js'
import type { MetricFamily, MetricSample, Stats } from '../stats/index.js'
import type { OtelAttributes, OtelMeter, OtelObservable, OtelObserver } from './meter-and-tracer.js'

interface Observed {
  family: MetricFamily
  instrument: OtelObservable
}

/** The name and the unit of a family, which its Prometheus name has in one. */
export function otelNameOf({ name, type }: Pick<MetricFamily, 'name' | 'type'>): { name: string; unit: string } {
  const stem = type === 'counter' ? name.replace(/_total$/, '') : name
  if (stem.endsWith('_bytes')) return { name: `varve.${stem.slice(0, -'_bytes'.length)}`, unit: 'By' }
  if (stem.endsWith('_seconds')) return { name: `varve.${stem.slice(0, -'_seconds'.length)}`, unit: 's' }
  return { name: `varve.${stem}`, unit: '' }
}

/** Observes a database until the function is called that it gives. */
export function observeMetrics(meter: OtelMeter, look: () => Stats, attributes: OtelAttributes): () => void {
  const observed = METRIC_FAMILIES.filter(isObserved).map((family): Observed => {
    const { name, unit } = otelNameOf(family)
    const options = { description: family.help, unit }
    // Of a summary the sum grows; its percentiles are those of a histogram here.
    if (family.type === 'gauge') return { family, instrument: meter.createObservableGauge(name, options) }
    return { family, instrument: meter.createObservableCounter(name, options) }
  })
  const callback = (observer: OtelObserver): void => {
    const stats = look()
    for (const { family, instrument } of observed) {
      for (const { labels, value, suffix } of family.samples(stats)) {
        if (!isWanted(family, suffix)) continue
        observer.observe(instrument as never, value, { ...attributes, ...labels })
      }
    }
  }
  const instruments = observed.map(({ instrument }) => instrument as never)
  meter.addBatchObservableCallback(callback, instruments)
  return () => meter.removeBatchObservableCallback(callback, instruments)
}

/** Latencies are histograms of their own. */
function isObserved({ name, type }: MetricFamily): boolean {
  return type !== 'summary' || name === 'flush_stage_seconds'
}

function isWanted({ type }: MetricFamily, suffix: MetricSample['suffix']): boolean {
  return type !== 'summary' || suffix === '_sum'
}
