/**
 * What: files and directories of the simulated disk. Each has what readers see now (volatile), what is certain to
 * survive power loss (durable), and the effects between the two, in the order of issue.
 * Invariant: all pending effects applied to `durable` give `volatile`, unless a failed sync lost some of them
 * (`isLost`): those stay visible in memory and can no longer become durable by themselves.
 */
import type { SyncFailureMode } from '../fault/fault-plan.js'
import { PagedBytes } from './sim-bytes.js'

/** One change of a file; `seq` is the same for everything that one call did. */
export type FileEffect =
  | { what: 'write'; seq: number; position: number; bytes: Uint8Array; isLost: boolean }
  | { what: 'size'; seq: number; size: number; isShrink: boolean; isLost: boolean }

export type NameEffect =
  | { what: 'add'; seq: number; name: string; node: SimNode; isLost: boolean }
  | { what: 'delete'; seq: number; name: string; isLost: boolean }
  | { what: 'move'; seq: number; from: string; to: string; node: SimNode; isLost: boolean }

export type SimNode = SimFileNode | SimDirectoryNode

export class SimFileNode {
  readonly kind = 'file'
  readonly id: number
  volatile = new PagedBytes()
  durable = new PagedBytes()
  pending: FileEffect[] = []
  linkCount = 0
  openCount = 0
  /** The number of failed syncs so far; each handle reports those that it has not reported yet. */
  syncErrorCount = 0
  /** True when no write may come any more (set by a test). */
  isSealed = false
  /** A range of which every read fails. */
  unreadable: { from: number; to: number } | null = null

  constructor(id: number) {
    this.id = id
  }

  /** Writes to memory. Requires: length > 0. */
  write(seq: number, source: Uint8Array, at: number, length: number, position: number): void {
    const size = position + length
    if (size > this.volatile.size) this.pushSize(seq, size)
    const bytes = source.slice(at, at + length)
    this.volatile.write(bytes, 0, length, position)
    this.pending.push({ what: 'write', seq, position, bytes, isLost: false })
  }

  truncate(seq: number, size: number): void {
    if (size === this.volatile.size) return
    this.pushSize(seq, size)
    this.volatile.resize(size)
  }

  private pushSize(seq: number, size: number): void {
    const isShrink = size < this.volatile.size
    this.pending.push({ what: 'size', seq, size, isShrink, isLost: false })
  }

  hasLost(): boolean {
    return this.pending.length > 0 && this.pending[0]!.isLost
  }

  sync(sectorBytes: number): void {
    if (this.pending.length === 0) return
    if (this.hasLost()) {
      this.durable = composeFile(this, sectorBytes, () => true).content
      this.pending = this.pending.filter((effect) => effect.isLost)
    } else {
      this.durable = this.volatile.share()
      this.pending = []
    }
  }

  failSync(mode: SyncFailureMode, sectorBytes: number): void {
    if (mode === 'benign') this.sync(sectorBytes)
    else if (mode === 'revert') {
      this.volatile = this.durable.share()
      this.pending = []
    } else this.pending = this.pending.map((effect) => ({ ...effect, isLost: true }))
    this.syncErrorCount++
  }

  /** Drops clean pages from the cache: where a sync failed, the old bytes come back. */
  evict(sectorBytes: number): void {
    if (!this.hasLost()) return
    const { size } = this.volatile
    this.volatile = composeFile(this, sectorBytes, () => true).content
    this.volatile.resize(size)
    this.pending = this.pending.filter((effect) => !effect.isLost)
  }

  /** Copies the file for another disk; everything is shared until written. */
  copy(): SimFileNode {
    const other = new SimFileNode(this.id)
    other.volatile = this.volatile.share()
    other.durable = this.durable.share()
    other.pending = this.pending.slice()
    other.unreadable = this.unreadable
    other.isSealed = this.isSealed
    return other
  }
}

/** The identity of a node in FileInfo. */
export function identityOf({ id }: { id: number }): string {
  return `sim:${id}`
}

export class SimDirectoryNode {
  readonly kind = 'directory'
  readonly id: number
  entries = new Map<string, SimNode>()
  durableEntries = new Map<string, SimNode>()
  pending: NameEffect[] = []
  linkCount = 0
  /** A sync said "ok" although it failed ('late'): the next one fails. */
  owesSyncError = false
  /** The last generation of the lock, which survives everything. */
  lockGeneration = 0
  isLocked = false

  constructor(id: number) {
    this.id = id
  }

  add(seq: number, name: string, node: SimNode): void {
    this.apply({ what: 'add', seq, name, node, isLost: false })
  }

