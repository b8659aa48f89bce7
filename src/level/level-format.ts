/**
 * What: bytes of the engine in the form that an encoding asks for, as private memory; and back.
 * Owns: the chunk that small copies share. Thread: main.
 */
import { copyBytes, isByteView, UserBytes } from '../base/index.js'
import type { Bytes } from '../base/index.js'
import type { FormatName } from './level-base.js'
import type { Format } from './classic-level.js'

const textDecoder = new TextDecoder('utf-8', { ignoreBOM: true })

export class FormatCopier {
  private readonly userBytes = new UserBytes()

  /** bytes[start, end) as a string, a Buffer or a Uint8Array of the user's own. */
  copy(bytes: Uint8Array, start: number, end: number, format: FormatName): Format {
    if (format === 'utf8') return this.text(bytes, start, end)
    const { userBytes } = this
    if (format === 'view') return userBytes.copy(bytes, start, end)
    // A Buffer of the memory at once: one made of a view would cost two objects.
    const at = userBytes.copyTo(bytes, start, end)
    if (at >= 0) return Buffer.from(userBytes.buffer, at, end - start)
    const { buffer, byteOffset, length } = userBytes.copy(bytes, start, end)
    return Buffer.from(buffer, byteOffset, length)
  }

  protected text(bytes: Uint8Array, start: number, end: number): string {
    return textDecoder.decode(new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start))
  }
}

/**
 * For many texts out of the same memory: a Buffer over all of it decodes faster than a view of each. It
 * keeps the memory alive until it forgets it: its owner has it pinned until then.
 */
export class PinnedCopier extends FormatCopier {
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
 * What a custom encoding made of a key or a value, as the engine takes it: a view of any type, also one
 * of another realm, counts as its bytes.
 */
export function engineBytes(data: Format): Bytes {
  if (typeof data === 'string' || isByteView(data) || !ArrayBuffer.isView(data)) return data
  const { buffer, byteOffset, byteLength } = data as ArrayBufferView
  return new Uint8Array(buffer, byteOffset, byteLength)
}

/** A bound of a range, or a key to seek, as bytes that nobody changes. */
export function keyBytes(data: Format): Uint8Array {
  return copyBytes(engineBytes(data))
}
