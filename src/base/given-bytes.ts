/**
 * What: bytes as callers hand them in. Only what a view is made of counts, never what it says of itself: a subclass or
 * an own property may claim another length, and a method may be overridden (`slice` of a Buffer is a view, not a copy).
 */
import { invalidArgument } from './errors.js'

type Getter<T> = { call(view: unknown): T }

const typedArray = Object.getPrototypeOf(Uint8Array.prototype) as object
const tag = getterOf<string | undefined>(typedArray, Symbol.toStringTag)
const length = getterOf<number>(typedArray, 'length')
const placeOfArray = placeGetters(typedArray)
const placeOfDataView = placeGetters(DataView.prototype)
const { includes } = Uint8Array.prototype

function getterOf<T>(prototype: object, name: string | symbol): Getter<T> {
  return Object.getOwnPropertyDescriptor(prototype, name)!.get as unknown as Getter<T>
}

function placeGetters(prototype: object) {
  return {
    buffer: getterOf<ArrayBufferLike>(prototype, 'buffer'),
    byteOffset: getterOf<number>(prototype, 'byteOffset'),
    byteLength: getterOf<number>(prototype, 'byteLength'),
  }
}

/** True for a Uint8Array of any realm and for what extends it; false for a proxy, and for what only looks like one. */
export function isByteView(value: unknown): value is Uint8Array {
  return tag.call(value) === 'Uint8Array'
}

/** How many bytes the view has. */
export function viewLength(view: Uint8Array): number {
  return length.call(view)
}

/** False when the memory under the view was transferred away, or cut off before the view ends. */
export function hasMemory(view: Uint8Array): boolean {
  try {
    includes.call(view, 0, Infinity)
    return true
  } catch {
    return false
  }
}

/** The bytes of a typed array of whatever kind, or of a DataView; null for what is no view or has lost its memory. */
export function bytesOfView(view: unknown): Uint8Array | null {
  if (!ArrayBuffer.isView(view)) return null
  const { buffer, byteOffset, byteLength } = tag.call(view) === undefined ? placeOfDataView : placeOfArray
  try {
    return new Uint8Array(buffer.call(view), byteOffset.call(view), byteLength.call(view))
  } catch {
    return null
  }
}

/**
 * Writes a view's bytes, which were measured before, at bytes[at…]. Throws INVALID_ARGUMENT when another thread has
 * made its memory so much longer since then that it does not fit; what else it got longer stands behind the bytes.
 */
export function writeView(view: Uint8Array, bytes: Uint8Array, at: number): void {
  try {
    bytes.set(view, at)
  } catch {
    throw invalidArgument('the memory of a key or value grew during the call')
  }
}

/** A copy with memory of its own, and with no other class than Uint8Array. */
export function copyView(view: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(view)
}