  delete(seq: number, name: string): void {
    this.apply({ what: 'delete', seq, name, isLost: false })
  }

  move(seq: number, from: string, to: string, node: SimNode): void {
    this.apply({ what: 'move', seq, from, to, node, isLost: false })
  }

  private apply(effect: NameEffect): void {
    applyName(this.entries, effect)
    this.pending.push(effect)
  }

  sync(): void {
    for (const effect of this.pending) if (!effect.isLost) applyName(this.durableEntries, effect)
    this.pending = this.pending.filter((effect) => effect.isLost)
  }

  /** Fails a sync of the names. They have no 'revert': what was renamed stays renamed until the next start. */
  failSync(mode: SyncFailureMode): void {
    if (mode === 'benign') this.sync()
    else this.pending = this.pending.map((effect) => ({ ...effect, isLost: true }))
    this.owesSyncError = mode === 'late'
  }
}

export function applyName(entries: Map<string, SimNode>, effect: NameEffect, isSplit = false): void {
  if (effect.what === 'delete') entries.delete(effect.name)
  else if (effect.what === 'add') entries.set(effect.name, effect.node)
  else {
    if (!isSplit && entries.get(effect.from) === effect.node) entries.delete(effect.from)
    entries.set(effect.to, effect.node)
  }
}

/** Decides whether an effect survives; `sector` is -1 for a size. */
export type KeepsFileEffect = (effect: FileEffect, sector: number) => boolean

export interface ComposedFile {
  content: PagedBytes
  /** Sectors that have bytes of a surviving write. */
  written: Map<number, number>
}

/**
 * Gives the durable content with those pending effects that `keeps` picks; it is asked once for every sector of every
 * write and for every size, in order of issue, but not about lost ones.
 * The disk gets whole sectors from the cache: a sector that survives in the version of one write also has what earlier
 * writes and cuts, kept or lost, put into it.
 */
export function composeFile(
  node: SimFileNode, sectorBytes: number, keeps: KeepsFileEffect,
): ComposedFile {
  const content = node.durable.share()
  const { pending } = node
  const written = new Map<number, number>()
  const isSizeKept: boolean[] = []
  for (let i = 0; i < pending.length; i++) {
    const effect = pending[i]!
    if (effect.isLost) continue
    if (effect.what === 'size') isSizeKept[i] = keeps(effect, -1)
    else {
      const last = lastSector(effect, sectorBytes)
      for (let sector = firstSector(effect, sectorBytes); sector <= last; sector++) {
        if (keeps(effect, sector)) written.set(sector, i)
      }
    }
  }
  let { size } = content
  for (let i = 0; i < pending.length; i++) {
    const effect = pending[i]!
    if (effect.what === 'write') copyKeptSectors(content, effect, sectorBytes, i, written)
    else {
      if (effect.isShrink) cutBehind(content, effect.size, isSizeKept[i] === true, sectorBytes, i, written)
      if (isSizeKept[i] === true) size = effect.size
    }
  }
  content.resize(size)
  return { content, written }
}

export function firstSector(effect: { position: number }, sectorBytes: number): number {
  return Math.floor(effect.position / sectorBytes)
}

export function lastSector(
  effect: { position: number; bytes: Uint8Array }, sectorBytes: number,
): number {
  return Math.floor((effect.position + effect.bytes.length - 1) / sectorBytes)
}

function copyKeptSectors(
  content: PagedBytes, effect: { position: number; bytes: Uint8Array }, sectorBytes: number,
  index: number, written: Map<number, number>,
): void {
  const { position, bytes } = effect
  const last = lastSector(effect, sectorBytes)
  for (let sector = firstSector(effect, sectorBytes); sector <= last; sector++) {
    if ((written.get(sector) ?? -1) < index) continue
    const from = Math.max(position, sector * sectorBytes)
    const to = Math.min(position + bytes.length, (sector + 1) * sectorBytes)
    content.write(bytes, from - position, to - from, from)
  }
}

/**
 * Applies the cuts behind a write: a cut takes everything behind it when it survives, and always counts in later
 * versions of a sector.
 */
function cutBehind(
  content: PagedBytes, size: number, isKept: boolean, sectorBytes: number,
  index: number, written: Map<number, number>,
): void {
  if (isKept) content.zero(size, Infinity)
  else {
    for (const [sector, version] of written) {
      const end = (sector + 1) * sectorBytes
      if (version > index && end > size) content.zero(Math.max(size, sector * sectorBytes), end)
    }
  }
}
