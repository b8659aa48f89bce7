/**
 * What: what a cache may show of each key after a crash: the value of one operation that is not older than the last one
 * that was acknowledged for such a crash, or nothing where that is allowed. Values say which operation they are of.
 */
import assert from 'node:assert/strict'
import type { Durability } from '../../../src/blob-cache/durability.js'

export type Loss = 'kill' | 'power'

interface Operation {
  id: number
  isDelete: boolean
  durability: Durability
  isAcknowledged: boolean
  /** The disk failed then, or since: it may be lost, and may have taken with it what was there before. */
  isDoubtful: boolean
}

/** What may be seen of one key. */
interface KeyExpectation {
  ids: ReadonlySet<number>
  mayMiss: boolean
}

export type BlobExpectation = ReadonlyMap<string, KeyExpectation>

export class BlobOracle {
  private readonly keys = new Map<string, Operation[]>()
  private nextId = 1
  private isInTrouble = false

  /** Notes an operation that begins now. */
  begin(key: string, isDelete: boolean, durability: Durability): Operation {
    const operation = { id: this.nextId++, isDelete, durability, isAcknowledged: false, isDoubtful: this.isInTrouble }
    const operations = this.keys.get(key) ?? []
    operations.push(operation)
    this.keys.set(key, operations)
    return operation
  }

  /** Notes that the operation was acknowledged. */
  acknowledge(operation: Operation): void {
    operation.isAcknowledged = true
  }

  /** Takes back an operation that was told not to be stored. */
  takeBack(key: string, operation: Operation): void {
    this.keys.set(key, this.keys.get(key)!.filter((each) => each !== operation))
  }

  /** The disk fails from now on: nothing is promised any more that was not synced. */
  beginTrouble(): void {
    this.isInTrouble = true
    for (const operation of [...this.keys.values()].flat()) {
      if (operation.durability !== 'synced' || !operation.isAcknowledged) operation.isDoubtful = true
    }
  }

  /** The disk works again, and knows of all operations up to those of `last`: nothing before them may be seen again. */
  endTrouble(last: ReadonlyMap<string, number>): void {
    this.isInTrouble = false
    for (const [key, id] of last) this.keys.set(key, this.keys.get(key)!.filter((each) => each.id >= id))
  }

  /** The last operation of each key that was acknowledged. */
  lastAcknowledged(): Map<string, number> {
    const last = new Map<string, number>()
    for (const [key, operations] of this.keys) {
      const found = operations.findLast(({ isAcknowledged }) => isAcknowledged)
      if (found !== undefined) last.set(key, found.id)
    }
    return last
  }

  /**
   * Begins to watch a read without a crash: gives what checks its value, which is that of an operation that is not
   * older than the last one that was acknowledged when the read began.
   */
  watch(key: string, mayEvict: boolean): (seen: string | undefined) => void {
    const operations = this.keys.get(key) ?? []
    const last = operations.findLastIndex(({ isAcknowledged }) => isAcknowledged)
    const from = last < 0 ? 0 : operations[last]!.id
    return (seen) => {
      const since = (this.keys.get(key) ?? []).filter(({ id }) => id >= from)
      checkSeen(key, seen, {
        ids: new Set(since.filter(({ isDelete }) => !isDelete).map(({ id }) => id)),
        mayMiss: mayEvict || last < 0 || since.some(({ isDelete }) => isDelete),
      })
    }
  }

  /** The keys that were ever used. */
  get allKeys(): string[] {
    return [...this.keys.keys()]
  }

  /** The value that belongs to an operation. */
  static valueOf(key: string, id: number): string {
    return `${key} ${id} `.repeat((3 + (id % 7) * 5) * (key.startsWith('L') ? 12 : 1))
  }

  /** What a crash now may leave. With `mayEvict` every key may be gone. */
  expect(loss: Loss, mayEvict: boolean): BlobExpectation {
    const expected = new Map<string, KeyExpectation>()
    for (const [key, operations] of this.keys) {
      const last = operations.findLastIndex((each) => isGuaranteed(each, loss))
      const since = operations.slice(Math.max(last, 0))
      const later = operations.slice(last + 1)
      const mayLoseBoth = later.some(({ durability, isDoubtful }) =>
        isDoubtful || (loss === 'power' && durability !== 'synced'))
      expected.set(key, {
        ids: new Set(since.filter(({ isDelete }) => !isDelete).map(({ id }) => id)),
        mayMiss: mayEvict || last < 0 || since.some(({ isDelete }) => isDelete) || mayLoseBoth,
      })
    }
    return expected
  }
}

function isGuaranteed({ isAcknowledged, isDelete, isDoubtful, durability }: Operation, loss: Loss): boolean {
  if (!isAcknowledged || isDoubtful || durability === 'memory') return false
  return loss === 'kill' || isDelete || durability === 'synced'
}

/** Checks what was seen of a key. */
export function checkSeen(key: string, seen: string | undefined, { ids, mayMiss }: KeyExpectation): void {
  if (seen === undefined) {
    assert.ok(mayMiss, `${key} is lost; one of ${[...ids]} was acknowledged`)
    return
  }
  const id = Number(seen.split(' ')[1])
  assert.equal(seen, BlobOracle.valueOf(key, id), `${key} is no value of it`)
  assert.ok(ids.has(id), `${key} is that of operation ${id}; only ${[...ids]} may be seen`)
}
