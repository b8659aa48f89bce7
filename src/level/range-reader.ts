/**
 * What: a walk over a range for an iterator of abstract-level: entries, keys or values in their formats, one by one or
 * in pages; no promise in it.
 * Owns: the cursor, which holds the state of the moment the reader was made.
 * Thread: main.
 */
import { MiB } from '../base/index.js'
import type { InternalIterator } from '../base/index.js'
import { keyRange } from '../iterator/index.js'
import type { KeyBounds, KeyRange } from '../iterator/index.js'
import { Cursor, WalkAhead } from '../read/index.js'
import type { ReadView, WalkedPart } from '../read/index.js'
import type { Format } from './classic-level.js'
import type { FormatName, PrivateRangeOptions } from './level-base.js'
import { notOpenError } from './level-error.js'
import { keyBytes, SameMemoryCopier } from './level-format.js'
import { momentOf } from './level-snapshot.js'

const PAGE_BYTES_MAX = MiB

/** The part of an entry that is read. */
export type Part = 'entry' | 'key' | 'value'
/** The part that was asked for, in its format. */
export type Item = Format | [Format | undefined, Format | undefined]

/** An item that was read ahead. */
interface ReadItem {
  item: Item
  /** The bytes of its key and value. */
  bytes: number
}

export interface Page {
  items: Item[]
  /** The bytes of its keys and values. */
  bytes: number
}

export class RangeReader {
  readonly view: ReadView
  private readonly cursor: Cursor
  /** Copiers for keys and for values: in a table the two stand in different memory. */
  private readonly keys: SameMemoryCopier
  private readonly values: SameMemoryCopier
  private readonly part: Part
  private readonly withKey: boolean
  private readonly withValue: boolean
  private readonly keyFormat: FormatName
  private readonly valueFormat: FormatName
  private readonly pageBytesMax: number
  /** The bytes of the entry that was read last. */
  private lastBytes = 0
  /** What it gives next where values stand apart; null when it gives no values. */
  private readonly ahead: WalkAhead<ReadItem> | null
  /** An item that the last `next` has begun to read, since its value stands apart. The caller takes and awaits it. */
  private later: Promise<Item> | null = null

  constructor(view: ReadView, part: Part, options: PrivateRangeOptions) {
    this.view = view
    this.keys = new SameMemoryCopier(view.iterators.copies.byDefault)
    this.values = new SameMemoryCopier(view.iterators.copies.byDefault)
    this.part = part
    this.withKey = part === 'key' || (part === 'entry' && options.keys !== false)
    this.withValue = part === 'value' || (part === 'entry' && options.values !== false)
    this.keyFormat = options.keyEncoding
    this.valueFormat = options.valueEncoding
    const { highWaterMarkBytes: mark } = options
    this.pageBytesMax = typeof mark === 'number' && mark >= 0 ? mark : PAGE_BYTES_MAX
    this.cursor = new Cursor(view, {
      range: levelRange(options), reverse: options.reverse, limit: Infinity, ...momentOf(options, view),
      staysOpen: true, pauses: true,
    })
    this.ahead = this.withValue ? new WalkAhead(view, this.cursor, this.aheadPart()) : null
  }

  /** True when the last read has no answer yet, since it had to pass many deleted keys: it must be called again. */
  get isPaused(): boolean {
    return this.cursor.isPaused
  }

  /** Gives the item that the last `next` left to be awaited; null when there is none. */
  takeLater(): Promise<Item> | null {
    const { later } = this
    this.later = null
    return later
  }

  /** Adds the item that the last `fill` left to be awaited, if there is one. */
  async addLater(page: Page): Promise<void> {
    const later = this.takeLater()
    if (later === null) return
    page.items.push(await later)
    page.bytes += this.lastBytes
  }

  /**
   * Gives the next item; undefined at the end, when it `isPaused`, and when there is one to be awaited. Throws what
   * the engine throws, and LEVEL_DATABASE_NOT_OPEN. It reads ahead no more than `countMax` items.
   */
  next(countMax = Infinity): Item | undefined {
    const { ahead, cursor } = this
    if (ahead !== null && !ahead.isEmpty && !cursor.wasCut) return this.taken(ahead.take())
    if (cursor.next()) {
      if (ahead === null || !cursor.isApart) return this.read(cursor.lent)
      this.later = ahead.read(countMax).then((read) => this.taken(read))
      return undefined
    }
    if (cursor.wasCut) throw notOpenError('cannot read from the iterator')
    return undefined
  }

  /**
   * Fills a page up to `size` items, fewer when they get large. False when it stopped because it has taken long, or
   * because an item is to be awaited: it must be called again. A page that stays empty is the end.
   */
  fill(page: Page, size: number): boolean {
    const { turns } = this.view
    const { items } = page
    while (items.length < size && page.bytes <= this.pageBytesMax) {
      const item = this.next(size - items.length)
      if (item === undefined) return !this.isPaused && this.later === null
      items.push(item)
      page.bytes += this.lastBytes
      if (turns.isOver()) return false
    }
    return true
  }

  seek(target: Format): void {
    this.ahead?.drop()
    this.cursor.seek(keyBytes(target))
  }

  close(): void {
    this.ahead?.drop()
    this.cursor.close()
    this.keys.forget()
    this.values.forget()
  }

  private read(entry: InternalIterator): Item {
    const { part } = this
    const key = this.withKey ? this.readKey(entry) : undefined
    const value = this.withValue ? this.readValue(entry) : undefined
    this.lastBytes = this.bytesOf(entry, entry.valueEnd - entry.valueStart)
    if (part === 'entry') return [key, value]
    return (part === 'key' ? key : value)!
  }

  private bytesOf({ keyStart, keyEnd }: InternalIterator, valueBytes: number): number {
    const { part } = this
    return (part === 'value' ? 0 : keyEnd - keyStart) + (part === 'key' ? 0 : valueBytes)
  }

  private aheadPart(): WalkedPart<ReadItem> {
    return {
      now: (cursor) => ({ item: this.read(cursor.lent), bytes: this.lastBytes }),
      apart: (cursor) => {
        const bytes = this.bytesOf(cursor.lent, cursor.valueBytes)
        const key = this.withKey ? this.readKey(cursor.lent) : undefined
        return (read) => {
          const value = this.values.give(read, this.valueFormat)
          return { item: this.part === 'entry' ? [key, value] : value, bytes }
        }
      },
    }
  }

  private taken({ item, bytes }: ReadItem): Item {
    this.lastBytes = bytes
    return item
  }

  private readKey({ keyBytes, keyStart, keyEnd }: InternalIterator): Format {
    return this.keys.copy(keyBytes, keyStart, keyEnd, this.keyFormat)
  }

  private readValue({ valueBytes, valueStart, valueEnd }: InternalIterator): Format {
    return this.values.copy(valueBytes, valueStart, valueEnd, this.valueFormat)
  }
}

type GivenBounds = Pick<PrivateRangeOptions, 'gt' | 'gte' | 'lt' | 'lte'>

export function levelRange(given: GivenBounds): KeyRange {
  return keyRange(levelBounds(given))
}

/** Makes bounds of a range: `gte` goes before `gt`, `lte` before `lt`. */
export function levelBounds({ gt, gte, lt, lte }: GivenBounds): KeyBounds {
  return {
    gte: gte === undefined ? undefined : keyBytes(gte),
    gt: gte === undefined && gt !== undefined ? keyBytes(gt) : undefined,
    lte: lte === undefined ? undefined : keyBytes(lte),
    lt: lte === undefined && lt !== undefined ? keyBytes(lt) : undefined,
  }
}
