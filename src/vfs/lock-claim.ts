/**
 * What: how one of many that want a directory gets its next generation, and never two of them. Platform-free, one call
 * of `files` at a time, so that a test can try every order in which several do it at once.
 *
 * All owners that are there must be gone. With n the highest generation, the claimant makes the file of generation n +
 * 1, which fails when the name is taken; it writes its record into the file; then it looks at all files again. If it
 * finds a higher generation, or a lower owner that lives after all, it withdraws. Of two claimants that write and then
 * look, at least one sees the other: so a file without a readable record is nobody's. Either its writer is still on its
 * way, and will see the later one; or it was torn by a power loss, which no owner survived. So nothing has to be
 * synced.
 * The holder removes lower generations in ascending order. The highest stays, released, so that numbers rise.
 * Design: docs/design/0005-lock.md.
 */

type Soon<T> = T | Promise<T>

export interface GenerationFiles<Owner> {
  /** Gives the generations that are there, ascending. */
  list(): Soon<number[]>
  read(generation: number): Soon<Owner | 'unreadable' | 'absent'>
  /** Makes an empty file; false when the name is taken. */
  create(generation: number): Soon<boolean>
  /** Fills the file that was made. */
  write(generation: number): Soon<void>
  /** Removes a generation; does nothing when it is not there. */
  remove(generation: number): Soon<void>
}

/** Looks at an owner; throws when it is in the way. */
export type Judge<Owner> = (owner: Owner) => Soon<void>

/**
 * Takes the next generation. Null: the name was taken, or somebody is further already. Throws what `judge` throws, and
 * leaves no file then.
 */
export async function claimGeneration<Owner>(
  files: GenerationFiles<Owner>, judge: Judge<Owner>,
): Promise<number | null> {
  const before = await files.list()
  await judgeAll(files, before, judge)
  const generation = (before.at(-1) ?? 0) + 1
  if (!(await files.create(generation))) return null
  let isOurs = false
  try {
    await files.write(generation)
    const after = await files.list()
    await judgeAll(files, after.filter((each) => each !== generation), judge)
    isOurs = after.at(-1) === generation
  } finally {
    if (!isOurs) await files.remove(generation)
  }
  return isOurs ? generation : null
}

async function judgeAll<Owner>(
  files: GenerationFiles<Owner>, generations: readonly number[], judge: Judge<Owner>,
): Promise<void> {
  for (const generation of generations) {
    const owner = await files.read(generation)
    if (owner !== 'unreadable' && owner !== 'absent') await judge(owner)
  }
}

/**
 * Removes generations below the caller's own. Requires: the caller holds `generation`. A file that cannot be removed is
 * left to the next holder, with all above it.
 */
export async function removeLower<Owner>(files: GenerationFiles<Owner>, generation: number): Promise<void> {
  for (const lower of await files.list()) {
    if (lower >= generation) return
    try {
      await files.remove(lower)
    } catch {
      return
    }
  }
}
