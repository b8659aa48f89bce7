/**
 * What: text from files, keys and errors made safe for a terminal: nothing in it can move the cursor,
 * change colours, hide or reorder other text.
 */

/** Control characters, line and paragraph separators, direction marks, lone surrogates. */
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\p{Surrogate}]/gu
/** Characters that may not reach a terminal, without those that JSON escapes itself. */
const UNSAFE_IN_JSON = /[\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

/** Makes one line of text: what is unsafe, and the backslash, is written as \xNN or \u{…}. */
export function printable(text: string): string {
  return text.replaceAll('\\', '\\\\').replace(UNSAFE, (character) => {
    const code = character.codePointAt(0)!
    return code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`
  })
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const encoder = new TextEncoder()

/**
 * Shows a key or value: as text when it is UTF-8, with unsafe bytes as \xNN; else with each byte that is not ASCII as
 * \xNN. The backslash is doubled, so that the bytes can be told from the text.
 */
export function printableBytes(bytes: Uint8Array): string {
  let text: string
  try {
    text = decoder.decode(bytes)
  } catch {
    return Array.from(bytes, (byte) => {
      return byte < 0x80 ? printable(String.fromCharCode(byte)) : escapedByte(byte)
    }).join('')
  }
  return text.replaceAll('\\', '\\\\').replace(UNSAFE, (character) => {
    return Array.from(encoder.encode(character), escapedByte).join('')
  })
}

function escapedByte(byte: number): string {
  return `\\x${byte.toString(16).padStart(2, '0')}`
}

/** Makes every text in a plain object printable. */
export function printableTexts<T>(value: T): T {
  if (typeof value === 'string') return printable(value) as T
  if (Array.isArray(value)) return value.map(printableTexts) as T
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, printableTexts(each)])) as T
}

/** Gives JSON that stays JSON and is safe to print; `indent` 0 makes it one line. */
export function printableJson(value: unknown, indent = 2): string {
  return withoutUnsafe(JSON.stringify(value, null, indent))
}

/** Makes a text safe that consists of JSON strings and of nothing else that could be unsafe. */
export function withoutUnsafe(text: string): string {
  return text.replace(UNSAFE_IN_JSON, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}
