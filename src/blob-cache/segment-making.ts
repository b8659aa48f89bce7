/**
 * What: how a segment that takes records begins and ends: its file, its name and its line in the catalog are durable
 * before anything is put into it; its footer is, before the catalog calls it sealed.
 * Thread: main.
 * Invariants: BC-2 a segment takes records only when its file, its name and its line in the catalog are durable.
 */
import { newFileHeader, runAsync } from '../base/index.js'
import type { FileHeader, FileOrigin } from '../base/index.js'
import { syncDirectory } from '../vfs/index.js'
import type { Vfs, VfsFile } from '../vfs/index.js'
import { ChangeTag } from './catalog-format.js'
import type { SegmentQueue } from './catalog-format.js'
import type { DeadRecords } from './catalog-state.js'
import type { CatalogWriter } from './catalog-writer.js'
import { createSegmentFile } from './segment-file.js'
import { lastExpiryMs } from './segment-footer.js'
import type { FooterEntry } from './segment-footer.js'
import type { SegmentSet } from './segment-set.js'

/** What segments are made with. */
export interface SegmentParts {
  vfs: Vfs
  dir: string
  origin: FileOrigin
  segments: SegmentSet
  catalog: CatalogWriter
}

/** A segment that is to be made. */
export interface NewSegment {
  segment: number
  queue: SegmentQueue
  bytes: number
}

/** Makes a segment. Requires: its bytes are reserved; when this rejects they are given back. */
export async function makeSegment(
  { vfs, dir, origin, segments, catalog }: SegmentParts, { segment, queue, bytes }: NewSegment,
): Promise<{ file: VfsFile; header: FileHeader }> {
  segments.begin(segment, queue, bytes)
  const header = newFileHeader('varveseg', origin, segment)
  let file: VfsFile | null = null
  try {
    file = await runAsync(createSegmentFile(vfs, dir, header))
    await runAsync(syncDirectory(vfs, dir))
    await catalog.submit([{ tag: ChangeTag.addSegment, segment, queue, salt: header.salt }])
    return { file, header }
  } catch (error) {
    await file?.close().catch(() => undefined)
    await segments.abandon(segment)
    throw error
  }
}

/** A segment that takes records. */
export interface OpenSegment {
  readonly segment: number
  readonly entries: readonly FooterEntry[]
  seal(dead: DeadRecords): Promise<number>
}

/** Seals a segment. False when that failed: its owner was told. */
export async function sealSegment(
  file: OpenSegment, { catalog, segments }: Pick<SegmentParts, 'catalog' | 'segments'>,
): Promise<boolean> {
  const { segment } = file
  let bytes: number
  try {
    bytes = await file.seal(catalog.catalog.state.segments.get(segment)!.dead)
  } catch {
    return false
  }
  // Without its line in the catalog the segment is open for the next process, which finds the footer.
  await catalog.submit([{ tag: ChangeTag.sealSegment, segment, bytes }]).catch(() => undefined)
  segments.seal(segment, bytes, lastExpiryMs(file.entries))
  return true
}
