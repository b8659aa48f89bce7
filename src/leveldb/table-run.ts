/**
 * What: the entries of a row of LevelDB tables of which each ends before the next begins, in order.
 *
 *   block…  filter?  metaindex  index  footer: metaindex handle, index handle, zeros to 40 bytes, magic (u64)
 *
 * An index entry holds the handle of a block. An entry is: bytes shared with the key before, bytes of its own, bytes of
 * the value (varints), then key bytes and value. Behind the entries of a block stand places where no key is shared.
 * Owns: the one table that is open. Thread: one.
 * Invariants: LDB-3 entries come in ascending order, within the bounds that the manifest gives of a table, or it is
 * CORRUPTION.
 */
import { BadBytes, corruption, getU32, unsupportedFormat } from '../base/index.js'
import type { VarveError } from '../base/index.js'
import { BlockLoader } from './block-loader.js'
import type { BlockHandle, LoaderParts } from './block-loader.js'
import { LevelCursor, VALUE } from './level-cursor.js'
import { FieldReader } from './level-fields.js'
import { compareTagged, TAG_BYTES } from './level-manifest.js'
import type { ListedTable } from './level-manifest.js'
import { ReadWindow } from './read-window.js'
import type { FileAccess } from './read-window.js'
import { FOOTER_BYTES, readFooter, readHandle } from './table-footer.js'

/** A table, and the name that its file has. */
export interface NamedTable extends ListedTable {
  name: string
  /** The lowest rank counts, of entries with equal key and number. */
  rank: number
}

export interface TableRunOptions extends LoaderParts {
  access: FileAccess
  tables: readonly NamedTable[]
  /** False for tables in another order than the bytewise one. */
  isOrdered: boolean
}

export class TableRun extends LevelCursor {
  private readonly options: TableRunOptions
  private readonly loader: BlockLoader
  private readonly fields = new FieldReader(new Uint8Array())
  /** The next table of the row. */
  private nextTable = 0
  private window: ReadWindow | null = null
  private table: NamedTable | null = null
  /** Offset and size of each block of the table, in turns. */
  private handles: Float64Array = new Float64Array()
  private nextBlock = 0
  /** Where the present block begins in its file. */
  private blockOffset = 0
  private at = 0
  private blockEnd = 0
  /** Bytes of the key before, with its tag, that the next one may share: none where a block begins. */
  private sharable = 0
  private hasKey = false
  /** The lower bound of the table, until its first entry was compared with it. */
  private lower: Uint8Array | null = null

  constructor(options: TableRunOptions) {
    super()
    this.options = options
    this.loader = new BlockLoader(options)
    this.key = new Uint8Array(64)
  }

  // ── Entries ─────────────────────────────────────────────────────────────────────────────────────

  override next(): boolean {
    const { bytes } = this
    let { at } = this
    if (at >= this.blockEnd) return false
    let shared = bytes[at]!
    let own = bytes[at + 1]!
    let valueBytes = bytes[at + 2]!
    if ((shared | own | valueBytes) < 0x80) at += 3
    else {
      const { fields } = this
      fields.reset(bytes, at, this.blockEnd)
      shared = this.field()
      own = this.field()
      valueBytes = this.field()
      at = fields.position
    }
    const keyBytes = shared + own
    // What lies behind the block's end is part of no length, so this also finds lengths that were read from there.
    if (shared > this.sharable || keyBytes < TAG_BYTES || at + own + valueBytes > this.blockEnd) {
      throw this.damage('an entry with wrong lengths')
    }
    if (this.options.isOrdered && !this.isBehind(at, shared, keyBytes)) throw this.damage('an entry out of order')
    this.takeKey(at, shared, keyBytes)
    if (this.lower !== null) this.checkLower(this.lower)
    this.valueStart = at + own
    this.valueEnd = this.at = this.valueStart + valueBytes
    return true
  }

  private field(): number {
    try {
      return this.fields.varint()
    } catch (error) {
      throw error instanceof BadBytes ? this.damage(error.message) : error
    }
  }

  /** True when the entry whose own bytes of the key stand at `at` comes behind the present one. */
  private isBehind(at: number, shared: number, keyBytes: number): boolean {
    this.isRepeat = false
    if (!this.hasKey) return true
    const { key, bytes, keyEnd } = this
    const newEnd = keyBytes - TAG_BYTES
    const end = Math.min(keyEnd, newEnd)
    const from = at - shared
    for (let i = shared; i < end; i++) {
      const difference = bytes[from + i]! - key[i]!
      if (difference !== 0) return difference > 0
    }
    if (newEnd !== keyEnd) return newEnd > keyEnd
    this.isRepeat = true
    return this.isOlder(from, shared, keyBytes)
  }

  /** True when the tag of the next entry, which has the key of the present one, is older. */
  private isOlder(from: number, shared: number, keyBytes: number): boolean {
    for (let i = keyBytes - 1; i >= keyBytes - TAG_BYTES; i--) {
      const byte = i < shared ? this.key[i]! : this.bytes[from + i]!
      if (byte !== this.key[i]!) return byte < this.key[i]!
    }
    return false
  }

