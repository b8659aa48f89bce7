/**
 * What: bytes as callers hand them in. Only what a view is made of counts, never what it says of itself: a subclass or
 * an own property may claim another length, and a method may be overridden (`slice` of a Buffer is a view, not a copy).
 */

type Getter<T> = { call(view: unknown): T }

const typedArray = Object.getPrototypeOf(Uint8Array.prototype) as object
const tag = getterOf<string | undefined>(Symbol.toStringTag)
const length = getterOf<number>('length')
const { includes } = Uint8Array.prototype

function getterOf<T>(name: string | symbol): Getter<T> {
  return Object.getOwnPropertyDescriptor(typedArray, name)!.get as unknown as Getter<T>
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

/** A copy with memory of its own, and with no other class than Uint8Array. */
export function copyView(view: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(view)
}
