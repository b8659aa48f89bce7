/**
 * What: the engine's own settings, saved with the database as JSON text that the manifest does not look into.
 * Thread: any (pure).
 */
import { FORMAT_VERSION, KiB, WRITE_BUFFER_BYTES_MAX } from '../base/index.js'
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

/** The size of the writer's buffers, which its logs reach; undefined where the text is not what we write. */
export function writeBufferBytesIn(settings: string): number | undefined {
  try {
    const { writeBufferKiB } = JSON.parse(settings) as { writeBufferKiB?: unknown }
    return isSize(writeBufferKiB) ? writeBufferKiB * KiB : undefined
  } catch {
    return undefined
  }
}

function isSize(kib: unknown): kib is number {
  return Number.isSafeInteger(kib) && (kib as number) > 0 && (kib as number) * KiB <= WRITE_BUFFER_BYTES_MAX
}
