/**
 * What: bytes as callers hand them in. A view is read by the intrinsic getters and methods only: a subclass or a
 * property may claim another length, and a method may be overridden (`slice` of a Buffer gives a view, not a copy).
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

/** True for a Uint8Array of any realm or a subclass; false for a proxy, and for an object that only looks like one. */
export function isByteView(value: unknown): value is Uint8Array {
  return tag.call(value) === 'Uint8Array'
}

/** The real length of the view in bytes. */
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

/** The bytes under a typed array or DataView; null for anything else, and for a view that has lost its memory. */
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
 * Writes the bytes of a view at bytes[at…]. Another thread may have made the view longer since it was measured: then
 * more bytes are written behind the measured ones, or INVALID_ARGUMENT is thrown when there is no room.
 */
export function writeView(view: Uint8Array, bytes: Uint8Array, at: number): void {
  try {
    bytes.set(view, at)
  } catch {
    throw invalidArgument('the memory of a key or value grew during the call')
  }
}

/** Gives a copy with memory of its own, whose class is Uint8Array and nothing more special. */
export function copyView(view: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(view)
}
