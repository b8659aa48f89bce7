/**
 * What: the job that touches the pages of a new slab, so that the system has made them when a large batch is copied
 * there: the main thread would spend two thirds of a millisecond for each MiB on it.
 * Thread: worker, while the main thread writes to the same memory.
 */
import { MiB } from '../base/index.js'

const PAGE_WORDS = 1024
const WORDS_PER_STEP = MiB / 4

/**
 * A zero is replaced by a zero if it is there, so every word stays as it is, whoever writes it meanwhile. It is one
 * access that writes: one that reads first, as `Atomics.or` does, makes the system map each page twice.
 */
export function* touchSlab({ memory }: { memory: SharedArrayBuffer }): Generator<undefined, null, unknown> {
  const words = new Int32Array(memory, 0, memory.byteLength >>> 2)
  for (let at = 0; at < words.length; at += PAGE_WORDS) {
    Atomics.compareExchange(words, at, 0, 0)
    if (at % WORDS_PER_STEP === 0) yield
  }
  return null
}