  private takeKey(at: number, shared: number, keyBytes: number): void {
    if (this.key.length < keyBytes) {
      const grown = new Uint8Array(2 * keyBytes)
      grown.set(this.key.subarray(0, shared))
      this.key = grown
    }
    const { key, bytes } = this
    for (let from = at, to = shared; to < keyBytes; ) key[to++] = bytes[from++]!
    this.keyEnd = keyBytes - TAG_BYTES
    this.sharable = keyBytes
    this.hasKey = true
    if (key[this.keyEnd]! > VALUE) {
      throw unsupportedFormat(this.window!.name, this.blockOffset, `an entry of kind ${key[this.keyEnd]}`)
    }
    this.takeTag(key, this.keyEnd)
  }

  // ── Blocks ──────────────────────────────────────────────────────────────────────────────────────

  override loadNow(): boolean {
    const { window, handles, nextBlock } = this
    if (window === null || nextBlock >= handles.length) return false
    const handle = { offset: handles[nextBlock]!, size: handles[nextBlock + 1]! }
    if (!this.loader.loadNow(window, handle)) return false
    this.enterBlock(handle)
    return true
  }

  override async load(): Promise<boolean> {
    for (;;) {
      const { window, table, handles, nextBlock } = this
      if (window !== null && nextBlock < handles.length) {
        const handle = { offset: handles[nextBlock]!, size: handles[nextBlock + 1]! }
        await this.loader.load(window, handle, table!.bytes)
        this.enterBlock(handle)
        return true
      }
      if (!(await this.openNext())) return false
    }
  }

  private enterBlock({ offset }: BlockHandle): void {
    this.nextBlock += 2
    this.bytes = this.loader.bytes
    this.blockOffset = offset
    this.at = this.loader.start
    this.loadedBytes = this.loader.end - this.loader.start
    this.blockEnd = entriesEnd(this.loader)
    this.sharable = 0
    if (this.blockEnd < 0) throw this.damage('a block with too many places to begin at')
  }

  // ── Tables ──────────────────────────────────────────────────────────────────────────────────────

  private async openNext(): Promise<boolean> {
    await this.leaveTable()
    const { access, tables, aheadBytes } = this.options
    const table = tables[this.nextTable++]
    if (table === undefined) return false
    const window = new ReadWindow(access, table.name, aheadBytes)
    this.table = table
    this.window = window
    this.rank = table.rank
    const index = await readFooter(window, table.bytes)
    await this.loader.load(window, index, table.bytes)
    this.handles = this.readIndex(index, table.bytes - FOOTER_BYTES)
    this.nextBlock = 0
    if (this.options.isOrdered) this.lower = table.smallest
    return true
  }

  /** Reads where the blocks of the table stand. Their keys are not needed: the order of entries is checked. */
  private readIndex(index: BlockHandle, tableBytes: number): Float64Array {
    const { loader, window } = this
    const end = entriesEnd(loader)
    const fields = new FieldReader(loader.bytes, loader.start, Math.max(end, loader.start))
    const handles: number[] = []
    try {
      if (end < 0) throw new BadBytes(0, 'too many places to begin at')
      while (fields.left > 0) {
        fields.varint()
        const ownBytes = fields.varint()
        const valueBytes = fields.varint()
        fields.take(ownBytes)
        const valueEnd = fields.position + valueBytes
        const { offset, size } = readHandle(fields, tableBytes)
        if (fields.position !== valueEnd) throw new BadBytes(fields.position, 'an index entry with wrong lengths')
        handles.push(offset, size)
      }
    } catch (error) {
      if (!(error instanceof BadBytes)) throw error
      throw corruption(window!.name, index.offset, `the index cannot be read: ${error.message}`)
    }
    return Float64Array.from(handles)
  }

  private checkLower(lower: Uint8Array): void {
    this.lower = null
    if (compareTagged(this.tagged(), lower) < 0) throw this.damage('an entry below the first key of the table')
  }

  private tagged(): Uint8Array {
    return this.key.subarray(0, this.keyEnd + TAG_BYTES)
  }

  private async leaveTable(): Promise<void> {
    const { window, table } = this
    if (window === null) return
    if (this.options.isOrdered && this.lower === null && compareTagged(this.tagged(), table!.largest) > 0) {
      throw this.damage('an entry above the last key of the table')
    }
    this.window = null
    await window.close()
  }

  override async close(): Promise<void> {
    await this.window?.close()
    this.window = null
  }

  private damage(what: string): VarveError {
    return corruption(this.window!.name, this.blockOffset, `in the block there: ${what}`)
  }
}

/** Where the entries of a loaded block end; -1 when the number behind them leads before its beginning. */
function entriesEnd({ bytes, start, end }: BlockLoader): number {
  if (end - start < 4) return -1
  const entries = end - 4 - 4 * getU32(bytes, end - 4)
  return entries < start ? -1 : entries
}
