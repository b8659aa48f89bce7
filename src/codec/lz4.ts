/**
 * What: the LZ4 of this thread, made when it is needed first: in WebAssembly, or in its absence (`--jitless`, address
 * space that is bounded by `ulimit -v`) in JavaScript, with equal results.
 * Thread: each has its own.
 */
import type { Lz4 } from './lz4-memory.js'
import { ScriptLz4 } from './lz4-script.js'
import { WasmLz4 } from './lz4-wasm.js'

let made: Lz4 | null = null

/** Gives the one of this thread. What stands in its memory is good until the next caller. */
export function lz4OfThread(): Lz4 {
  return made ??= makeLz4()
}

function makeLz4(): Lz4 {
  try {
    return new WasmLz4()
  } catch {
    return new ScriptLz4()
  }
}
