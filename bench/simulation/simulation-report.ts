/** What: the numbers of a simulation as a text for people, and for a golden file. */
import { MiB } from '../../src/base/index.js'
import { WORKLOAD_TEXTS } from './simulated-writes.js'
import type { SimulationOptions, SimulationReport } from './simulator.js'

export function simulationText(options: SimulationOptions, report: SimulationReport): string {
  const { settings, workload } = options
  const { writeAmplification, readAmplification, spaceAmplification, stalledShare } = report
  const lines = [
    `${settings.style}, ${workload}: ${WORKLOAD_TEXTS[workload]}`,
    `  MiB written ${mib(report.userBytes)}, live ${mib(report.liveBytes)}, ` +
      `most tables in level 0 ${report.level0TablesMost}, stalled ${(100 * stalledShare).toFixed(0)} %`,
    ...valueLines(report),
    ...(options.ratio === 1 ? [] : [`  tables packed, ratio ${options.ratio.toFixed(2)}`]),
    '',
    ...rows([
      ['amplification', '', 'at the end'],
      ['write', writeAmplification.toFixed(2), ''],
      ['read', `mean ${readAmplification.mean.toFixed(1)}`, readAmplification.end.toFixed(1)],
      ['space', `most ${spaceAmplification.most.toFixed(2)}`, spaceAmplification.end.toFixed(2)],
    ]),
    '',
    ...rows(levelRows(report)),
    '',
    ...rows(reasonRows(report)),
  ]
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`
}

function valueLines({ values: { movedBytes, logCount, bytes } }: SimulationReport): string[] {
  if (movedBytes + logCount === 0) return []
  return [`  MiB of values moved ${mib(movedBytes)}, at the end ${mib(bytes)} in ${logCount} value logs`]
}

function levelRows({ levels }: SimulationReport): string[][] {
  const used = levels.filter(({ level, tableCount, targetBytes }) => level === 0 || tableCount + targetBytes > 0)
  return [
    ['level', 'tables', 'MiB', 'target', 'score'],
    ...used.map(({ level, tableCount, bytes, targetBytes, score }) =>
      [`${level}`, `${tableCount}`, mib(bytes), targetBytes === 0 ? '' : mib(targetBytes), score.toFixed(2)]),
  ]
}

function reasonRows({ flush, reasons }: SimulationReport): string[][] {
  const sorted = [...reasons].sort(([a], [b]) => (a < b ? -1 : 1))
  return [
    ['reason', 'picks', 'moves', 'MiB read', 'MiB written'],
    ['flush', `${flush.count}`, '', '', mib(flush.bytes)],
    ...sorted.map(([reason, { pickCount, moveCount, readBytes, writtenBytes }]) =>
      [reason, `${pickCount}`, `${moveCount}`, mib(readBytes), mib(writtenBytes)]),
  ]
}

function mib(bytes: number): string {
  return (bytes / MiB).toFixed(0)
}

/** Makes columns of equal width, the first to the left. */
function rows(cells: readonly (readonly string[])[]): string[] {
  const widths = cells[0]!.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)))
  return cells.map((row) => row.map((cell, column) =>
    column === 0 ? `  ${cell.padEnd(widths[0]!)}` : cell.padStart(widths[column]! + 2)).join(''))
}
