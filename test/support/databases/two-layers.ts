/**
 * What: a database of two tables whose keys overlap, so that what one of them loses lets the other shine through: an
 * old one with all even keys, and a newer one that has every fourth key anew, deletes others, and has odd keys of its
 * own.
 */
import { runSync, tableFileName } from '../../../src/base/index.js'
import type { FileNum } from '../../../src/base/index.js'
import { Varve } from '../../../src/index.js'
import type { VarveOptions } from '../../../src/index.js'
import { readOutline } from '../../../src/sstable/read/table-open.js'
import type { TableOutline } from '../../../src/sstable/read/table-open.js'
import { MemoryVfs } from '../../../src/testing.js'
import type { States } from '../model/repair-law.js'
import { SOURCE } from '../model/repair-law.js'
import { takeImage } from './vfs-image.js'
import type { Image } from './vfs-image.js'

export interface Layers {
  image: Image
  states: States
  old: FileNum
  newer: FileNum
}

export const keyOf = (i: number): string => `key${String(i).padStart(6, '0')}`

/** Makes the two tables, of about `count` keys in all. */
export async function makeLayers(count: number, options: VarveOptions = {}, deletesRange = false): Promise<Layers> {
  const vfs = new MemoryVfs()
  const db = await Varve.open(SOURCE, {
    workers: 0, writeBufferSize: 16 * 1024 * 1024, blockSize: 1024, compaction: { style: 'none' }, ...options,
    components: { vfs },
  })
  const states: States = []
  const state = new Map<string, string>()
  let seqNum = 0
  const put = (i: number, value: string): void => {
    db.putSync(keyOf(i), value)
    state.set(keyOf(i), value)
    seqNum++
  }
  const tables = (): FileNum[] =>
    vfs.listSync(SOURCE).filter((name) => name.endsWith('.table')).map((name) => parseInt(name))
  for (let i = 0; i < count; i += 2) put(i, `old ${i} ${'o'.repeat(30)}`)
  await db.flush()
  const [old] = tables() as [FileNum]
  for (let i = 0; i < count; i += 4) put(i, `new ${i} ${'n'.repeat(30)}`)
  for (let i = 2; i < count; i += 8) {
    db.delSync(keyOf(i))
    state.delete(keyOf(i))
    seqNum++
  }
  for (let i = 1; i < count; i += 2) put(i, `own ${i} ${'n'.repeat(30)}`)
  if (deletesRange) {
    const [from, to] = [Math.floor(count / 2), Math.floor(count * 3 / 4)]
    db.delRangeSync({ gte: keyOf(from), lt: keyOf(to) })
    for (let i = from; i < to; i++) state.delete(keyOf(i))
    seqNum++
  }
  await db.flush()
  const [newer] = tables().filter((fileNum) => fileNum !== old) as [FileNum]
  await db.close()
  states[seqNum] = state
  return { image: takeImage(vfs, SOURCE), states, old, newer }
}

/** Where the parts of a table of the image stand. */
export function outlineOf(image: Image, fileNum: FileNum): TableOutline {
  const name = tableFileName(fileNum)
  const bytes = image.get(name)!
  const read = (target: Uint8Array, at: number, length: number, position: number): number => {
    const part = bytes.subarray(position, position + length)
    target.set(part, at)
    return part.length
  }
  const file = {
    path: name, sizeSync: () => bytes.length, readSync: read,
    read: (...args: Parameters<typeof read>) => Promise.resolve(read(...args)),
  }
  return runSync(readOutline({ file, name }))
}
