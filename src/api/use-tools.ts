/**
 * What: loads the tools at the first call that needs them. Programs that only open, write and read start without them.
 * A call reads its arguments, and takes hold of its stream, its signal and its moment, before it waits for the tools:
 * what it was given may change meanwhile.
 */
import { VarveError } from '../base/index.js'
import type { AbortWatch } from '../base/index.js'

export type Tools = typeof import('./tools.js')

/** Loads the tools, or gives them when that was done before. Rejects with IO_ERROR. */
export async function loadTools(): Promise<Tools> {
  try {
    // A bundle by webpack has them inside, as those of others do: nobody copies a second file along.
    return await import(/* webpackMode: "eager" */ './tools.js')
  } catch (error) {
    throw new VarveError('IO_ERROR', `a part of this package could not be loaded: ${String(error)}`, {
      cause: error, hint: 'the files of the package must stay as they are while a program runs',
    })
  }
}

/** Runs a call with the tools. When there are none, it ends the watch of the call's signal, as the call would have. */
export async function useTools<T>(abort: AbortWatch | null, call: (tools: Tools) => Promise<T>): Promise<T> {
  const tools = await loadTools().catch((error: unknown) => {
    abort?.end()
    throw error
  })
  return call(tools)
}
