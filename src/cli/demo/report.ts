/**
 * What: what the demo prints at its end: the flush table, levels, lookups, a scan.
 */
import type { Varve } from '../../api/index.js'
import { systemClock } from '../../base/index.js'
import type { Stats } from '../../stats/index.js'
import { countText, msText, sizeText } from './numbers.js'

const SCAN_SHOWN = 5

export function flushTable({ flush }: Stats): string[] {
  const { completed, failed, retried } = flush
  const stages = (['wait', 'build', 'install', 'release'] as const).map((name) => {
    const { count, avgMs, maxMs } = flush[name]
    return tableRow(name, [countText(count), avgMs.toFixed(2), maxMs.toFixed(2)])
  })
  return [
    `flushes     ${countText(completed)} done, ${failed} failed, ${retried} retried`,
    tableRow('stage', ['count', 'average ms', 'max ms']),
    ...stages,
  ]
}

export function levelTable({ levels }: Stats): string[] {
  const used = levels.filter(({ level, tableCount }) => level === 0 || tableCount > 0)
  return [
    tableRow('level', ['tables', 'size', 'entries']),
    ...used.map(({ level, tableCount, tableBytes, entryCount }) => {
      return tableRow(`L${level}`, [countText(tableCount), sizeText(tableBytes), countText(entryCount)])
    }),
  ]
}

export async function lookups(db: Varve, keys: readonly string[]): Promise<string[]> {
  const lines: string[] = []
  for (const key of keys) {
    const startMs = systemClock.nowMs()
    const value = await db.get(key)
    const time = msText(systemClock.nowMs() - startMs)
    const found = value === undefined ? 'not there' : `${countText(value.length)} bytes`
    lines.push(`${lines.length === 0 ? 'get' : ''}`.padEnd(12) + `${key}: ${found}, ${time}`)
  }
  return lines
}

export async function prefixScan(db: Varve, prefix: string): Promise<string[]> {
  const startMs = systemClock.nowMs()
  const decoder = new TextDecoder()
  const shown: string[] = []
  let count = 0
  for await (const key of db.keys({ prefix })) {
    if (++count <= SCAN_SHOWN) shown.push(' '.repeat(12) + decoder.decode(key))
  }
  const time = msText(systemClock.nowMs() - startMs)
  const more = count > SCAN_SHOWN ? [`${' '.repeat(12)}… and ${countText(count - SCAN_SHOWN)} more`] : []
  return [`scan        ${prefix}*: ${countText(count)} keys in ${time}`, ...shown, ...more]
}

function tableRow(label: string, cells: readonly string[]): string {
  return label.padEnd(12) + cells.map((cell) => cell.padStart(13)).join('')
}
