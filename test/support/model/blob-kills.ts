/**
 * What: a random model of how the blob cache keeps old values dead: puts, deletes, syncs, groups of kills, seals,
 * moves, clean closes that leave a snapshot of the index, and three crashes with recovery, with every operation
 * acknowledged only when it is synced. It knows nothing of files. A life is stale when a recovery shows a key older
 * than its last acknowledged operation.
 *
 * Each mend of the protocol can be left out: docs/design/0033-blob-cache.md tells what it is.
 */
import { SeededRandom } from '../../../src/base/index.js'

/** What keeps old values dead. */
export interface Mends {
  /** From the moment in which a copy of a record has its place, who kills the record kills the copy too. */
  twins: boolean
  /** The index points to copies only when the removal of the victim is durable. */
  late: boolean
  /** A removal that failed kills the copies that were made for it. */
  takeBack: boolean
  /** What is not moved stays in the index until its segment's removal is durable. */
  keep: boolean
  /** Kills become durable in the order of their queue. */
  fifo: boolean
  /** Recovery kills again what lost. */
  requeue: boolean
  /** A clean close leaves a snapshot of the index only when all kills are durable. */
  settled: boolean
  /** A snapshot is used by one open: whatever is durable after it ends it. */
  once: boolean
}

export const ALL_MENDS: Mends = {
  twins: true, late: true, takeBack: true, keep: true, fifo: true, requeue: true, settled: true, once: true,
}

const KEYS = ['a', 'b', 'c', 'd'] as const
const STEPS = 90
const CRASHES = 3

interface ModelRecord { key: string; seqNum: number }
interface ModelPlace { segment: number; recordNum: number; seqNum: number }
interface FoundRecord extends ModelPlace { key: string }

interface ModelSegment {
  number: number
  queue: 'young' | 'main'
  /** A record that a crash took is null: its number stays. */
  records: (ModelRecord | null)[]
  isSealed: boolean
  isRecovered: boolean
  syncedCount: number
}

interface QueuedKill {
  place: string
  /** The bytes that must be safe first. */
  needs: { segment: ModelSegment; recordNum: number } | null
}

interface Move {
  victim: ModelSegment
  todo: { record: ModelRecord; recordNum: number }[]
  copied: { record: ModelRecord; recordNum: number; to: ModelPlace }[]
  /** True when the removal of the victim is on its way to the disk. */
  isAsked: boolean
}

function nameOf(segment: number, recordNum: number): string {
  return `${segment}:${recordNum}`
}

function isSafe({ needs }: QueuedKill): boolean {
  return needs === null || needs.segment.syncedCount > needs.recordNum
}

export class BlobKillsLife {
  private readonly random: SeededRandom
  private readonly mends: Mends
  private readonly segments = new Map<number, ModelSegment>()
  private index = new Map<string, ModelPlace>()
  private readonly listed = new Set<number>()
  private readonly kills = new Set<string>()
  private readonly limits = new Map<number, number>()
  private queue: QueuedKill[] = []
  private waiting: { key: string; seqNum: number; isDurable: () => boolean }[] = []
  private readonly acknowledged = new Map<string, number>()
  private nextSegment = 1
  private nextSeqNum = 1
  private young = this.newSegment('young')
  private main = this.newSegment('main')
  private move: Move | null = null
  /** The index that the next open takes instead of reading segments, or null. */
  private snapshot: ReadonlyMap<string, ModelPlace> | null = null

  constructor(seed: number, mends: Mends) {
    this.random = new SeededRandom(seed, 'blob kills')
    this.mends = mends
  }

  /** Gives what is stale, or null when the life ended well. */
  run(): string | null {
    let crashes = 0
    for (let i = 0; i < STEPS && crashes < CRASHES; i++) {
      const choice = this.random.below(12)
      if (choice === 11 && this.random.below(3) === 0) {
        const stale = this.crash()
        if (stale !== null) return stale
        crashes++
      } else this.act(choice)
    }
    return null
  }

  private act(choice: number): void {
    if (choice <= 3) this.put(this.random.pick(KEYS))
    else if (choice === 4) this.delete(this.random.pick(KEYS))
    else if (choice === 5) this.sync()
    else if (choice === 6) this.seal(this.random.below(2) === 0 ? this.young : this.main)
    else if (choice === 7) this.beginMove()
    else if (choice === 8) this.copyOne()
    else if (choice <= 10) this.goOnWithMove()
    else if (this.move === null && this.random.below(4) === 0) this.reopen()
  }

