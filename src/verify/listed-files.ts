/**
 * What: whether a version still lists a file that was looked at before.
 * Thread: any (pure).
 */
import { allTables } from '../manifest/index.js'
import type { Version } from '../manifest/index.js'
import type { ListedFile } from '../tables/index.js'

export function isListed(version: Version, { kind, facts: { fileNum } }: ListedFile): boolean {
  if (kind === 'vlog') return version.valueLogs.has(fileNum)
  if (kind === 'log') return version.logs.has(fileNum)
  return allTables(version).some((table) => table.fileNum === fileNum)
}
