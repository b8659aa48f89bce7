/** A follower that reads the logs which a pin keeps: it remembers how far it came, and refuses gaps and repeats. */
import assert from 'node:assert/strict'
import type { FollowedBatch, FollowedKey, FollowedOperation, Varve } from '../../../src/index.js'
import { textOf } from './simulated.js'

export async function readBatches(db: Varve, name: string, after = 0): Promise<FollowedBatch[]> {
  const batches: FollowedBatch[] = []
  for await (const batch of db.pins.read(name, { after })) batches.push(batch)
  return batches
}

export class Follower {
  readonly name: string
  /** The operations read, as `put key=value` and `del key`, in order. */
  readonly taken: string[]
  /** The sequence number of the last operation read. */
  lastSeqNum: number
  lastLog = 0

  constructor(name: string, from?: Follower) {
    this.name = name
    this.taken = [...(from?.taken ?? [])]
    this.lastSeqNum = from?.lastSeqNum ?? 0
    this.lastLog = from?.lastLog ?? 0
  }

  async acquire(db: Varve): Promise<this> {
    await db.pins.acquire(this.name)
    return this
  }

  /** Reads what is new; operations must follow one by one. */
  async catchUp(db: Varve): Promise<this> {
    for (const { log, seqNum, operations } of await readBatches(db, this.name, this.lastSeqNum)) {
      assert.equal(seqNum, this.lastSeqNum + 1, `${this.name}: a gap or a repeat`)
      assert.ok(log >= this.lastLog, `${this.name}: log ${log} behind ${this.lastLog}`)
      for (const operation of operations) this.taken.push(operationText(operation))
      this.lastSeqNum = seqNum + operations.length - 1
      this.lastLog = log
    }
    return this
  }

  /** Moves the pin: logs before the last one read may go. */
  async advance(db: Varve): Promise<this> {
    if (this.lastLog > 0) await db.pins.advance(this.name, this.lastLog)
    return this
  }
}

function operationText(operation: FollowedOperation): string {
  if (operation.type === 'delRange') {
    const { gte, lt } = operation
    return `delRange ${textOf(gte)}..${lt === undefined ? '' : textOf(lt)}`
  }
  const { type, key, value } = operation
  return type === 'put' ? `put ${textOf(key)}=${textOf(value)}` : `del ${textOf(key)}`
}

/** The operations on single keys that batches have. Throws when one has another. */
export function keyOperations(batches: readonly FollowedBatch[]): FollowedKey[] {
  return batches.flatMap(({ operations }) => operations).map((operation) => {
    assert.ok(operation.type !== 'delRange')
    return operation
  })
}
