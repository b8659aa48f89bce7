/**
 * What: bytes of the engine in the form that an encoding asks for, as private memory; and back.
 * Thread: main.
 */
import { bytesOfView, copyBytes, hasMemory, isByteView, viewLength } from '../base/index.js'
import type { Bytes, UserBytes } from '../base/index.js'
import type { FormatName } from './level-base.js'
import { LevelError } from './level-error.js'
import type { Format } from './classic-level.js'

const textDecoder = new TextDecoder('utf-8', { ignoreBOM: true })

export class FormatCopier {
  private readonly copies: UserBytes

  constructor(copies: UserBytes) {
    this.copies = copies
  }

  /** Copies bytes[start, end) as a string, a Buffer or a Uint8Array of the user's own. */
  copy(bytes: Uint8Array, start: number, end: number, format: FormatName): Format {
    if (format === 'utf8') return this.text(bytes, start, end)
    const { copies } = this
    if (format === 'view') return copies.copy(bytes, start, end)
    // A Buffer over the memory itself: making one from a view would cost two objects.
    const at = copies.copyTo(bytes, start, end)
    if (at >= 0) return Buffer.from(copies.buffer, at, end - start)
    const { buffer, byteOffset, length } = copies.copy(bytes, start, end)
    return Buffer.from(buffer, byteOffset, length)
  }

  /** Gives memory that is the user's own already, all of it. */
  give(bytes: Uint8Array, format: FormatName): Format {
    if (format === 'utf8') return textDecoder.decode(bytes)
    return format === 'view' ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  protected text(bytes: Uint8Array, start: number, end: number): string {
    return textDecoder.decode(new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start))
  }
}

/**
 * Decodes many texts out of the same memory: a Buffer over all of it decodes faster than a view of each. It keeps the
 * memory alive until it forgets it; the owner keeps the memory pinned until then.
 */
export class SameMemoryCopier extends FormatCopier {
  private memory: ArrayBufferLike | null = null
  private buffer: Buffer | null = null

  protected override text(bytes: Uint8Array, start: number, end: number): string {
    if (bytes.buffer !== this.memory) {
      this.memory = bytes.buffer
      this.buffer = Buffer.from(bytes.buffer)
    }
    const { byteOffset } = bytes
    return this.buffer!.toString('utf8', byteOffset + start, byteOffset + end)
  }

  forget(): void {
    this.memory = null
    this.buffer = null
  }
}

/**
 * Gives an encoded key as the engine takes it: a view of whatever type counts as its bytes. Throws LEVEL_INVALID_KEY
 * for what is no key, or has lost its memory.
 */
export function engineKey(data: Format): Bytes {
  return engineBytes(data) ?? invalid('LEVEL_INVALID_KEY', 'key', data)
}

/** Checks a value and gives its bytes. Throws LEVEL_INVALID_VALUE. */
export function engineValue(data: Format): Bytes {
  return engineBytes(data) ?? invalid('LEVEL_INVALID_VALUE', 'value', data)
}

function engineBytes(data: Format): Bytes | null {
  if (typeof data === 'string') return data
  if (!isByteView(data)) return bytesOfView(data)
  return viewLength(data) > 0 || hasMemory(data) ? data : null
}

function invalid(code: string, what: string, given: unknown): never {
  const found = ArrayBuffer.isView(given) ? 'a view whose memory is gone' : `a value of type ${typeof given}`
  throw new LevelError(code, `Encoded ${what} must be a string or a view, not ${found}`)
}

/** Gives a bound of a range, or a key to seek, as bytes that nobody changes. */
export function keyBytes(data: Format): Uint8Array {
  return copyBytes(engineKey(data))
}
