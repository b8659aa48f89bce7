/** Everything about a directory's files that a reader must not change. */
import { createHash } from 'node:crypto'
import { lstatSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

/** Describes each file in a line: name, kind and mode, size, times of change, hash of the content. */
export function directoryState(dir: string): string[] {
  const { mode, mtimeNs, ctimeNs } = lstatSync(dir, { bigint: true })
  const lines = [`. ${mode} ${mtimeNs} ${ctimeNs}`]
  for (const name of readdirSync(dir).sort()) {
    const file = path.join(dir, name)
    const { mode, size, mtimeNs, ctimeNs } = lstatSync(file, { bigint: true })
    const hash = createHash('sha256').update(readFileSync(file)).digest('hex')
    lines.push(`${name} ${mode} ${size} ${mtimeNs} ${ctimeNs} ${hash}`)
  }
  return lines
}

/** Describes a directory whose writer was told to stop: its threads finish the calls that they are in. */
export async function stoppedDirectoryState(dir: string): Promise<string[]> {
  for (let before = unlessRemoving(dir); ;) {
    await new Promise((resolve) => setTimeout(resolve, 50))
    const now = unlessRemoving(dir)
    if (now !== null && now.join() === before?.join()) return now
    before = now
  }
}

/** Null when a file went between the list of names and a look at it. */
function unlessRemoving(dir: string): string[] | null {
  try {
    return directoryState(dir)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}
