/** What: the tables of the page of figures, in Markdown: a row of the matrix in a line, an engine in a column. */
import { median, rateText } from '../report.js'
import { bestPeer, findRow, isOurs, ratioOf, spreadOf } from './figures.js'
import type { Figure, Figures, LoadFigures, RowName, SessionFigures } from './figures.js'
import type { SessionName } from './sessions.js'

export function enginesOf(figures: Figures): string[] {
  return Object.keys(figures.versions)
}

export function markdownTable(head: readonly string[], lines: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [line(head), `|---|${'---:|'.repeat(head.length - 1)}`, ...lines.map(line)].join('\n')
}

/** Gives how our engine compares with the fastest peer; a loss stands in bold. */
function ratioText(figures: Figures, name: RowName, engine: string): string {
  const peer = bestPeer(figures, name)
  const ratio = peer === undefined ? undefined : ratioOf(figures, name, engine, peer)
  if (ratio === undefined) return '–'
  return ratio >= 1 ? `${ratio.toFixed(2)} × ${peer}` : `**${ratio.toFixed(2)} × ${peer}**`
}

/** Makes a table of rates: the median of the rounds and half their range, and our ratio to the fastest peer. */
export function rateTable(figures: Figures, names: readonly RowName[], label: (name: RowName) => string): string {
  const engines = enginesOf(figures)
  const ours = engines.filter(isOurs)
  const cell = (name: RowName, engine: string): string => {
    const rates = findRow(figures, name, engine)?.perSecond
    return rates === undefined ? '–' : `${rateText(median(rates))} ±${(100 * spreadOf(rates)).toFixed(0)} %`
  }
  return markdownTable(['', ...engines, ...ours.map((engine) => `${engine} ÷ fastest other`)], names.map((name) => [
    label(name), ...engines.map((engine) => cell(name, engine)),
    ...ours.map((engine) => ratioText(figures, name, engine)),
  ]))
}

/** Makes a table of the medians of one or more figures of each row, side by side. */
export function figureTable(
  figures: Figures, names: readonly RowName[], wanted: readonly Figure[], label: (name: RowName) => string,
): string {
  const engines = enginesOf(figures)
  return markdownTable(['', ...engines], names.map((name) => [label(name), ...engines.map((engine) => {
    const row = findRow(figures, name, engine)
    return row === undefined ? '–' : wanted.map((figure) => shortText(median(row[figure]))).join(' / ')
  })]))
}

/** Makes a table of what it cost to load each set. */
export function loadTable(figures: Figures, of: (load: LoadFigures) => number, digits: number): string {
  const engines = enginesOf(figures)
  return markdownTable(['', ...engines], Object.keys(figures.entryCounts).map((set) => [
    set, ...engines.map((engine) => {
      const load = figures.loads.find((one) => one.set === set && one.engine === engine)
      return load === undefined || Number.isNaN(of(load)) ? '–' : of(load).toFixed(digits)
    }),
  ]))
}

/** Gives what a session cost beside its rows. */
export function findSession(
  figures: Figures, session: SessionName, set: string, engine: string,
): SessionFigures | undefined {
  return figures.sessions.find((one) => one.set === set && one.engine === engine && one.session === session)
}

/** Makes a table of what one kind of session cost, of the sets that have it. */
export function sessionTable(
  figures: Figures, session: SessionName, of: (session: SessionFigures) => number, digits: number,
): string {
  const engines = enginesOf(figures)
  const sets = Object.keys(figures.entryCounts)
    .filter((set) => engines.some((engine) => findSession(figures, session, set, engine) !== undefined))
  return markdownTable(['', ...engines], sets.map((set) => [
    set, ...engines.map((engine) => {
      const found = findSession(figures, session, set, engine)
      return found === undefined ? '–' : of(found).toFixed(digits)
    }),
  ]))
}

function shortText(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)
}
