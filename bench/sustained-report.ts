/**
 * What: the figures of the sustained fill, a line for each figure, a column for each engine, each the median of the
 * rounds.
 */
import { median, textTable } from './report.js'
import type { SustainedResult, Times } from './sustained.js'

export interface SustainedSample extends SustainedResult {
  round: number
  engine: string
}

interface Line {
  title: string
  /** The figure of a sample; NaN where it is not known. */
  of: (sample: SustainedSample) => number
  digits: number
}

/** Engines wrote different numbers of entries, so their times are compared for each million. */
const PER = 1e6

function times(title: string, of: (sample: SustainedSample) => Times): Line[] {
  return [
    { title: `${title}, p50 ms`, of: (sample) => of(sample).p50Ms, digits: 2 },
    { title: `${title}, p99 ms`, of: (sample) => of(sample).p99Ms, digits: 2 },
    { title: `${title}, longest ms`, of: (sample) => of(sample).maxMs, digits: 1 },
  ]
}

function loopLines(first: SustainedSample): Line[] {
  return first.loop.flatMap(({ resolutionMs }, i) => {
    const title = `event loop, looked at each ${resolutionMs} ms`
    const own = (sample: SustainedSample): number => sample.making.p99Ms + sample.encoding.p99Ms
    const p99 = ({ loop }: SustainedSample): number => loop[i]!.p99Ms
    const idle = ({ loop }: SustainedSample): number => loop[i]!.idleP99Ms
    return [
      { title: `${title}: idle p99 ms`, of: idle, digits: 1 },
      { title: `${title}: p99 ms`, of: p99, digits: 1 },
      { title: `  beyond idle, making and encoding (p99 each)`, of: (s) => p99(s) - idle(s) - own(s), digits: 1 },
      { title: `${title}: longest ms`, of: ({ loop }) => loop[i]!.maxMs, digits: 1 },
    ] satisfies Line[]
  })
}

function linesOf(first: SustainedSample): Line[] {
  const mega = (bytes: number | undefined): number => (bytes ?? NaN) / 1e6
  return [
    { title: 'entries', of: ({ entryCount }) => entryCount, digits: 0 },
    { title: 'last acknowledged, s', of: (s) => s.ackedMs / 1000, digits: 2 },
    { title: 'settled, s', of: (s) => s.settledMs / 1000, digits: 2 },
    { title: 'acknowledged, s a million', of: (s) => (s.ackedMs / 1000) * (PER / s.entryCount), digits: 2 },
    { title: 'settled, s a million', of: (s) => (s.settledMs / 1000) * (PER / s.entryCount), digits: 2 },
    { title: 'reached the disk, MB', of: ({ written }) => mega(written?.diskBytes), digits: 0 },
    { title: 'handed to write calls, MB', of: ({ written }) => mega(written?.callBytes), digits: 0 },
    { title: 'at rest within 1.2 × the data (1: yes)', of: ({ isSmall }) => Number(isSmall), digits: 0 },
    { title: 'kept when settled, MB', of: ({ diskBytes }) => mega(diskBytes), digits: 0 },
    { title: 'keys and values, MB', of: ({ liveBytes }) => mega(liveBytes), digits: 0 },
    ...times('batch', ({ batch }) => batch),
    ...times('  its encoding', ({ encoding }) => encoding),
    ...times('  making its entries', ({ making }) => making),
    ...loopLines(first),
    { title: 'full scan, s', of: ({ scanMs }) => scanMs / 1000, digits: 2 },
    { title: 'random gets, k/s', of: ({ getsPerSecond }) => getsPerSecond / 1000, digits: 0 },
  ]
}

export function sustainedTable(samples: readonly SustainedSample[], engines: readonly string[]): string {
  const cell = (engine: string, { of, digits }: Line): string => {
    const values = samples.filter((sample) => sample.engine === engine).map(of)
    const middle = values.length === 0 ? NaN : median(values)
    return Number.isNaN(middle) ? '–' : middle.toFixed(digits)
  }
  const rows = linesOf(samples[0]!).map((line) => [line.title, ...engines.map((engine) => cell(engine, line))])
  return textTable([['sustained random fill', ...engines], ...rows])
}
