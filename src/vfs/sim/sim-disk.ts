/**
 * What: whole simulated disks: copies, a start after a crash, damage at rest.
 */
import type { SeededRandom } from '../../base/index.js'
import type { SimMachine } from './sim-machine.js'
import { SimDirectoryNode, SimFileNode } from './sim-node.js'
import type { NameEffect, SimNode } from './sim-node.js'
import { nodesOf } from './sim-survival.js'

/**
 * Copies the disk as the system's memory has it, everything unsynced still pending. Writes in flight have done any
 * prefix of their bytes; with `random` null, all of them.
 */
export function copyDisk(machine: SimMachine, random: SeededRandom | null): SimDirectoryNode {
  const copies = new Map<SimNode, SimNode>()
  const files = new Map<number, SimFileNode>()
  const copyOf = (node: SimNode): SimNode => {
    let copy = copies.get(node)
    if (copy !== undefined) return copy
    if (node.kind === 'file') {
      copy = node.copy()
      copies.set(node, copy)
      files.set(node.id, copy as SimFileNode)
      return copy
    }
    const directory = new SimDirectoryNode(node.id)
    copies.set(node, directory)
    directory.lockGeneration = node.lockGeneration
    for (const [name, child] of node.entries) {
      const childCopy = copyOf(child)
      childCopy.linkCount++
      directory.entries.set(name, childCopy)
    }
    for (const [name, child] of node.durableEntries) directory.durableEntries.set(name, copyOf(child))
    directory.pending = node.pending.map((effect): NameEffect =>
      effect.what === 'delete' ? effect : { ...effect, node: copyOf(effect.node) })
    return directory
  }
  const root = copyOf(machine.root) as SimDirectoryNode
  for (const { nodeId, source, at, length, position } of machine.scheduler.inFlightWrites) {
    const done = random === null ? length : random.below(length + 1)
    // A file that has lost its last name is not there any more.
    if (done > 0) files.get(nodeId)?.write(machine.seq + 1, source, at, done, position)
  }
  return root
}

/** Counts the bytes and adds the foreign files of a machine that has just started. */
export function finishDisk(machine: SimMachine, isPowerLoss: boolean): void {
  const { foreignNames, capacityBytes } = machine.options
  const isCounted = capacityBytes !== Infinity
  if (!isCounted && foreignNames.length === 0) return
  for (const node of nodesOf(machine.root)) {
    if (node.kind === 'file') machine.usedBytes += node.linkCount > 0 ? node.volatile.size : 0
    else if (isPowerLoss && node !== machine.root) {
      for (const name of foreignNames) {
        if (node.entries.has(name)) continue
        const file = machine.newFile()
        file.linkCount++
        node.add(machine.seq, name, file)
        node.sync()
      }
    }
  }
}

/** How bytes change at rest; `do` is its name. */
export type Damage =
  | { do: 'flipBit'; offset: number; bit?: number }
  | { do: 'zero'; offset: number; length: number }
  /** Random bytes in place of what was written. */
  | { do: 'garbage'; offset: number; length: number }
  /** Reads of the range fail with EIO from now on. */
  | { do: 'unreadable'; offset: number; length: number }

export function damage(node: SimFileNode, how: Damage, random: SeededRandom): void {
  if (how.do === 'unreadable') {
    node.unreadable = { from: how.offset, to: how.offset + how.length }
    return
  }
  const wanted = how.do === 'flipBit' ? 1 : how.length
  const garbage = new Uint8Array(wanted)
  random.fill(garbage)
  for (const content of [node.volatile, node.durable]) {
    const length = Math.min(wanted, content.size - how.offset)
    if (length <= 0) continue
    const bytes = content.slice(how.offset, length)
    if (how.do === 'flipBit') bytes[0]! ^= 1 << (how.bit ?? 0)
    else if (how.do === 'zero') bytes.fill(0)
    else bytes.set(garbage.subarray(0, length))
    content.write(bytes, 0, length, how.offset)
  }
}
