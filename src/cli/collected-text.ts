/** What: what came of a collection of value logs, for people. */
import type { CollectResult } from '../engine/index.js'
import { countText, sizeText } from './demo/numbers.js'

export function collectedText({ filesRemoved, removedBytes, movedBytes, heldBytes }: CollectResult): string {
  const files = `${countText(filesRemoved)} value ${filesRemoved === 1 ? 'log' : 'logs'}`
  const held = heldBytes === 0 ? '' : `; ${sizeText(heldBytes)} are still held by a reader or a pin`
  return `removed ${files} of ${sizeText(removedBytes)}, moved ${sizeText(movedBytes)}${held}\n`
}
