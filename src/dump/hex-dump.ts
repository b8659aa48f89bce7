/**
 * What: bytes for people: hex with offsets, and short texts that are safe in a terminal.
 * Thread: any (pure).
 */
import { toHex } from '../base/index.js'

const BYTES_PER_LINE = 16

const decoder = new TextDecoder('utf-8', { fatal: true })

export function hexNumber(n: number, digits = 8): string {
  return n.toString(16).padStart(digits, '0')
}

/** `61 62 63` */
export function hexPairs(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => hexNumber(byte, 2)).join(' ')
}

/** Lines of sixteen bytes: offset, hex, and the letters among them; the first is at `offset`. */
export function* hexLines(bytes: Uint8Array, offset = 0): Generator<string> {
  for (let at = 0; at < bytes.length; at += BYTES_PER_LINE) {
    const line = bytes.subarray(at, at + BYTES_PER_LINE)
    const letters = Array.from(line, (byte) =>
      byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')
    const hex = hexPairs(line).padEnd(BYTES_PER_LINE * 3 - 1)
    yield `${hexNumber(offset + at)}  ${hex}  ${letters.join('')}`
  }
}

/** `"quoted text"` for text without control characters, `0x…` for other bytes; cut at `max`. */
export function printBytes(bytes: Uint8Array, max = 32): string {
  const shown = bytes.subarray(0, max)
  const rest = bytes.length > max ? `… (${bytes.length} bytes)` : ''
  return (printableText(shown) ?? `0x${toHex(shown)}`) + rest
}

function printableText(bytes: Uint8Array): string | null {
  try {
    const text = decoder.decode(bytes)
    return /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(text) ? null : JSON.stringify(text)
  } catch {
    return null
  }
}
