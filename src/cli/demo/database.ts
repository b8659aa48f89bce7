/**
 * What: the demo's database: its options, and making room for a new one.
 */
import { rmdir } from 'node:fs/promises'
import { Varve } from '../../api/index.js'
import { MiB, VarveError } from '../../base/index.js'
import type { VarveOptions } from '../../engine/index.js'

/** A small buffer, so that there are many flushes to see. */
export const DEMO_OPTIONS: VarveOptions = { writeBufferSize: 4 * MiB }

/** Removes the database of an earlier demo. Files that are not Varve's stay, and are an error. */
export async function removeOldDatabase(dir: string): Promise<void> {
  try {
    await Varve.destroy(dir)
  } catch (error) {
    if (!VarveError.is(error) || error.code !== 'NOT_FOUND') throw error
  }
  try {
    await rmdir(dir)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ENOENT') throw new Error(`${dir} is in the way: it holds files that are not Varve's (${code})`)
  }
}
