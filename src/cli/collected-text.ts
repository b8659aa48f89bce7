/** What: what came of a collection of value logs, for people. */
import { logFileName, vlogFileName } from '../base/index.js'
import type { CollectResult, HeldValueLog } from '../engine/index.js'
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

/** What keeps the rest: files without live values by name, and snapshots; nothing when nothing does. */
export function keptText({ held, snapshotCount }: CollectResult): string {
  const snapshots = snapshotCount === 1 ? '1 snapshot is' : `${countText(snapshotCount)} snapshots are`
  return heldText(held) + held.map(heldFileText).join('') +
    (snapshotCount === 0 ? '' : `${snapshots} open: what they see counts as live\n`)
}

function heldFileText({ fileNum, isLog, fileBytes, heldBy, pins }: HeldValueLog): string {
  const by = pins.length === 0 ? '' : `: ${pins.map((pin) => JSON.stringify(pin)).join(', ')}`
  return `  ${isLog ? logFileName(fileNum) : vlogFileName(fileNum)}  ${sizeText(fileBytes)}  ${heldBy}${by}\n`
}

/** What keeps files that no table points to, a line for each holder; nothing when there are none. */
export function heldText(files: readonly Pick<ValueLogFileStats, 'fileBytes' | 'heldBy'>[]): string {
  return Object.entries(HOLDERS).map(([holder, text]) => {
    const held = files.filter(({ heldBy }) => heldBy === holder)
    if (held.length === 0) return ''
    const bytes = held.reduce((sum, { fileBytes }) => sum + fileBytes, 0)
    return `${countText(held.length)} of ${sizeText(bytes)} without live values are kept by ${text}\n`
  }).join('')
}
