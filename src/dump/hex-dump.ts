/**
 * What: bytes for people: hex, and short texts that are safe in a terminal.
 * Thread: any (pure).
 */
import { toHex } from '../base/index.js'

const decoder = new TextDecoder('utf-8', { fatal: true })
const NOT_PRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu

export function hexNumber(n: number, digits = 8): string {
  return n.toString(16).padStart(digits, '0')
}

/** Gives bytes as `61 62 63`. */
export function hexPairs(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => hexNumber(byte, 2)).join(' ')
}

/** Gives `"quoted text"` for text without control characters, `0x…` for other bytes; cut at `max`. */
export function printBytes(bytes: Uint8Array, max = 32): string {
  const shown = bytes.subarray(0, max)
  const rest = bytes.length > max ? `… (${bytes.length} bytes)` : ''
  return (printableText(shown) ?? `0x${toHex(shown)}`) + rest
}

/** Gives JSON in the shortest form, when the text is JSON; else the text as a JSON string. Safe as `printBytes` is. */
export function printJson(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text)).replace(NOT_PRINTABLE, escaped)
  } catch {
    return JSON.stringify(text).replace(NOT_PRINTABLE, escaped)
  }
}

function escaped(character: string): string {
  return Array.from({ length: character.length }, (_, i) => `\\u${hexNumber(character.charCodeAt(i), 4)}`).join('')
}

function printableText(bytes: Uint8Array): string | null {
  try {
    const text = decoder.decode(bytes)
    return text.search(NOT_PRINTABLE) >= 0 ? null : JSON.stringify(text)
  } catch {
    return null
  }
}
