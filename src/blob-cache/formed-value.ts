/**
 * What: values that are text or bytes and come back as what they were, for adapters: { u8 form, content }, form 0: text
 * in UTF-8, 1: bytes, 2: JSON. Text that UTF-8 cannot write becomes JSON.
 * Thread: any (pure).
 */

const FORM_TEXT = 0
const FORM_BYTES = 1
const FORM_JSON = 2

/** A code unit that has no place in UTF-8; JSON has a way to write it. */
const LONE = /\p{Surrogate}/u
const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/** Makes the bytes of a value: of a text or bytes as they are, of anything else its JSON. */
export function formValue(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return withForm(FORM_BYTES, value)
  if (typeof value === 'string' && !LONE.test(value)) return withForm(FORM_TEXT, encoder.encode(value))
  return withForm(FORM_JSON, encoder.encode(JSON.stringify(value) ?? 'null'))
}

/** Gives the value that the bytes were made of. Bytes are a part of them. */
export function valueOfForm(bytes: Uint8Array): unknown {
  const content = bytes.subarray(1)
  if (bytes[0] === FORM_BYTES) return content
  const text = decoder.decode(content)
  return bytes[0] === FORM_JSON ? JSON.parse(text) as unknown : text
}

function withForm(form: number, content: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(1 + content.length)
  bytes[0] = form
  bytes.set(content, 1)
  return bytes
}
