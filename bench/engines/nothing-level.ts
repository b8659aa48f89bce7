/**
 * abstract-level over nothing: what its own work costs, so the ceiling of every database behind it. Its
 * answers have the right shapes and are never right.
 */
import { AbstractIterator, AbstractLevel } from 'abstract-level'
import { createRequire } from 'node:module'
import type { EngineAdapter, StoreOptions } from '../store.js'
import { levelStore } from './level-store.js'
import type { LevelDatabase } from './level-store.js'

type Entry = [Buffer | string, Buffer]

const VALUE = Buffer.alloc(100, 1)

class NothingLevel extends AbstractLevel<Buffer | string, Buffer | string, Buffer> {
  readonly key: Buffer | string
  readonly entryCount: number

  constructor({ stringKeys, entryCount }: StoreOptions) {
    const manifest = { encodings: { buffer: true, utf8: true }, getSync: true }
    super(manifest as object, { keyEncoding: stringKeys ? 'utf8' : 'buffer', valueEncoding: 'buffer' })
    this.key = stringKeys ? '0123456789abcdef' : Buffer.alloc(16)
    this.entryCount = entryCount
  }

  protected async _get(): Promise<Buffer> {
    return VALUE
  }

  protected _getSync(): Buffer {
    return VALUE
  }

  protected async _getMany(keys: unknown[]): Promise<Buffer[]> {
    return keys.map(() => VALUE)
  }

  protected _iterator(options: { limit: number }): NothingIterator {
    return new NothingIterator(this, options)
  }
}

class NothingIterator extends AbstractIterator<NothingLevel, Buffer | string, Buffer> {
  private left: number
  private readonly key: Buffer | string

  constructor(db: NothingLevel, options: { limit: number }) {
    super(db, options)
    this.left = db.entryCount
    this.key = db.key
  }

  protected async _nextv(size: number): Promise<Entry[]> {
    const count = Math.min(size, this.left)
    this.left -= count
    return Array.from({ length: count }, () => [this.key, VALUE])
  }
}

export const nothingLevel: EngineAdapter = {
  name: 'nothing-level',
  role: 'ceiling',
  version: () => (createRequire(import.meta.url)('abstract-level/package.json') as { version: string }).version,
  async open(options) {
    const db = new NothingLevel(options)
    await db.open()
    return levelStore(db as object as LevelDatabase, async () => {})
  },
}
