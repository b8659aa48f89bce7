/**
 * What: how many files this process may have open at once, as far as the system tells: `ulimit -n` on Linux.
 * Thread: any; read once a thread.
 */
import * as fs from 'node:fs'

let known: { openFilesMax: number | undefined } | null = null

/**
 * How many files this process may have open. Undefined where it is not known: on other systems, and where a permission
 * model forbids to look.
 */
export function openFilesMax(): number | undefined {
  known ??= { openFilesMax: readLimit() }
  return known.openFilesMax
}

function readLimit(): number | undefined {
  if (process.platform !== 'linux') return undefined
  try {
    return parseOpenFilesMax(fs.readFileSync('/proc/self/limits', 'latin1'))
  } catch {
    return undefined
  }
}

/** Reads the soft limit from the text of /proc/self/limits. */
export function parseOpenFilesMax(text: string): number | undefined {
  const soft = /^Max open files\s+(\d+|unlimited)\s/m.exec(text)?.[1]
  return soft === undefined || soft === 'unlimited' ? undefined : Number(soft)
}
