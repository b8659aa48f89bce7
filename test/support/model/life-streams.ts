/**
 * What: the streamed puts of a random life: several at once, to the same and to different keys, while everything else
 * goes on. Each ends alone: its place among other writes is where its source ends.
 */
import assert from 'node:assert/strict'
import type { SeededRandom } from '../../../src/base/index.js'
import { VarveError } from '../../../src/index.js'
import { keyBytes, keyText, makeValue } from '../crash/crash-values.js'
import { patiently } from '../crash/crash-steps.js'
import { endOf, EXPECTED_END, GatedSource, STREAM_ENDS } from './gated-source.js'
import type { StreamEnd } from './gated-source.js'
import { randomKey } from './range-model.js'
import type { Operation } from './oracle.js'
import type { Workload } from './workload.js'

const STREAMS_MAX = 4
/** Around thresholds, the buffers of the settings, and pieces in memory. */
const LENGTHS = [0, 1, 511, 512, 513, 4095, 4096, 4097, 65_535, 65_536, 65_537, 102_401, 262_143, 262_145, 600_000]

interface OpenStream {
  id: number
  operation: Operation
  end: StreamEnd
  isSynced: boolean
  source: GatedSource
  /** What the put threw, or null. */
  ended: Promise<unknown>
}

export class LifeStreams {
  private readonly w: Workload
  private readonly random: SeededRandom
  private readonly hasFaults: boolean
  private open: OpenStream[] = []
  /** Those that were stored. */
  storedCount = 0

  constructor(w: Workload, random: SeededRandom, hasFaults: boolean) {
    this.w = w
    this.random = random
    this.hasFaults = hasFaults
  }

  /** Begins some, at once. */
  begin(): void {
    for (let i = this.random.below(3); i >= 0 && this.open.length < STREAMS_MAX; i--) this.beginOne()
  }

  private beginOne(): void {
    const { w, random } = this
    const id = w.oracle.reserve()
    const key = keyText(randomKey(random))
    const length = random.pick(LENGTHS)
    const end = random.pick(STREAM_ENDS)
    const value = makeValue({ key, batch: id, operation: 0 }, length)
    const pieceBytes = random.pick([1 + (length >> 5), 50_000, 300_000])
    const source = new GatedSource({ value, pieceBytes, givenFirst: random.below(length + 1), end })
    const isSynced = random.chance(0.3)
    const ended = w.db.putStream(keyBytes(key), source, { sync: isSynced, ...source.options })
      .then(() => null, (error: unknown) => error)
    const operation = w.expiring({ key, length })
    this.open.push({ id, operation, end, isSynced, source, ended })
  }

  /** Ends one of them. Requires: no other write is under way. The promise may stay open when the machine dies. */
  async end(): Promise<void> {
    const { w, random } = this
    const [stream] = this.open.splice(random.below(this.open.length), 1)
    if (stream === undefined) return
    const { id, operation, end, isSynced, source, ended } = stream
    source.release()
    if (end === 'stored') {
      const spec = { sync: isSynced }
      return w.awaitStreamed({ id, operation, spec }, async () => {
        const error = await ended
        if (error !== null) throw error
        this.storedCount++
      })
    }
    const { vfs } = w
    const error = await ended
    if (vfs === w.vfs) this.check(error, EXPECTED_END[end])
  }

  private check(error: unknown, expected: string): void {
    if (this.hasFaults && VarveError.is(error)) return
    assert.equal(error === null ? 'stored' : endOf(error), expected)
  }

  /** The database was closed. */
  async closed(): Promise<void> {
    for (const { ended } of this.open.splice(0)) {
      await patiently(this.w, async () => this.check(await ended, 'CLOSED'))
    }
  }

  /** The process died. */
  died(): void {
    this.open = []
  }
}
