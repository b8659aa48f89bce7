/**
 * What: statistics as text that Prometheus and its relatives read: exposition format 0.0.4. It needs nothing but the
 * statistics: whoever serves the text decides where, and who may see it.
 * Thread: any (pure).
 */
import { invalidArgument, takeOptions } from '../base/index.js'
import { METRIC_FAMILIES } from './metric-families.js'
import type { MetricSample } from './metric-families.js'
import type { Stats } from './stats.js'

/** Labels, by their names. */
export type MetricLabels = Readonly<Record<string, string>>

/** Options of `formatPrometheus`. */
export interface PrometheusOptions {
  /** What all names begin with, before an underscore; default 'varve'. */
  prefix?: string | undefined
  /**
   * Labels that each sample gets, or a function that gives those of one database. Without a label `database` each has
   * one: the directory.
   */
  labels?: MetricLabels | ((stats: Stats) => MetricLabels) | undefined
}

/** The content type of the text, for an HTTP answer. */
export const PROMETHEUS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

const METRIC_NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/
const LABEL_NAME = /^(?!__)[a-zA-Z_][a-zA-Z0-9_]*$/
/** Labels that Varve gives samples itself. */
const OWN_LABELS = ['found', 'kind', 'level', 'part', 'quantile', 'reason', 'stage', 'state']

/**
 * Writes `db.stats()` for Prometheus; those of several databases of one process together, since each name may stand in
 * a text only once. Throws INVALID_ARGUMENT for names that Prometheus would not take, for two databases with equal
 * labels, and for labels that Varve gives itself.
 */
export function formatPrometheus(stats: Stats | readonly Stats[], options: PrometheusOptions = {}): string {
  const take = ({ prefix, labels }: PrometheusOptions): PrometheusOptions => ({ prefix, labels })
  const given = takeOptions('formatPrometheus', ['prefix', 'labels'], options, take)
  const prefix = checkPrefix(given.prefix ?? 'varve')
  const databases = (Array.isArray(stats) ? stats as readonly Stats[] : [stats as Stats]).map((each) => {
    if (typeof (each as Partial<Stats> | undefined)?.database !== 'object') {
      throw invalidArgument('formatPrometheus takes statistics, or an array of them', 'give what db.stats() returns')
    }
    const labels = typeof given.labels === 'function' ? given.labels(each) : given.labels ?? {}
    const all = { database: each.database.location, ...checkLabels(labels) }
    // Labels are equal in any order.
    return { stats: each, labels: labelText(all), sorted: JSON.stringify(Object.entries(all).sort()) }
  })
  if (new Set(databases.map(({ sorted }) => sorted)).size < databases.length) {
    throw invalidArgument('two databases have the same labels: give each a label database of its own')
  }
  const lines: string[] = []
  for (const { name, type, help, samples } of METRIC_FAMILIES) {
    const full = `${prefix}_${name}`
    lines.push(`# HELP ${full} ${help}`, `# TYPE ${full} ${type}`)
    for (const { stats: each, labels } of databases) {
      for (const sample of samples(each)) lines.push(sampleLine(full, labels, sample))
    }
  }
  return lines.join('\n') + '\n'
}

function sampleLine(name: string, common: string, { suffix, labels, value }: MetricSample): string {
  const own = labels === undefined ? '' : `,${labelText(labels)}`
  return `${name}${suffix ?? ''}{${common}${own}} ${numberText(value)}`
}

function labelText(labels: MetricLabels): string {
  return Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`).join(',')
}

function escaped(value: string): string {
  return value.replace(/[\\"\n]/g, (character) => (character === '\n' ? '\\n' : `\\${character}`))
}

function numberText(value: number): string {
  if (Number.isFinite(value)) return String(value)
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf'
}

function checkPrefix(prefix: unknown): string {
  if (typeof prefix === 'string' && METRIC_NAME.test(prefix)) return prefix
  throw invalidArgument('option prefix must be a metric name: letters, digits and _, and no digit first')
}

function checkLabels(labels: unknown): MetricLabels {
  if (typeof labels !== 'object' || labels === null || Array.isArray(labels)) {
    throw invalidArgument('option labels must be an object, or a function that gives one')
  }
  const checked: Record<string, string> = {}
  for (const [name, value] of Object.entries(labels as Record<string, unknown>)) {
    if (!LABEL_NAME.test(name)) throw invalidArgument(`${JSON.stringify(name)} is no name of a label`)
    if (OWN_LABELS.includes(name)) throw invalidArgument(`Varve gives the label ${name} itself`)
    if (typeof value !== 'string') throw invalidArgument(`the label ${name} must be a string`)
    checked[name] = value
  }
  return checked
}
