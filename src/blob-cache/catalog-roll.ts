/**
 * What: makes a catalog in the place of the present one: the state of its durable groups in a new file, then the
 * marker, then the old file goes.
 * Thread: main.
 */
import { runAsync } from '../base/index.js'
import type { FileOrigin, VarveError } from '../base/index.js'
import { moveMarker } from '../directory/index.js'
import type { LockedDirectory } from './cache-directory.js'
import { CACHE_MARKER } from './cache-names.js'
import { createCatalog } from './catalog.js'
import type { Catalog, CatalogSpace } from './catalog.js'
import type { PromisedNumbers } from './catalog-format.js'

export interface CatalogRoll extends PromisedNumbers {
  place: LockedDirectory
  origin: FileOrigin
  space: CatalogSpace
}

/** Writes a catalog anew; `fileNum` is that of the new file. */
export async function rollCatalog(from: Catalog, roll: CatalogRoll): Promise<Catalog> {
  const { place: { dir, vfs }, origin, space, seqNum, fileNum } = roll
  const { state, rollBytes } = from
  state.promise(seqNum, fileNum)
  const next = await runAsync(createCatalog({ vfs, dir, origin, fileNum, state, rollBytes, space }))
  try {
    await runAsync(moveMarker(vfs, dir, fileNum, CACHE_MARKER))
  } catch (error) {
    // Where the marker may or may not have moved, both may count.
    if ((error as VarveError).code === 'COMMIT_UNKNOWN') await next.close()
    else await next.remove()
    throw error
  }
  await from.remove()
  return next
}
