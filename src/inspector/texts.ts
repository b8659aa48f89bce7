/**
 * What: keys and values as text for the page: shortened, and without characters that change how others are shown.
 */
import { printBytes } from '../dump/index.js'

const KEY_BYTES_SHOWN = 64

export function keyText(key: Uint8Array): string {
  return printBytes(key, KEY_BYTES_SHOWN)
}
