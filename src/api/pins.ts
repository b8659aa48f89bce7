/**
 * What: durable retention pins as users hold them, and reading the logs that they keep: what a
 * replicated log, a change feed or a backup needs.
 */
import {
  checkFlag, invalidArgument, keepAliveUntil, printAs, printedObject, setHidden, takeOptions,
} from '../base/index.js'
import type { FileNum, SeqNum } from '../base/index.js'
import type { Engine, FollowedBatch } from '../engine/index.js'
import type { PinInfo } from '../versions/index.js'

/** Options of `pins.read`. */
export interface FollowOptions {
  /** Only batches whose first sequence number is above this one; default 0. */
  after?: SeqNum | undefined
  /**
   * True: what came from outside, by `ingest` or `load`, is told in batches with `ingested`. Default false: the first
   * of
   * them is an error, NOT_SUPPORTED, since a follower would miss it.
   */
  ingested?: boolean | undefined
}

/** Durable retention pins: each keeps logs for a follower that reads them, over restarts too. */
export class Pins {
  private declare readonly engine: Engine

  static {
    printAs(this, (pins) => printedObject('Pins', { names: pins.list().map(({ name }) => name).join(', ') }))
  }

  private constructor(engine: Engine) {
    setHidden(this, { engine })
  }

  private static of(engine: Engine): Pins {
    return new Pins(engine)
  }

  /**
   * Keeps every log that is not wholly in durable tables when this resolves, and every later one, until
   * the pin advances or is released. Resolves when that survives power loss. A name that exists keeps
   * what it has. Logs over `pinBytesMax` drop the pin with the oldest one; event `pinDropped`.
   */
  async acquire(name: string): Promise<PinInfo> {
    this.engine.checkWritable()
    return this.waitFor(this.engine.logPins.acquire(name))
  }

  /** Logs before `firstLog` may go. A pin never moves back. */
  async advance(name: string, firstLog: FileNum): Promise<void> {
    this.engine.checkWritable()
    return this.waitFor(this.engine.logPins.advance(name, firstLog))
  }

  /** Everything that only this pin keeps may go. */
  async release(name: string): Promise<void> {
    this.engine.checkWritable()
    return this.waitFor(this.engine.logPins.release(name))
  }

  /** All pins there are. */
  list(): PinInfo[] {
    this.engine.health.checkReadable()
    return this.engine.logPins.list()
  }

  /**
   * Batches that were visible at the call, from the first log that the pin keeps on, in order. Throws
   * CORRUPTION when a kept log is damaged: the follower must begin anew then; NOT_SUPPORTED for what came from
   * outside and was not asked for.
   */
  read(name: string, options: FollowOptions = {}): AsyncIterable<FollowedBatch> {
    const { after, ingested } = takeOptions(
      'follow', ['after', 'ingested'], options,
      ({ after = 0, ingested }) => ({ after, ingested: checkFlag(ingested, 'ingested') ?? false }),
    )
    if (typeof name !== 'string') throw invalidArgument('the name of a pin is a string')
    if (!Number.isSafeInteger(after) || after < 0) throw invalidArgument('option after must be a sequence number')
    return this.engine.follow(name, { after, ingested })
  }

  /** Keeps the process alive while the work goes on. */
  private waitFor<T>(work: Promise<T>): Promise<T> {
    return keepAliveUntil(this.engine.clock, work)
  }
}

export function newPins(engine: Engine): Pins {
  return Pins['of'](engine)
}
