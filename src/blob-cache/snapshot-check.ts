/**
 * What: checks the snapshot of the index that the catalog names: that all of it is what was written, and that it has
 * the records of the segments that are alive, and no others. The next open passes over one with a problem.
 * Memory: as an open cache. Thread: main.
 */
import { errnoOf, FILE_HEADER_BYTES } from '../base/index.js'
import type { Vfs } from '../vfs/index.js'
import { cacheFileName } from './cache-names.js'
import type { CatalogContents } from './catalog-reader.js'
import type { SegmentState } from './catalog-state.js'
import { newLedger } from './file-ledger.js'
import type { FileLedger } from './file-ledger.js'
import type { FooterEntry } from './segment-footer.js'
import { blocksBytes } from './snapshot-format.js'
import type { Snapshot } from './snapshot-reader.js'
import { readNamedSnapshot } from './snapshot-recovery.js'

/** Records that are told of one by one. */
const TOLD_MAX = 10

export class SnapshotCheck {
  readonly ledger: FileLedger
  private readonly snapshot: Snapshot | null
  private items = 0
  private missing = 0

  private constructor(ledger: FileLedger, snapshot: Snapshot | null) {
    this.ledger = ledger
    this.snapshot = snapshot
  }

  /** Reads the snapshot that the catalog names. Null when it names none, or a process has used it up meanwhile. */
  static async read(
    dir: string, vfs: Vfs, { header, state: { snapshot: named } }: CatalogContents,
  ): Promise<SnapshotCheck | null> {
    if (named === null) return null
    const name = cacheFileName('index', named.fileNum)
    const bytes = (await vfs.stat(vfs.join(dir, name)))?.size
    if (bytes === undefined) return null
    const ledger = newLedger(name, 'index', bytes)
    let snapshot: Snapshot | null = null
    try {
      snapshot = await readNamedSnapshot({ dir, vfs }, named, header.databaseId)
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return null
      ledger.problems.push((error as Error).message)
    }
    if (snapshot === null) {
      ledger.badBytes = bytes
      if (ledger.problems.length === 0) ledger.problems.push('it is not what was written')
    } else {
      ledger.contentCount = snapshot.index.count
      ledger.headerBytes = FILE_HEADER_BYTES
      ledger.contentBytes = blocksBytes({ items: snapshot.index.count, blocks: snapshot.blocks })
      ledger.footerBytes = bytes - ledger.headerBytes - ledger.contentBytes
    }
    return new SnapshotCheck(ledger, snapshot)
  }

  /** Compares the records of a segment that count. */
  note({ segment, dead }: SegmentState, entries: readonly FooterEntry[]): void {
    if (this.snapshot === null) return
    const { index } = this.snapshot
    for (const { low, high, recordNum, offset, bytes } of entries) {
      const slot = index.findIf(low, high, segment, recordNum)
      const isThere = slot >= 0 && index.offsetAt(slot) === offset && index.bytesAt(slot) === bytes
      if (isThere) this.items++
      if (isThere !== dead.has(recordNum)) continue
      this.missing++
      if (this.missing > TOLD_MAX) continue
      this.ledger.problems.push(`segment ${segment}, record ${recordNum}: ${isThere ? 'it is dead' : 'it is left out'}`)
    }
  }

  /** All segments were noted: says what is left. */
  end(): FileLedger {
    const { snapshot, items, missing, ledger: { problems } } = this
    if (missing > TOLD_MAX) problems.push(`and ${missing - TOLD_MAX} more records`)
    const surplus = snapshot === null ? 0 : snapshot.index.count - items
    if (surplus > 0) problems.push(`${surplus} items of which no segment tells`)
    return this.ledger
  }
}
