/**
 * What: stage 4, release: the log of an installed memtable goes, if nobody retains it.
 * Owns: the decision and the unlink. Does not own: pins (manifest version), slabs (their holders).
 * Thread: main; the unlink runs as a job.
 * Invariants: FLUSH-7 a log is deleted only when the durable log pointer has passed it and no pin
 * holds it; a retained log stays in the directory and is never replayed.
 */
import { errnoOf } from '../base/index.js'
import type { FileNum } from '../base/index.js'
import type { Vfs } from '../vfs/index.js'

/** Does a pin keep this log? A pin keeps every log from its number on. */
export function isRetained(logNum: FileNum, pins: ReadonlyMap<string, FileNum>): boolean {
  for (const firstKept of pins.values()) if (logNum >= firstKept) return true
  return false
}

export interface UnlinkInput {
  dir: string
  names: string[]
}

/** Removes files; those that are gone already count as removed. Returns the names that stayed. */
export function* unlinkFiles(
  input: UnlinkInput, { vfs }: { vfs: Vfs },
): Generator<undefined, string[], unknown> {
  const stayed: string[] = []
  for (const name of input.names) {
    try {
      vfs.unlinkSync(vfs.join(input.dir, name))
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') stayed.push(name)
    }
    yield
  }
  return stayed
}
