/**
 * What: decides which of the effects that no sync has covered survive a power loss, and makes the disk that results.
 * Rules C1–C11: docs/design/0004-simulated-disk.md.
 */
import type { SeededRandom } from '../../base/index.js'
import type { PagedBytes } from './sim-bytes.js'
import { applyName, composeFile, firstSector, lastSector, SimDirectoryNode, SimFileNode } from './sim-node.js'
import type { ComposedFile, FileEffect, NameEffect, SimNode } from './sim-node.js'

/** All ways in which a simulated disk can lose, at a power loss, what was not synced. */
export const survivalPolicies = [
  'none', 'all',
  /** A prefix of the effects of every file and directory, each its own. */
  'prefix',
  /** One prefix of all effects of the disk. */
  'globalPrefix',
  'random10', 'random50', 'random90',
  /** All names and sizes, no bytes: files full of zeros. */
  'sizeOnly',
  /** All names, nothing unsynced in the files. */
  'namesOnly',
  /** Everything in the files, no names. */
  'dataOnly',
  /** Only what the newest call did to every file and directory. */
  'reverse',
  /** What one call did to one file or directory. */
  'one',
  /** Everything but one sector, size or name. */
  'allButOne',
] as const
/** Which unsynced effects survive a power loss. */
export type SurvivalPolicy = (typeof survivalPolicies)[number]

export interface SurvivalOptions {
  sectorBytes: number
  /** The chance that a hole of a file shows the bytes of a deleted file (C5). */
  staleChance: number
  /** The last write may have been cut inside a sector, or have left garbage in its own range. */
  tornSector: boolean
  /** A rename may leave both names. */
  renameSplit: boolean
}

/** Decides about every effect, once each, in order of issue within a node; `sector` is -1 for sizes and names. */
type Keeps = (node: SimNode, seq: number, what: 'data' | 'size' | 'name', sector: number) => boolean

/** The smallest thing that can be kept or lost by itself. */
interface Atom {
  node: SimNode
  seq: number
  what: 'data' | 'size' | 'name'
  sector: number
}

/** Gives every file and directory that the disk knows, durable or not. */
export function nodesOf(root: SimDirectoryNode): SimNode[] {
  const found = new Set<SimNode>([root])
  for (const node of found) {
    if (node.kind === 'file') continue
    for (const child of node.entries.values()) found.add(child)
    for (const child of node.durableEntries.values()) found.add(child)
    for (const effect of node.pending) if (effect.what !== 'delete') found.add(effect.node)
  }
  return [...found]
}

function atomsOf(node: SimNode, sectorBytes: number): Atom[] {
  const atoms: Atom[] = []
  for (const effect of node.pending as (FileEffect | NameEffect)[]) {
    if (effect.isLost) continue
    const { seq } = effect
    if (effect.what === 'write') {
      const last = lastSector(effect, sectorBytes)
      for (let sector = firstSector(effect, sectorBytes); sector <= last; sector++) {
        atoms.push({ node, seq, what: 'data', sector })
      }
    } else atoms.push({ node, seq, what: effect.what === 'size' ? 'size' : 'name', sector: -1 })
  }
  return atoms
}

function choose(
  policy: SurvivalPolicy, random: SeededRandom, nodes: SimNode[], sectorBytes: number,
): Keeps {
  switch (policy) {
    case 'none':
      return () => false
    case 'all':
      return () => true
    case 'random10':
      return () => random.chance(0.1)
    case 'random50':
      return () => random.chance(0.5)
    case 'random90':
      return () => random.chance(0.9)
    case 'sizeOnly':
      return (_node, _seq, what) => what !== 'data'
    case 'namesOnly':
      return (_node, _seq, what) => what === 'name'
    case 'dataOnly':
      return (_node, _seq, what) => what !== 'name'
    case 'reverse':
      return (node, seq) => seq === node.pending.at(-1)!.seq
    case 'prefix':
      return choosePrefixes(random, sectorBytes)
    default:
      return chooseByAtoms(policy, random, nodes.flatMap((node) => atomsOf(node, sectorBytes)))
  }
}

function choosePrefixes(random: SeededRandom, sectorBytes: number): Keeps {
  const left = new Map<SimNode, number>()
  return (node) => {
    const count = left.get(node) ?? random.below(atomsOf(node, sectorBytes).length + 1)
    left.set(node, count - 1)
    return count > 0
  }
}

function chooseByAtoms(
  policy: 'globalPrefix' | 'one' | 'allButOne', random: SeededRandom, atoms: Atom[],
): Keeps {
  if (atoms.length === 0) return () => true
  if (policy === 'globalPrefix') {
    atoms.sort((a, b) => a.seq - b.seq || a.sector - b.sector)
    const first = atoms[random.below(atoms.length + 1)]
    if (first === undefined) return () => true
    return (_node, seq, _what, sector) => seq < first.seq || (seq === first.seq && sector < first.sector)
  }
  const chosen = random.pick(atoms)
  if (policy === 'one') return (node, seq) => node === chosen.node && seq === chosen.seq
  // A sector is lost in all its later versions too, or its loss would not show.
  return (node, seq, what, sector) =>
    node !== chosen.node || what !== chosen.what || sector !== chosen.sector ||
    (what === 'data' ? seq < chosen.seq : seq !== chosen.seq)
}

