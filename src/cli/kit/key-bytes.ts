/**
 * What: keys and values as people give and see them: as text, or as bytes in hexadecimal digits or Base64.
 */
import { toHex } from '../../base/index.js'
import { UsageError } from '../command.js'
import { printableBytes } from '../printable.js'

/**
 * How bytes are given and shown. `auto` takes `0x…` as hexadecimal digits and everything else as UTF-8, and shows
 * what is not UTF-8 with escapes.
 */
export type BytesForm = 'auto' | 'utf8' | 'hex' | 'base64'

const encoder = new TextEncoder()

/** Reads the bytes that a word stands for. Throws UsageError. */
export function readBytes(text: string, form: BytesForm, name: string): Uint8Array {
  if (form === 'auto' && /^0x/i.test(text)) return fromHex(text.slice(2), text, name)
  if (form === 'hex') return fromHex(text.replace(/^0x/i, ''), text, name)
  if (form !== 'base64') return encoder.encode(text)
  const bytes = Buffer.from(text, 'base64')
  // Node skips what is no Base64; here that is a mistake.
  if (/^[A-Za-z0-9+/_-]*={0,2}$/.test(text) && text.replace(/=+$/, '').length % 4 !== 1) return Uint8Array.from(bytes)
  throw new UsageError(`${name} is no Base64: '${text}'`)
}

function fromHex(digits: string, text: string, name: string): Uint8Array {
  if (digits.length % 2 === 0 && /^[0-9a-f]*$/i.test(digits)) return Uint8Array.from(Buffer.from(digits, 'hex'))
  throw new UsageError(`${name} is no even number of hexadecimal digits: '${text}' (--utf8 takes it as text)`)
}

/** Gives text that is safe on a terminal. */
export function bytesText(bytes: Uint8Array, form: BytesForm): string {
  if (form === 'hex') return `0x${toHex(bytes)}`
  if (form === 'base64') return Buffer.from(bytes).toString('base64')
  return printableBytes(bytes)
}

const ELLIPSIS = '…'

/** Gives what `bytesText` gives, cut to a number of characters; the cut says how many bytes there are. */
export function shortBytesText(bytes: Uint8Array, form: BytesForm, charactersMax: number): string {
  const text = bytesText(bytes.length > 4 * charactersMax ? bytes.subarray(0, 4 * charactersMax) : bytes, form)
  if (text.length <= charactersMax && bytes.length <= 4 * charactersMax) return text
  const end = `${ELLIPSIS}(${bytes.length} bytes)`
  return Array.from(text).slice(0, Math.max(1, charactersMax - end.length)).join('') + end
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Gives bytes as a field of a JSON object: `{ [name]: text }` when they are UTF-8, else `{ [name]64: Base64 }`. So
 * every byte string comes back as it was.
 */
export function bytesField(name: string, bytes: Uint8Array): Record<string, string> {
  try {
    return { [name]: decoder.decode(bytes) }
  } catch {
    return { [`${name}64`]: Buffer.from(bytes).toString('base64') }
  }
}
