/**
 * What: encodings of views: how keys and values become bytes, and bytes become keys and values.
 * A codec is code of the caller, which may do anything: it runs before a call looks at the database, or when the bytes
 * that it gets are copies already. What it throws becomes an error that names the key.
 * Thread: main. No state.
 */
import { isByteView, shownKey, VarveError } from '../base/index.js'
import type { Bytes, UserBytes } from '../base/index.js'

/**
 * Encodings that need no codec: 'utf8' for strings; 'json' for what `JSON.stringify` takes; 'bytes' for `Uint8Array`,
 * as they are.
 */
export type EncodingName = 'utf8' | 'json' | 'bytes'

/**
 * Makes bytes of values, and values of bytes. Keys stand in the order of their bytes: for another order than that of
 * the values a codec decides.
 */
export interface Codec<T> {
  /**
   * Gives the bytes, or a string, which is stored as UTF-8. It must give new memory each time: the bytes may not change
   * until the write is done.
   */
  encode(value: T): Bytes
  /** Gives the value. The bytes are its own: it may keep them, and parts of them. */
  decode(bytes: Uint8Array): T
  /** With 'buffer' `decode` gets a `Buffer`; default 'view', a plain `Uint8Array`. */
  readonly format?: 'view' | 'buffer' | undefined
}

/** Makes text of values, and values of text. */
export interface TextCodec<T> {
  /** Gives the text, or bytes in UTF-8. */
  encode(value: T): Bytes
  /** Gives the value. */
  decode(text: string): T
  /** Makes `decode` get text. */
  readonly format: 'utf8'
}

/** What encodes values of type T. */
export type ViewEncoding<T> =
  | Codec<T> | TextCodec<T> | 'json'
  | ([T] extends [string] ? 'utf8' : never) | ([T] extends [Uint8Array] ? 'bytes' : never)

/** What encodes values of some type. */
export type AnyEncoding = EncodingName | {
  /** Gives the bytes, or a string, as that of a `Codec` does. */
  encode(value: never): Bytes
  /** Gives the value, as that of a `Codec` or of a `TextCodec` does. */
  decode(bytes: never): unknown
}

/** The type of what an encoding decodes to. JSON may be anything: say the types then, `db.view<string, User>(…)`. */
export type Decoded<E> =
  E extends 'utf8' ? string : E extends 'bytes' ? Uint8Array : E extends 'json' ? unknown :
    E extends { decode(bytes: never): infer T } ? T : never

/** What is read for a format: text made of the stored bytes, or a copy of them. */
export type Raw = string | Uint8Array

/** An encoding as views use it. */
export interface Format<T> {
  /** True when `decode` takes text, false when it takes bytes. */
  readonly isText: boolean
  /** True when `decode` gives the bytes that it takes. */
  readonly isPlain: boolean
  /** True when it is code of the caller. */
  readonly isCodec: boolean
  encode(value: T): Bytes
  decode(raw: Raw): T
}

const UTF8: Format<unknown> = {
  isText: true,
  isPlain: false,
  isCodec: false,
  encode(value) {
    if (typeof value !== 'string') throw new TypeError(`it must be a string, not ${typeOf(value)}`)
    return value
  },
  decode: (raw) => raw,
}

const JSON_TEXT: Format<unknown> = {
  isText: true,
  isPlain: false,
  isCodec: false,
  encode(value) {
    const text = JSON.stringify(value) as string | undefined
    if (text === undefined) throw new TypeError(`JSON has no form for ${typeOf(value)}`)
    return text
  },
  decode: (raw) => JSON.parse(raw as string) as unknown,
}

const BYTES: Format<unknown> = {
  isText: false,
  isPlain: true,
  isCodec: false,
  encode(value) {
    if (!isByteView(value)) throw new TypeError(`it must be a Uint8Array, not ${typeOf(value)}`)
    return value
  },
  decode: (raw) => raw,
}

const NAMED: Readonly<Record<EncodingName, Format<unknown>>> = { utf8: UTF8, json: JSON_TEXT, bytes: BYTES }

/** What a codec may have beside its methods. Older codecs of Level say `buffer: false` when they take text. */
interface GivenCodec {
  encode(value: unknown): unknown
  decode(raw: unknown): unknown
  readonly format?: unknown
  readonly buffer?: unknown
}

/** Gives the format of an encoding; `what` is the name of the option. Throws INVALID_ARGUMENT. */
export function formatOf<T>(what: string, encoding: unknown): Format<T> {
  const named = typeof encoding === 'string' && Object.hasOwn(NAMED, encoding)
  if (named) return NAMED[encoding as EncodingName] as Format<T>
  const codec = encoding as GivenCodec | null | undefined
  const isCodec = typeof codec?.encode === 'function' && typeof codec.decode === 'function'
  if (!isCodec) {
    throw new VarveError('INVALID_ARGUMENT', `option ${what} must be 'utf8', 'json', 'bytes' or a codec`, {
      hint: 'a codec is an object with the methods encode and decode',
    })
  }
  return codecFormat(codec, what) as Format<T>
}

