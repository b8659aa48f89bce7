/** What: what came of a collection of value logs, for people. */
import type { CollectResult } from '../engine/index.js'
import type { ValueLogFileStats, ValueLogHolder } from '../stats/index.js'
import { countText, sizeText } from './demo/numbers.js'

export function collectedText({ filesRemoved, removedBytes, movedBytes, heldBytes }: CollectResult): string {
  const files = `${countText(filesRemoved)} value ${filesRemoved === 1 ? 'log' : 'logs'}`
  const held = heldBytes === 0 ? '' : `; ${sizeText(heldBytes)} are still held`
  return `removed ${files} of ${sizeText(removedBytes)}, moved ${sizeText(movedBytes)}${held}\n`
}

const HOLDERS: Record<Exclude<ValueLogHolder, 'table'>, string> = {
  log: 'entries that are not flushed yet', pin: 'pins', reader: 'snapshots, iterators and reads',
}

/** What keeps files that no table points to, a line for each; nothing when there are none. */
export function heldText(files: readonly ValueLogFileStats[]): string {
  return Object.entries(HOLDERS).map(([holder, text]) => {
    const held = files.filter(({ heldBy }) => heldBy === holder)
    if (held.length === 0) return ''
    const bytes = held.reduce((sum, { fileBytes }) => sum + fileBytes, 0)
    return `${countText(held.length)} of ${sizeText(bytes)} without live values are kept by ${text}\n`
  }).join('')
}
