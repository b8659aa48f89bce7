/**
 * What: finds and removes what a checkpoint, a restore or a repair that was killed has left beside its target
 * (new-directory.ts).
 *
 * Who makes such a directory holds its lock all the while, so a lock that can be taken, and that somebody had before,
 * tells that he is dead, whoever has his process number now. What has a marker is a database, and what has any other
 * file is somebody's: neither is touched, whatever its name.
 * Owns: nothing. Thread: main.
 */
import { LOCK_FILE_NAME, parseFileName, SALVAGED_DIRECTORY } from '../base/index.js'
import type { Vfs } from '../vfs/index.js'
import { namesIn } from './found-directory.js'
import { readMarker } from './marker.js'
import { removeFiles } from './remove-files.js'

const TEMP_NAME = /\.tmp\.\d+\.\d+$/

/** Gives the name that a directory will get which is made under this one; null when the name is none of such. */
export function targetOfTemp(name: string): string | null {
  return TEMP_NAME.test(name) ? name.replace(TEMP_NAME, '') : null
}

/** Removes what killed tools have left in a directory, but not `source`, as far as that can be. Never rejects. */
export async function removeUnfinished(vfs: Vfs, parent: string, source: string | null): Promise<void> {
  for (const name of await namesIn(parent, vfs).catch(() => [])) {
    const dir = vfs.join(parent, name)
    if (targetOfTemp(name) === null || dir === source) continue
    try {
      if (await isUnfinished(vfs, dir)) await removeDead(vfs, dir)
    } catch {
      // Somebody makes something there, or it is no directory.
    }
  }
}

async function removeDead(vfs: Vfs, dir: string): Promise<void> {
  const lock = await vfs.lock(dir)
  // The first owner of a lock has generation 1: then nobody has died there, and who made it may just be naming it.
  const isDead = await isUnfinished(vfs, dir).then((is) => is && lock.generation > 1, () => false)
  if (isDead) await removeFiles(vfs, dir)
  await lock.discard()
  if (isDead) await vfs.rmdir(dir)
}

async function isUnfinished(vfs: Vfs, dir: string): Promise<boolean> {
  const names = await vfs.list(dir)
  if (!names.includes(LOCK_FILE_NAME) || readMarker(names) !== null) return false
  return names.every((name) => name === SALVAGED_DIRECTORY || parseFileName(name) !== null)
}