function codecFormat(codec: GivenCodec, what: string): Format<unknown> {
  const { format, buffer } = codec
  if (format !== undefined && format !== 'utf8' && format !== 'view' && format !== 'buffer') {
    throw new VarveError('INVALID_ARGUMENT', `the format of option ${what} must be 'utf8', 'view' or 'buffer'`)
  }
  const isText = format === 'utf8' || (format === undefined && buffer === false)
  return {
    isText,
    isPlain: false,
    isCodec: true,
    encode(value) {
      const encoded = codec.encode(value)
      if (typeof encoded === 'string' || isByteView(encoded)) return encoded
      throw new TypeError(`encode gave ${typeOf(encoded)}, not a string or a Uint8Array`)
    },
    decode: format === 'buffer' ? (raw) => codec.decode(bufferOver(raw as Uint8Array)) : (raw) => codec.decode(raw),
  }
}

function bufferOver({ buffer, byteOffset, length }: Uint8Array): Uint8Array {
  return Buffer.from(buffer, byteOffset, length)
}

function typeOf(value: unknown): string {
  return value === null ? 'null' : typeof value
}

// ── Text from stored bytes ────────────────────────────────────────────────────────────────────────

type Slice = (this: Uint8Array, start: number, end: number) => string

/** Reads UTF-8 in place, without an object for the place; not every platform has it. */
const slice = typeof Buffer === 'function' ? (Buffer.prototype as { utf8Slice?: Slice }).utf8Slice : undefined
const textDecoder = new TextDecoder('utf-8', { ignoreBOM: true })

function textOf(bytes: Uint8Array, start: number, end: number): string {
  try {
    if (slice !== undefined) return slice.call(bytes, start, end)
    return textDecoder.decode(new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start))
  } catch (error) {
    throw new VarveError('NOT_SUPPORTED', `${end - start} bytes are more than a string can hold here`, {
      cause: error, hint: "read them with the encoding 'bytes', or with getStream",
    })
  }
}

/** Gives bytes[start, end), which belong to the engine, as text, or as a copy. Throws NOT_SUPPORTED for a long text. */
export function rawOf(copies: UserBytes | null, bytes: Uint8Array, start: number, end: number): Raw {
  return copies === null ? textOf(bytes, start, end) : copies.copy(bytes, start, end)
}

/** Gives what a format takes of bytes that are the caller's own already. */
export function rawOfOwn({ isText }: Format<unknown>, bytes: Uint8Array): Raw {
  return isText ? textOf(bytes, 0, bytes.length) : bytes
}

// ── What codecs throw ─────────────────────────────────────────────────────────────────────────────

/** More characters of a key that is not encoded yet are not shown. */
const CHARACTERS_SHOWN = 64

/** Makes the error of a key that cannot be encoded. */
export function keyNotEncoded(key: unknown, thrown: unknown): VarveError {
  return codecError(`the key ${shownGiven(key)} cannot be encoded`, thrown)
}

/** Makes the error of a value that cannot be encoded. */
export function valueNotEncoded(storedKey: Bytes, thrown: unknown): VarveError {
  return codecError(`the value of key ${shownKey(storedKey)} cannot be encoded`, thrown)
}

/** Makes the error of a stored key that cannot be decoded. */
export function keyNotDecoded(storedKey: Bytes, thrown: unknown): VarveError {
  return codecError(`the key ${shownKey(storedKey)} cannot be decoded`, thrown, NOT_OF_VIEW)
}

/** Makes the error of a stored value that cannot be decoded. */
export function valueNotDecoded(storedKey: Bytes, thrown: unknown): VarveError {
  return codecError(`the value of key ${shownKey(storedKey)} cannot be decoded`, thrown, NOT_OF_VIEW)
}

const NOT_OF_VIEW = 'the bytes are as they were written; it may have been through another view, or without one'

function codecError(what: string, thrown: unknown, hint?: string): VarveError {
  const details = hint === undefined ? { cause: thrown } : { cause: thrown, hint }
  return new VarveError('INVALID_ARGUMENT', `${what}: ${reasonOf(thrown)}`, details)
}

function reasonOf(thrown: unknown): string {
  try {
    return String(thrown instanceof Error ? thrown.message : thrown)
  } catch {
    return 'it was refused'
  }
}

function shownGiven(key: unknown): string {
  try {
    const text = typeof key === 'string' || typeof key === 'object' ? JSON.stringify(key) : String(key)
    return text.length > CHARACTERS_SHOWN ? `${text.slice(0, CHARACTERS_SHOWN)}…` : text
  } catch {
    return `of type ${typeof key}`
  }
}
