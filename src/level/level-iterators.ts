/**
 * What: abstract-level's three iterators over one reader. Reading is synchronous; now and then it waits
 * for a macrotask, so that a loop over cached entries does not starve timers.
 * Thread: main.
 */
import { AbstractIterator, AbstractKeyIterator, AbstractValueIterator } from 'abstract-level'
import type { PrivateRangeOptions } from './level-base.js'
import { abortError, levelError, rethrow } from './level-error.js'
import type { Item, Page, Part, RangeReader } from './range-reader.js'
import type { Format } from './classic-level.js'

/** This many entries are read without a look at the clock. */
const PAGE_ENTRIES = 1000

/** The members that abstract-level's iterators have; the types of their package name only the public part. */
type IteratorConstructor = new (db: object, options: object) => { readonly count: number; readonly limit: number }

function overReader(base: unknown) {
  return class extends (base as IteratorConstructor) {
    private readonly reader: RangeReader
    private readonly signal: AbortSignal | null

    constructor(db: object, options: PrivateRangeOptions, reader: RangeReader) {
      super(db, options)
      this.reader = reader
      this.signal = options.signal ?? null
    }

    protected async _next(): Promise<Item | undefined> {
      const { reader } = this
      for (let isOver = reader.view.turns.isOver(); ; isOver = reader.view.turns.isOverNow()) {
        if (isOver || this.signal !== null) await this.pause(isOver)
        const item = read(() => reader.next())
        if (item !== undefined) return item
        const later = reader.takeLater()
        if (later !== null) return await later.catch(rethrow)
        if (!reader.isPaused) return undefined
      }
    }

    protected async _nextv(size: number): Promise<Item[]> {
      const { reader } = this
      const page: Page = { items: [], bytes: 0 }
      for (;;) {
        const isOver = reader.view.turns.isOverNow()
        if (isOver || this.signal !== null) await this.pause(isOver)
        if (read(() => reader.fill(page, size))) return page.items
        await reader.addLater(page).catch(rethrow)
      }
    }

    protected async _all(): Promise<Item[]> {
      const items: Item[] = []
      for (;;) {
        const page = await this._nextv(Math.min(PAGE_ENTRIES, this.limit - this.count - items.length))
        if (page.length === 0) return items
        for (const item of page) items.push(item)
      }
    }

    protected _seek(target: Format): void {
      this.reader.seek(target)
    }

    protected async _close(): Promise<void> {
      this.reader.close()
    }

    /**
     * Pauses between two pages: for timers when the turn is over. Throws LEVEL_ABORTED, also when the abort comes right
     * after the call.
     */
    private async pause(isOver: boolean): Promise<void> {
      if (isOver) await this.reader.view.turns.next()
      else await undefined
      if (this.signal?.aborted === true) throw abortError()
    }
  }
}

function read<T>(act: () => T): T {
  try {
    return act()
  } catch (error) {
    throw levelError(error)
  }
}

const ITERATORS = {
  entry: overReader(AbstractIterator),
  key: overReader(AbstractKeyIterator),
  value: overReader(AbstractValueIterator),
}

/** The iterator of `db` that reads what `reader` reads. */
export function levelIterator(db: object, part: Part, options: PrivateRangeOptions, reader: RangeReader): object {
  return new ITERATORS[part](db, options, reader)
}
