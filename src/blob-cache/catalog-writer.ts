/**
 * What: brings changes into the catalog, group by group: kills in the order of their queue, and what others ask for, a
 * removal only behind all kills that were queued before it. One group is under way at a time; what comes meanwhile is
 * in the next one.
 * Owns: the catalog, and the changes that wait. Does not own: what follows from a failure.
 * Thread: main.
 * States: open → failed. A group that could not be begun fails only those who asked for it.
 * Invariants: BC-5 a removal is in the group of the kills before it, or in a later one. BC-7 who asks is answered.
 */
import type { VarveError } from '../base/index.js'
import type { Catalog } from './catalog.js'
import { ChangeTag } from './catalog-format.js'
import type { Change, PromisedNumbers } from './catalog-format.js'
import type { KillQueue } from './kill-queue.js'

/** When this many kills are ready they are written, although nobody waits for them. */
const KILLS_MAX = 1024

export interface CatalogWriterOptions {
  catalog: Catalog
  kills: KillQueue
  numbers: () => PromisedNumbers
  /** Makes a catalog that takes the place of the present one, and makes it count. */
  roll: (from: Catalog) => Promise<Catalog>
  /** Throws when the directory is not ours any more. */
  check?: () => void
  /** Called when a group could not be written; the next one may be. */
  onTrouble?: (error: unknown) => void
  /** Called once: nothing more becomes durable. */
  onFailure: (error: unknown) => void
}

interface Asked {
  changes: readonly Change[]
  /** The place in the queue of kills before which all must be durable. */
  behind: number
  isNeeded: boolean
  resolve: () => void
  reject: (error: unknown) => void
}

/** True when the catalog may not be written again. */
function isFinal(error: unknown): boolean {
  const { code } = error as VarveError
  return code === 'COMMIT_UNKNOWN' || code === 'LOCKED'
}

export class CatalogWriter {
  private readonly options: CatalogWriterOptions
  private catalogNow: Catalog
  private asked: Asked[] = []
  private running: Promise<void> | null = null
  private failure: unknown = null
  /** Bytes that were written to catalogs before the present one. */
  private earlierBytes = 0

  constructor(options: CatalogWriterOptions) {
    this.options = options
    this.catalogNow = options.catalog
  }

  get catalog(): Catalog {
    return this.catalogNow
  }

  /** Bytes that were written to catalogs. */
  get writtenBytes(): number {
    return this.earlierBytes + this.catalogNow.writtenBytes
  }

  /**
   * Resolves when the changes are durable, in one group. With `isBehindKills` that is behind all kills queued so far;
   * with `isNeeded` it may take the space that stands ready for removals.
   */
  submit(changes: readonly Change[], isBehindKills = false, isNeeded = isBehindKills): Promise<void> {
    if (this.failure !== null) return Promise.reject(this.failure)
    const behind = isBehindKills ? this.options.kills.end : 0
    const waiting = new Promise<void>((resolve, reject) =>
      this.asked.push({ changes, behind, isNeeded, resolve, reject }))
    this.start()
    return waiting
  }

  /** Resolves when all kills queued so far are durable. Requires: the bytes that they wait for will be safe. */
  async killed(): Promise<void> {
    const { kills } = this.options
    if (this.failure !== null) throw this.failure
    const waiting = kills.durable(kills.end)
    this.start()
    await waiting
  }

  /** Called when bytes became safe, or kills were queued: there may be something to write. */
  look(): void {
    if (this.failure === null) this.start()
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    while (this.running !== null) await this.running
  }

  /** Ends the catalog: nothing is asked for any more. */
  async end(): Promise<void> {
    await this.idle()
    try {
      if (this.failure === null) await this.catalogNow.mark()
    } finally {
      await this.catalogNow.close()
    }
  }

  private start(): void {
    if (this.running !== null || !this.hasWork) return
    this.running = this.run().finally(() => {
      this.running = null
      this.look()
    })
  }

  private get hasWork(): boolean {
    const { kills } = this.options
    const { start, safeEnd } = kills
    if (this.asked.some(({ behind }) => behind <= safeEnd)) return true
    return safeEnd > start && (kills.isAwaited || safeEnd - start >= KILLS_MAX)
  }

  private async run(): Promise<void> {
    while (this.failure === null && this.hasWork) {
      const safe = this.options.kills.safe()
      const asked = this.asked.filter(({ behind }) => behind <= safe.end)
      this.asked = this.asked.filter(({ behind }) => behind > safe.end)
      try {
        this.options.check?.()
        await this.catalogNow.append(this.groupOf(safe.kills, asked), asked.some(({ isNeeded }) => isNeeded))
      } catch (error) {
        for (const { reject } of asked) reject(error)
        this.options.kills.fail(error)
        if (isFinal(error)) this.fail(error)
        else this.options.onTrouble?.(error)
        continue
      }
      this.options.kills.noteDurable(safe.end)
      for (const { resolve } of asked) resolve()
      // A new catalog would not name the snapshot that a close leaves.
      if (this.catalogNow.isLong && this.catalogNow.state.snapshot === null) await this.roll()
    }
  }

  private groupOf(kills: ReturnType<KillQueue['safe']>['kills'], asked: readonly Asked[]): Change[] {
    const { seqNum, fileNum } = this.options.numbers()
    const changes: Change[] = [{ tag: ChangeTag.numbers, seqNum, fileNum }]
    if (kills.length > 0) changes.push({ tag: ChangeTag.kills, kills })
    return changes.concat(...asked.map((each) => each.changes))
  }

  private async roll(): Promise<void> {
    try {
      const { catalogNow } = this
      this.catalogNow = await this.options.roll(catalogNow)
      this.earlierBytes += catalogNow.writtenBytes
    } catch (error) {
      if (isFinal(error)) this.fail(error)
    }
  }

  /** Ends the catalog without a mark: another one is made in its place. Whoever asks from now on is told the reason. */
  async giveUp(reason: unknown): Promise<void> {
    if (this.failure === null) this.fail(reason)
    await this.idle()
    await this.catalogNow.close()
  }

  private fail(error: unknown): void {
    this.failure = error
    for (const { reject } of this.asked.splice(0)) reject(error)
    this.options.kills.fail(error)
    this.options.onFailure(error)
  }
}
