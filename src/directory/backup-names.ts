/**
 * What: the names of backups in the directory of a set: their numbers, with zeros in front.
 * Thread: any (pure).
 */

const NUMBER = /^\d{6,15}$/

/** Gives those of the names that are backups', oldest first. */
export function backupNames(names: readonly string[]): string[] {
  return names.filter((name) => NUMBER.test(name)).sort((a, b) => Number(a) - Number(b))
}
