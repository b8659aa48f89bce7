/**
 * What: an open database, and what must stand in it: content, sequence numbers without gaps, also after a reopen.
 */
import assert from 'node:assert/strict'
import { VarveError } from '../../../src/index.js'
import type { ErrorCode, Varve, VarveOptions } from '../../../src/index.js'
import { Place } from './databases.js'

type Data = string | Uint8Array

const hexOf = (data: Data): string => Buffer.from(data as string).toString('hex')

export class Ledger {
  private readonly place = new Place('memory')
  private readonly options: VarveOptions
  private readonly entries = new Map<string, string>()
  private entryCount = 0
  db!: Varve

  private constructor(options: VarveOptions) {
    this.options = { workers: 0, flushOnClose: false, ...options }
  }

  static async open(options: VarveOptions = {}): Promise<Ledger> {
    const ledger = new Ledger(options)
    ledger.db = await ledger.place.open(ledger.options)
    return ledger
  }

  /** Adds an entry that was written, or will be when what waits is written. */
  put(key: Data, value: Data): void {
    this.entryCount++
    this.entries.set(hexOf(key), hexOf(value))
  }

  del(key: Data): void {
    this.entryCount++
    this.entries.delete(hexOf(key))
  }

  check(where: string): void {
    const { visibleSeq } = this.db.stats().database
    assert.equal(visibleSeq, this.entryCount, `${where}: sequence numbers`)
    const found = [...this.db.entriesSync()].map(([key, value]) => [hexOf(key), hexOf(value)])
    assert.deepEqual(found, [...this.entries].sort(([a], [b]) => (a < b ? -1 : 1)), where)
  }

  /** Checks that the call throws or rejects with this code, and that nothing has changed; gives what it threw. */
  async refuses(where: string, call: () => unknown, ...codes: ErrorCode[]): Promise<VarveError> {
    let thrown: unknown
    try {
      const result = call()
      if (result instanceof Promise) await result
      assert.fail(`${where}: no error`)
    } catch (error) {
      thrown = error
    }
    assert.ok(VarveError.is(thrown), `${where}: ${String((thrown as Error)?.stack ?? thrown)}`)
    assert.ok((codes.length === 0 ? ['INVALID_ARGUMENT'] : codes).includes(thrown.code), `${where}: ${thrown.code}`)
    assert.ok(thrown.message.length > 10, where)
    this.check(where)
    return thrown
  }

  /** Opens the database again, once from the logs and once more from tables: all of it is there. */
  async reopen(): Promise<void> {
    for (const flush of [false, true]) {
      if (flush) await this.db.flush()
      await this.db.close()
      this.db = await this.place.open(this.options)
      this.check('after a reopen')
    }
  }

  async close(): Promise<void> {
    await this.reopen()
    await this.db.close()
  }
}
