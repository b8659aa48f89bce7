/**
 * What: how many files this process may have open at once, as far as the system tells: `ulimit -n` on Linux.
 * Thread: any; read once a thread.
 */
import * as fs from 'node:fs'

let known: { openFilesMax: number | undefined } | null = null

/** Undefined where it is not known: other systems, or a permission model that forbids to look. */
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

/** From the text of /proc/self/limits: the soft limit. */
export function parseOpenFilesMax(text: string): number | undefined {
  const soft = /^Max open files\s+(\d+|unlimited)\s/m.exec(text)?.[1]
  return soft === undefined || soft === 'unlimited' ? undefined : Number(soft)
}
