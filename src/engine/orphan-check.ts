/**
 * What: looks at tables that no version lists, before anything is deleted: one of them may prove that
 * the manifest lost an edit that was once durable (manifest/obsolete-files.ts, findLostEdit).
 * Thread: main. Changes nothing.
 */
import { corruption, manifestFileName, parseFileName, runAsync } from '../base/index.js'
import type { TableFacts } from '../base/index.js'
import { findLostEdit, logNumbers, readMarker } from '../manifest/index.js'
import type { Version } from '../manifest/index.js'
import { readTableFacts } from '../sstable/index.js'
import type { Vfs } from '../vfs/index.js'

/** Throws CORRUPTION when the manifest is proven to have lost an edit. */
export async function checkOrphans(
  vfs: Vfs, dir: string, names: readonly string[], version: Version,
): Promise<void> {
  const listed = new Set(version.levels.flatMap((level) => level.map((facts) => facts.fileNum)))
  const orphans: TableFacts[] = []
  for (const name of names) {
    const parsed = parseFileName(name)
    if (parsed?.kind !== 'table' || listed.has(parsed.fileNum)) continue
    const facts = await readOrphan(vfs, vfs.join(dir, name), name)
    if (facts !== null) orphans.push(facts)
  }
  const lost = findLostEdit(orphans, logNumbers(names), version)
  if (lost === null) return
  const manifest = manifestFileName(readMarker(names)?.manifest ?? 0)
  throw corruption(
    manifest, 0, `table ${lost.table} was flushed from log ${lost.log}, which is gone, yet no edit lists the table`,
    'the manifest lost an edit: restore it from a backup; nothing was changed',
  )
}

/** Null for a file that is not a whole table: an unfinished write proves nothing. */
async function readOrphan(vfs: Vfs, path: string, name: string): Promise<TableFacts | null> {
  try {
    const file = await vfs.open(path, 'read')
    try {
      return await runAsync(readTableFacts({ file, name }))
    } finally {
      await file.close()
    }
  } catch {
    return null
  }
}
