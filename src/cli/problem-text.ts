/**
 * What: the problems of a report, for people, and the report as JSON.
 */
import type { Problem, ToolReport } from '../report/index.js'
import { bytesField } from './kit/index.js'
import { printable, printableBytes } from './printable.js'

/** The report with its keys in a form that JSON has. */
export function reportJson<Report extends ToolReport>(report: Report): object {
  return { ...report, problems: report.problems.map(keysJson) }
}

/** Puts keys into a form that JSON has. */
export function keysJson(
  { from, to, ...rest }: { from: Uint8Array | null; to: Uint8Array | null },
): object {
  return {
    ...rest,
    ...(from === null ? { from: null } : bytesField('from', from)),
    ...(to === null ? { to: null } : bytesField('to', to)),
  }
}

/** A few lines for each problem; nothing when there is none. */
export function problemsText({ problems }: ToolReport): string {
  return problems.map(problemText).join('')
}

function problemText({ code, severity, message, offset, bytes, from, to, consequence, advice }: Problem): string {
  const lines = [`${severity}: ${code}: ${printable(message)}`]
  if (offset !== null && bytes !== null && bytes > 0) lines.push(`  bytes   ${offset} to ${offset + bytes}`)
  if (from !== null) lines.push(`  keys    ${printableBytes(from)} to ${to === null ? 'the last' : printableBytes(to)}`)
  lines.push(`  means   ${printable(consequence)}`)
  if (advice !== '') lines.push(`  do      ${printable(advice)}`)
  return lines.join('\n') + '\n'
}
