/**
 * What: a table of the source, as far as it is left, and a cursor over its entries.
 * Owns: a cursor owns the file that it reads. Thread: main; reads block.
 */
import { errnoOf, ioError } from '../base/index.js'
import type { FileNum, LevelNum, SeqNum, TableFacts } from '../base/index.js'
import type { Extent } from '../manifest/index.js'
import { BlockReader, openWholeTable, readSalvaged } from '../sstable/index.js'
import type { SalvagedTable } from '../sstable/index.js'
import type { Vfs, VfsFile } from '../vfs/index.js'

export interface SourceTable {
  readonly fileNum: FileNum
  /** File name, relative to `dir`. */
  readonly name: string
  /** The source, or the target for what logs held. */
  readonly dir: string
  readonly level: LevelNum
  /** The order of age: of two tables that share keys, the lower rank is newer. Null: nobody knows. */
  readonly rank: number | null
  /** What the manifest says, or the table itself; null when neither does. */
  readonly facts: TableFacts | null
  readonly extent: Extent
  readonly smallestSeqNum: SeqNum
  readonly state: 'whole' | 'damaged' | 'lost'
  /** What is left of a damaged table; null for the others. */
  readonly salvaged: SalvagedTable | null
  /** False for one of which nobody knows whether it counts: its entries are not served. */
  readonly isServed: boolean
}

/** A position among the entries that are left of a table. */
export class TableCursor {
  readonly table: SourceTable
  readonly reader = new BlockReader()
  /** The key is key[0, keyBytes). */
  key = new Uint8Array(256)
  keyBytes = 0
  seqNum = 0
  kind = 0
  /** The number of the block among those that are left. */
  block = -1
  /** What is left of the table; known once it is open. */
  left!: SalvagedTable
  private at = 0
  private file: VfsFile | null = null
  private readonly vfs: Vfs
  private readonly note: (bytes: number) => void

  constructor(table: SourceTable, vfs: Vfs, note: (bytes: number) => void) {
    this.table = table
    this.vfs = vfs
    this.note = note
  }

  open(): void {
    const { table: { dir, name, salvaged, facts }, vfs } = this
    const file = openSource(vfs, vfs.join(dir, name), name)
    this.file = file
    if (salvaged === null) this.left = openWholeTable({ file, name }, facts!)
    else this.left = { ...salvaged, source: { ...salvaged.source, file } }
  }

  /** Moves to the next entry; false at the end. */
  next(): boolean {
    if (this.file === null) this.open()
    if (this.block < 0 || ++this.at === this.reader.count) {
      if (++this.block >= this.left.blocks.length) return false
      const block = this.left.blocks[this.block]!
      readSalvaged(this.left, this.reader, block)
      this.note(block.bytes)
      this.at = 0
    }
    const { reader, at } = this
    const keyBytes = reader.keyBytesAt(at)
    if (keyBytes > this.key.length) this.key = new Uint8Array(2 * keyBytes)
    this.keyBytes = reader.copyKey(at, this.key)
    this.seqNum = reader.seqNumAt(at) + this.left.addedSeqNum
    this.kind = reader.kindAt(at)
    return true
  }

  get bytes(): Uint8Array {
    return this.reader.bytes
  }

  get valueStart(): number {
    return this.reader.valueStart(this.at)
  }

  get valueEnd(): number {
    return this.reader.valueEnd(this.at)
  }

  keyCopy(): Uint8Array {
    return this.key.slice(0, this.keyBytes)
  }

  close(): void {
    try {
      this.file?.closeSync()
    } catch {
      // It was only read.
    }
    this.file = null
    this.reader.forget()
  }
}

/** Opens a file of the source to read. Throws MISSING_FILE as ENOENT does, else IO_ERROR. */
export function openSource(vfs: Vfs, path: string, name: string): VfsFile {
  try {
    return vfs.openSync(path, 'read')
  } catch (error) {
    throw errnoOf(error) === 'ENOENT' ? error : ioError(error, 'open', name)
  }
}
