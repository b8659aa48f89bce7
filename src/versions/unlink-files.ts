/**
 * What: a job that unlinks files.
 * Does not own: the decision that nobody needs them (file-deleter.ts).
 * Thread: any.
 */
import { errnoOf } from '../base/index.js'
import type { Vfs } from '../vfs/index.js'

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