  private newSegment(queue: 'young' | 'main'): ModelSegment {
    const segment: ModelSegment = {
      number: this.nextSegment++, queue, records: [], isSealed: false, isRecovered: false, syncedCount: 0,
    }
    this.segments.set(segment.number, segment)
    this.listed.add(segment.number)
    return segment
  }

  private append(segment: ModelSegment, { key, seqNum }: ModelRecord): ModelPlace {
    segment.records.push({ key, seqNum })
    return { segment: segment.number, recordNum: segment.records.length - 1, seqNum }
  }

  private put(key: string): void {
    const segment = this.young
    const place = this.append(segment, { key, seqNum: this.nextSeqNum++ })
    const { recordNum, seqNum } = place
    const old = this.index.get(key)
    this.index.set(key, place)
    if (old !== undefined) {
      this.kill(old, { segment, recordNum })
    }
    this.waiting.push({ key, seqNum, isDurable: () => segment.syncedCount > recordNum })
  }

  private delete(key: string): void {
    const old = this.index.get(key)
    if (old === undefined) return
    this.index.delete(key)
    const place = nameOf(old.segment, old.recordNum)
    this.kill(old, null)
    this.waiting.push({ key, seqNum: this.nextSeqNum++, isDurable: () => this.kills.has(place) })
  }

  /** Queues the kill of a record, and that of the copy that is being made of it. */
  private kill({ segment, recordNum }: Pick<ModelPlace, 'segment' | 'recordNum'>, needs: QueuedKill['needs']): void {
    this.queue.push({ place: nameOf(segment, recordNum), needs })
    if (!this.mends.twins || this.move?.victim.number !== segment) return
    const twin = this.move.copied.find((copy) => copy.recordNum === recordNum)
    if (twin !== undefined) this.queue.push({ place: nameOf(twin.to.segment, twin.to.recordNum), needs })
  }

  private sync(): void {
    const what = this.random.below(3)
    if (what === 2) this.writeKills()
    else syncSegment(what === 0 ? this.young : this.main)
    this.acknowledge()
  }

  private acknowledge(): void {
    this.waiting = this.waiting.filter(({ key, seqNum, isDurable }) => {
      if (!isDurable()) return true
      this.acknowledged.set(key, Math.max(this.acknowledged.get(key) ?? 0, seqNum))
      return false
    })
  }

  private writeKills(): void {
    const firstUnsafe = this.queue.findIndex((kill) => !isSafe(kill))
    const end = firstUnsafe < 0 ? this.queue.length : firstUnsafe
    const ready = this.mends.fifo ? this.queue.slice(0, end) : this.queue.filter(isSafe)
    for (const { place } of ready) this.kills.add(place)
    this.queue = this.queue.filter((kill) => !ready.includes(kill))
  }

  private seal(segment: ModelSegment): void {
    if (segment.records.length === 0) return
    syncSegment(segment)
    segment.isSealed = true
    this.acknowledge()
    if (segment === this.young) this.young = this.newSegment('young')
    else this.main = this.newSegment('main')
  }

  private beginMove(): void {
    if (this.move !== null) return
    const sealed = [...this.segments.values()].filter(({ isSealed }) => isSealed)
    if (sealed.length === 0) return
    const victim = this.random.pick(sealed)
    const todo: Move['todo'] = []
    for (const [recordNum, record] of victim.records.entries()) {
      if (record === null || !this.pointsTo(record.key, victim.number, recordNum)) continue
      if (this.random.below(3) > 0) todo.push({ record, recordNum })
      else if (!this.mends.keep) this.index.delete(record.key)
    }
    this.move = { victim, todo, copied: [], isAsked: false }
  }

  private pointsTo(key: string, segment: number, recordNum: number): boolean {
    const place = this.index.get(key)
    return place?.segment === segment && place.recordNum === recordNum
  }

  private copyOne(): void {
    const next = this.move?.todo.shift()
    if (next === undefined) return
    const { record, recordNum } = next
    if (!this.pointsTo(record.key, this.move!.victim.number, recordNum)) return
    this.move!.copied.push({ ...next, to: this.append(this.main, record) })
  }

