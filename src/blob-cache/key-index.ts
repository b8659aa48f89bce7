/**
 * What: the keys of a cache in order: a database in `keys/`, which may hold keys that are gone, and is never believed
 * over the cache: whoever lists asks the cache about each key. It holds all keys that are there, or says
 * that it does not.
 * Owns: the database; what is to be written to it, in the order of the calls. Does not own: the index of the cache.
 * Thread: main.
 * States: building → ready; any → lost, when the database fails or falls too far behind. A lost one is made anew at the
 * next open or way back, as is one that is not of the last close: a crash, or an open without it, lies between.
 * Invariants: BC-13 a ready index has every key that is there.
 *
 *   key       value
 *   of none   { u8 id of the cache [16], u64 sequence number }: the index is that of a close with this number
 *   a key     { u64 sequence number, u32 namespace, u32 expires in seconds }
 */
import { compareBytes, getU32, getU53, MiB, putU32, putU53, VarveError } from '../base/index.js'
import type { Clock, Random, SeqNum } from '../base/index.js'
import type { BatchOp, Varve } from '../api/index.js'
import type { Vfs } from '../vfs/index.js'
import type { FooterEntry } from './segment-footer.js'

/** The folder of the database in the directory of the cache. */
const FOLDER = 'keys'
const MEMORY_BYTES = 8 * MiB
/** Bytes of keys that wait to be written; with more the index is lost. */
const WAITING_BYTES_MAX = 32 * MiB
/** Bytes that an operation that waits takes beside its key. */
const OPERATION_BYTES = 100
/** Keys that are read together. */
export const PAGE_KEYS = 256
const FACT_BYTES = 16
/** The key of the mark of a close: no blob has it. */
const CLOSED_AT = new Uint8Array(0)

/** What the index knows of a key. */
export type KeyFacts = Pick<FooterEntry, 'key' | 'seqNum' | 'namespace' | 'expires'>

export interface KeyIndexOptions {
  dir: string
  vfs: Vfs
  clock: Clock
  random: Random
  /** The id of the cache. */
  cacheId: Uint8Array
  /** The last sequence number that the open found; with null what is there is not believed. */
  seqNum: SeqNum | null
}

type KeyOperation = Exclude<BatchOp, { type: 'delRange' }>

export class KeyIndex {
  private readonly cacheId: Uint8Array
  private db: Varve | null = null
  private state: 'building' | 'ready' | 'lost' = 'building'
  private waiting: KeyOperation[] = []
  private waitingBytes = 0
  private writing: Promise<void> | null = null

  private constructor(cacheId: Uint8Array) {
    this.cacheId = cacheId
  }

  /** Opens the index. It is ready if it is that of the last close; else it is empty, and is to be built. */
  static async open(options: KeyIndexOptions): Promise<KeyIndex> {
    const { cacheId, seqNum, vfs, clock, random, dir } = options
    const index = new KeyIndex(cacheId)
    const location = vfs.join(dir, FOLDER)
    const open = async () => {
      // Who keeps no key index does not load the engine of the database.
      const { Varve } = await import(/* webpackMode: "eager" */ '../api/index.js')
      return Varve.open(location, { memoryBudget: MEMORY_BYTES, valueThreshold: 0, components: { vfs, clock, random } })
    }
    try {
      index.db = await open().catch((error: unknown) => {
        if (VarveError.is(error) && error.code === 'LOCKED') throw error
        return null
      })
      if (index.db !== null && seqNum !== null && await index.takeClose(seqNum)) index.state = 'ready'
      else {
        await index.db?.close().catch(() => undefined)
        index.db = null
        await removeFolder(vfs, location)
        index.db = await open()
      }
    } catch {
      index.lose()
    }
    return index
  }

  get isReady(): boolean {
    return this.state === 'ready'
  }

  get isLost(): boolean {
    return this.state === 'lost'
  }

  /** Notes a key that is there from now on. */
  add({ key, seqNum, namespace, expires }: KeyFacts): void {
    const value = new Uint8Array(FACT_BYTES)
    putU53(value, 0, seqNum)
    putU32(value, 8, namespace)
    putU32(value, 12, expires)
    this.write({ type: 'put', key, value })
  }

  /** Notes that a key is not there any more. */
  remove(key: Uint8Array): void {
    this.write({ type: 'del', key })
  }

  /** All keys were added. */
  built(): void {
    if (this.state === 'building') this.state = 'ready'
  }

  /**
   * Gives what is known of the next keys that begin with the prefix, in order; what was noted before the call is in it.
   * Fewer than PAGE_KEYS are the last ones. Null when the index does not have all keys.
   */
  async page(prefix: Uint8Array, isReverse: boolean, last: Uint8Array | null): Promise<KeyFacts[] | null> {
    await this.writing
    const { db } = this
    if (db === null || !this.isReady) return null
    const from = last === null ? {} : isReverse ? { lt: last } : { gt: last }
    try {
      const page: KeyFacts[] = []
      for await (const [key, value] of db.entries({ prefix, reverse: isReverse, limit: PAGE_KEYS, ...from })) {
        page.push({ key, seqNum: getU53(value, 0), namespace: getU32(value, 8), expires: getU32(value, 12) })
      }
      return page
    } catch {
      this.lose()
      return null
    }
  }

  /** Resolves when all that was noted is written, or the index is lost. */
  async written(): Promise<void> {
    await this.writing
  }

  /** Closes the database. With a number the next open may believe that it has all keys of the cache. */
  async close(seqNum: SeqNum | null): Promise<void> {
    await this.writing
    const { db } = this
    try {
      if (this.isReady && seqNum !== null) await db?.put(CLOSED_AT, this.closeMark(seqNum))
      await db?.close()
    } catch {
      // The next open finds no mark, and makes the index anew.
    }
    this.db = null
    this.state = 'lost'
  }

  private write(operation: KeyOperation): void {
    if (this.isLost) return
    this.waiting.push(operation)
    this.waitingBytes += (operation.key as Uint8Array).length + OPERATION_BYTES
    if (this.waitingBytes > WAITING_BYTES_MAX) this.lose()
    else this.writing ??= this.writeAll()
  }

  private async writeAll(): Promise<void> {
    try {
      while (this.waiting.length > 0) {
        await undefined // what is noted in the same turn is written together
        const operations = this.waiting
        this.waiting = []
        this.waitingBytes = 0
        await this.db?.batch(operations)
      }
    } catch {
      this.lose()
    }
    this.writing = null
  }

  /** Forgets that the index has all keys. The database stays open until the cache is closed. */
  private lose(): void {
    this.state = 'lost'
    this.waiting = []
    this.waitingBytes = 0
  }

  /** Tells whether the index is that of the last close, and makes sure that no later open believes so, too. */
  private async takeClose(seqNum: SeqNum): Promise<boolean> {
    const found = await this.db!.get(CLOSED_AT)
    if (found === undefined || compareBytes(found, this.closeMark(seqNum)) !== 0) return false
    await this.db!.del(CLOSED_AT, { sync: true })
    return true
  }

  private closeMark(seqNum: SeqNum): Uint8Array {
    const { cacheId } = this
    const mark = new Uint8Array(cacheId.length + 8)
    mark.set(cacheId)
    putU53(mark, cacheId.length, seqNum)
    return mark
  }
}

/** Removes the folder and what is in it; a folder that is not there is removed already. */
async function removeFolder(vfs: Vfs, location: string): Promise<void> {
  const stat = await vfs.stat(location)
  if (stat === null) return
  for (const name of await vfs.list(location)) await vfs.unlink(vfs.join(location, name))
  await vfs.rmdir(location)
}