/** Makes the disk after a power loss. Nothing of `root` is changed. */
export function survive(
  root: SimDirectoryNode, policy: SurvivalPolicy, random: SeededRandom,
  options: SurvivalOptions & { stale: PagedBytes[] },
): SimDirectoryNode {
  const nodes = nodesOf(root)
  const keeps = choose(policy, random, nodes, options.sectorBytes)
  const isTorn = options.tornSector && policy !== 'none' && policy !== 'all'
  const torn = isTorn ? newestWrite(nodes) : null
  const survivors = new Map<SimNode, SimNode>()

  const visit = (node: SimNode): SimNode => {
    const known = survivors.get(node)
    if (known !== undefined) return known
    if (node.kind === 'file') {
      const file = surviveFile(node, keeps, random, options)
      if (torn?.node === node && random.chance(0.5)) tear(file, torn.effect, random, options.sectorBytes)
      survivors.set(node, file)
      return file
    }
    const directory = new SimDirectoryNode(node.id)
    directory.lockGeneration = node.lockGeneration
    survivors.set(node, directory)
    const entries = new Map(node.durableEntries)
    for (const effect of node.pending) {
      if (effect.isLost || !keeps(node, effect.seq, 'name', -1)) continue
      applyName(entries, effect, options.renameSplit && random.chance(0.5))
    }
    for (const [name, child] of entries) {
      const survivor = visit(child)
      survivor.linkCount++
      directory.entries.set(name, survivor)
      directory.durableEntries.set(name, survivor)
    }
    return directory
  }
  return visit(root) as SimDirectoryNode
}

function surviveFile(
  node: SimFileNode, keeps: Keeps, random: SeededRandom,
  options: SurvivalOptions & { stale: PagedBytes[] },
): SimFileNode {
  const file = new SimFileNode(node.id)
  file.unreadable = node.unreadable
  file.isSealed = node.isSealed
  if (node.pending.length === 0) file.durable = node.durable.share()
  else {
    const { content, written } = composeFile(node, options.sectorBytes, (effect, sector) =>
      keeps(node, effect.seq, effect.what === 'size' ? 'size' : 'data', sector))
    if (options.stale.length > 0 && random.chance(options.staleChance)) {
      showStale({ content, written }, random.pick(options.stale), node.durable.size, options.sectorBytes)
    }
    file.durable = content
  }
  file.volatile = file.durable.share()
  return file
}

/** Shows what the disk had before, in sectors that belong to the file but were never written. */
function showStale(
  file: ComposedFile, stale: PagedBytes, durableSize: number, sectorBytes: number,
): void {
  const { content, written } = file
  for (let sector = Math.ceil(durableSize / sectorBytes); sector * sectorBytes < content.size; sector++) {
    const from = sector * sectorBytes
    const length = Math.min(sectorBytes, content.size - from, stale.size - from)
    if (!written.has(sector) && length > 0) content.write(stale.slice(from, length), 0, length, from)
  }
}

type WriteEffect = FileEffect & { what: 'write' }

function newestWrite(nodes: SimNode[]): { node: SimFileNode; effect: WriteEffect } | null {
  let newest: { node: SimFileNode; effect: WriteEffect } | null = null
  for (const node of nodes) {
    if (node.kind !== 'file') continue
    for (const effect of node.pending) {
      if (effect.what !== 'write' || effect.isLost) continue
      if (newest === null || effect.seq > newest.effect.seq) newest = { node, effect }
    }
  }
  return newest
}

/** Ends one sector of the write somewhere inside: behind it come the old bytes, or garbage. */
function tear(
  file: SimFileNode, effect: WriteEffect, random: SeededRandom, sectorBytes: number,
): void {
  const last = lastSector(effect, sectorBytes)
  const first = firstSector(effect, sectorBytes)
  const sector = first + random.below(last - first + 1)
  const from = Math.max(effect.position, sector * sectorBytes)
  const to = Math.min(effect.position + effect.bytes.length, (sector + 1) * sectorBytes, file.durable.size)
  if (from >= to) return
  const mixed = effect.bytes.slice(from - effect.position, to - effect.position)
  const cut = random.below(mixed.length)
  if (random.chance(0.5)) random.fill(mixed.subarray(cut))
  else file.durable.read(mixed, cut, mixed.length - cut, from + cut)
  file.durable.write(mixed, 0, mixed.length, from)
  file.volatile = file.durable.share()
}