  /** Syncs the copies and asks for the removal; later that becomes durable, or fails. */
  private goOnWithMove(): void {
    const { move } = this
    if (move === null || move.todo.length > 0) return
    if (move.isAsked) return this.random.below(6) === 0 ? this.failMove(move) : this.endMove(move)
    move.isAsked = true
    syncSegment(this.young)
    syncSegment(this.main)
    if (!this.mends.late) this.pointToCopies(move)
    this.acknowledge()
  }

  private pointToCopies({ victim, copied }: Move): void {
    for (const { record: { key }, recordNum, to } of copied) {
      if (this.pointsTo(key, victim.number, recordNum)) this.index.set(key, to)
    }
  }

  private failMove({ victim, copied }: Move): void {
    this.move = null
    for (const { record: { key, seqNum }, recordNum, to } of copied) {
      if (this.mends.takeBack) this.kill(to, null)
      const { number } = victim
      if (this.pointsTo(key, to.segment, to.recordNum)) this.index.set(key, { segment: number, recordNum, seqNum })
    }
  }

  private endMove(move: Move): void {
    const { victim } = move
    this.writeKills()
    for (const { number, queue, isRecovered, records } of this.segments.values()) {
      if (queue === 'main' && !isRecovered) this.limits.set(number, records.length)
    }
    this.listed.delete(victim.number)
    this.segments.delete(victim.number)
    this.acknowledge()
    if (this.mends.late) this.pointToCopies(move)
    for (const [key, place] of this.index) if (place.segment === victim.number) this.index.delete(key)
    this.move = null
  }

  /** Closes the cache, all of it synced, and opens it again with the snapshot that the close leaves. */
  private reopen(): void {
    for (const segment of this.segments.values()) syncSegment(segment)
    if (this.mends.settled) this.writeKills()
    this.acknowledge()
    this.snapshot = this.index
    this.begin(this.takeSnapshot()!)
    for (const segment of this.segments.values()) Object.assign(segment, { isSealed: true, isRecovered: true })
    this.beginSegments()
  }

  /** Gives the snapshot that an open may use, or null. */
  private takeSnapshot(): ReadonlyMap<string, ModelPlace> | null {
    const { snapshot } = this
    if (this.mends.once) this.snapshot = null
    return snapshot
  }

  /** Begins a process with an index and nothing under way. */
  private begin(index: ReadonlyMap<string, ModelPlace>): void {
    this.index = new Map(index)
    this.queue = []
    this.waiting = []
    this.move = null
  }

  private beginSegments(): void {
    this.young = this.newSegment('young')
    this.main = this.newSegment('main')
  }

  /** Loses what a crash may lose, and makes the index again. Gives what is stale in it. */
  private crash(): string | null {
    const alive = this.survivors()
    const winners = new Map<string, FoundRecord>()
    for (const record of alive) {
      const best = winners.get(record.key)
      if (best === undefined || isNewer(record, best)) winners.set(record.key, record)
    }
    const found = this.takeSnapshot() ?? winners
    for (const [key, { seqNum }] of found) {
      const last = this.acknowledged.get(key) ?? 0
      if (seqNum < last) return `${key} is that of operation ${seqNum}, but ${last} was acknowledged`
      this.acknowledged.set(key, seqNum)
    }
    this.begin(found)
    if (this.mends.requeue) {
      for (const record of alive) {
        if (winners.get(record.key) !== record) {
          this.queue.push({ place: nameOf(record.segment, record.recordNum), needs: null })
        }
      }
    }
    this.beginSegments()
    return null
  }

  /** Decides what survives; gives the records that no kill stands for. */
  private survivors(): FoundRecord[] {
    const found: FoundRecord[] = []
    for (const segment of this.segments.values()) {
      const { number, queue, syncedCount } = segment
      const end = queue === 'main' ? this.limits.get(number) ?? 0 : Infinity
      segment.records = segment.records.map((record, recordNum) => {
        return recordNum < end && (recordNum < syncedCount || this.random.below(2) === 1) ? record : null
      })
      for (const [recordNum, record] of segment.records.entries()) {
        if (record === null || this.kills.has(nameOf(number, recordNum))) continue
        found.push({ ...record, segment: number, recordNum })
      }
      syncSegment(segment)
      segment.isSealed = true
      segment.isRecovered = true
    }
    return found
  }
}

function syncSegment(segment: ModelSegment): void {
  segment.syncedCount = segment.records.length
}

function isNewer(a: FoundRecord, b: FoundRecord): boolean {
  return a.seqNum > b.seqNum || (a.seqNum === b.seqNum && a.segment > b.segment)
}
