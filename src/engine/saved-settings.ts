/**
 * What: the engine's own settings, saved with the database as JSON text that the manifest does not look into.
 * Thread: any (pure).
 */
import { FORMAT_VERSION, KiB } from '../base/index.js'
import type { FileNum } from '../base/index.js'

export interface SavedSettings {
  writeBufferBytes: number
  /**
   * Tables of this database that no version lists and that hold what history does not know: an open found them and kept
   * them. Later history gives out their sequence numbers again, so a later open could not tell.
   */
  keptTables: readonly FileNum[]
}

export function encodeSettings({ writeBufferBytes, keptTables }: SavedSettings): string {
  const kept = keptTables.length === 0 ? {} : { keptTables }
  return JSON.stringify({ format: FORMAT_VERSION, writeBufferKiB: writeBufferBytes / KiB, ...kept })
}

/** Numbers of kept tables; none where the text is not what we write. */
export function keptTablesIn(settings: string): ReadonlySet<FileNum> {
  try {
    const { keptTables } = JSON.parse(settings) as { keptTables?: unknown }
    return new Set(Array.isArray(keptTables) ? keptTables.filter((each) => Number.isSafeInteger(each)) : [])
  } catch {
    return new Set()
  }
}
