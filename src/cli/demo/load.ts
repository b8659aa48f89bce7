/**
 * What: puts records of the input into the database, in order, many puts in flight.
 */
import { MiB } from '../../base/index.js'
import type { Varve } from '../../api/index.js'
import { readContent, recordAt } from './input.js'
import type { Input } from './input.js'

/** Limits of the puts that are not acknowledged, and of the files that are read ahead: a number and bytes each. */
const COUNT_MAX = 64
const BYTES_MAX = 16 * MiB

export interface LoadProgress {
  records: number
  bytes: number
  flushQueue: number
  /** Tables in each level that has some. */
  levels: string
}

export interface LoadOptions {
  from: number
  /** The end of the load; this record is not included. */
  to: number
  onAcknowledged(index: number): void
}

/** Loads the records. Resolves when all are acknowledged; rejects with the first put that failed. */
export async function load(db: Varve, input: Input, { from, to, onAcknowledged }: LoadOptions): Promise<void> {
  const reads = new Window()
  const puts = new Window()
  const contents: Promise<Uint8Array>[] = []
  let readIndex = from
  for (let index = from; index < to; index++) {
    for (; readIndex < to; readIndex++) {
      const record = recordAt(input, readIndex)
      // Reads at least the record that is put now.
      if (contents.length > 0 && !reads.hasRoom(record.file.bytes)) break
      const content = readContent(input, record)
      reads.add(record.file.bytes, content)
      contents.push(content)
    }
    const content = await contents.shift()!
    while (!puts.hasRoom(content.length)) await puts.turn()
    const put = db.put(recordAt(input, index).key, content).then(() => onAcknowledged(index))
    puts.add(content.length, put)
  }
  await puts.end()
}

/** Work under way, bounded by count and bytes; one too large may go alone. */
class Window {
  private readonly running = new Set<Promise<unknown>>()
  private bytes = 0
  private failure: { error: unknown } | null = null

  hasRoom(bytes: number): boolean {
    return this.running.size === 0 || (this.running.size < COUNT_MAX && this.bytes + bytes <= BYTES_MAX)
  }

  add(bytes: number, work: Promise<unknown>): void {
    this.bytes += bytes
    const settled = work.then(() => undefined, (error: unknown) => {
      this.failure ??= { error }
    }).finally(() => {
      this.running.delete(settled)
      this.bytes -= bytes
    })
    this.running.add(settled)
  }

  /** Resolves when some of it is done; rejects when some of it has failed. */
  async turn(): Promise<void> {
    await Promise.race(this.running)
    if (this.failure !== null) throw this.failure.error
  }

  async end(): Promise<void> {
    while (this.running.size > 0) await this.turn()
    if (this.failure !== null) throw this.failure.error
  }
}

export function loadProgress(db: Varve, records: number, bytes: number): LoadProgress {
  const { flush, levels } = db.stats()
  const used = levels.filter(({ tableCount }) => tableCount > 0)
  return {
    records, bytes, flushQueue: flush.pending,
    levels: used.map(({ level, tableCount }) => `L${level} ${tableCount}`).join(' ') || 'L0 0',
  }
}
