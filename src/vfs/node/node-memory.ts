/**
 * What: how much memory this process may use, as far as Node tells: that of the machine, or of its container.
 * Thread: any.
 */
import { totalmem } from 'node:os'

/** The bytes of memory that this process may use at most. */
export function memoryBytesMax(): number {
  // Typed as always there, but neither Bun nor each Node 20 of a distribution must have it.
  const limit = (process as { constrainedMemory?: () => number | undefined }).constrainedMemory?.()
  return memoryOf(totalmem(), limit)
}

/** Gives the smaller of both. A limit of 0 or undefined is one that is not known; without any, some are 2^64. */
export function memoryOf(machine: number, limit: number | undefined): number {
  return limit !== undefined && limit > 0 ? Math.min(machine, limit) : machine
}
