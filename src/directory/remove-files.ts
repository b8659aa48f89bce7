/**
 * What: removes directories, and what is in them, as far as that can be.
 * Owns: nothing. Thread: main.
 */
import { parseFileName } from '../base/index.js'
import type { Vfs } from '../vfs/index.js'
import { namesIn } from './found-directory.js'

/** Removes a directory with all in it, as far as that can be. */
export async function removeDirectory(vfs: Vfs, dir: string): Promise<void> {
  await removeFiles(vfs, dir)
  const left = await namesIn(dir, vfs).catch(() => [])
  for (const name of left) await vfs.unlink(vfs.join(dir, name)).catch(() => undefined)
  await vfs.rmdir(dir).catch(() => undefined)
}

/**
 * Removes what is in a directory but for the files of its lock, as far as that can be; the marker first, so that what
 * is left of it is no database.
 */
export async function removeFiles(vfs: Vfs, dir: string): Promise<void> {
  const kindOf = (name: string): string | undefined => parseFileName(name)?.kind
  const names = (await namesIn(dir, vfs).catch(() => [])).filter((name) => kindOf(name) !== 'lock')
  const markers = names.filter((name) => kindOf(name) === 'marker')
  for (const name of [...markers, ...names.filter((each) => !markers.includes(each))]) {
    const path = vfs.join(dir, name)
    const info = await vfs.stat(path).catch(() => null)
    if (info?.kind === 'directory') await removeDirectory(vfs, path)
    else await vfs.unlink(path).catch(() => undefined)
  }
}
