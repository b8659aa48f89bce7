/** A writer and a view that follows it, on one file system, and what tests ask of the two. */
import assert from 'node:assert/strict'
import { Varve } from '../../../src/index.js'
import type { RefreshResult, VarveOptions } from '../../../src/index.js'
import { MemoryVfs } from '../../../src/testing.js'
import type { SimVfs } from '../../../src/testing.js'
import type { Vfs } from '../../../src/vfs/index.js'
import { text } from './databases.js'

export const DIR = '/db'
const SMALL = { workers: 0, writeBufferSize: 64 * 1024, compaction: { style: 'none' } } as const

export async function writerOn(vfs: Vfs, options: VarveOptions = {}): Promise<Varve> {
  return Varve.open(DIR, { ...SMALL, ...options, components: { vfs } })
}

export async function viewOn(vfs: Vfs, options: VarveOptions = {}): Promise<Varve> {
  return Varve.open(DIR, { readOnly: true, ...options, components: { vfs } })
}

export async function pair(options: VarveOptions = {}, wrap = (vfs: Vfs): Vfs => vfs) {
  const vfs = new MemoryVfs()
  const writer = await writerOn(vfs, options)
  return { vfs, writer, view: await viewOn(wrap(vfs)) }
}

/** What a fresh open sees, and that the view sees the same. */
export async function sameAsFresh(view: Varve, vfs: Vfs): Promise<string[]> {
  const fresh = await viewOn(vfs)
  const read = (db: Varve): string[] => [...db.entriesSync()].map(([key, value]) => `${text(key)}=${text(value)}`)
  const seen = read(view)
  assert.deepEqual(seen, read(fresh))
  assert.equal(view.stats().database.visibleSeq, fresh.stats().database.visibleSeq)
  await fresh.close()
  return seen
}

export const logsIn = (vfs: MemoryVfs): string[] => vfs.listSync(DIR).filter((name) => name.endsWith('.wal')).sort()

export function append(vfs: MemoryVfs | SimVfs, name: string, bytes: Uint8Array, position: number): void {
  const file = vfs.openSync(`${DIR}/${name}`, 'write')
  file.writeSync(bytes, 0, bytes.length, position)
  file.closeSync()
}

export async function quiet(view: Varve): Promise<Pick<RefreshResult, 'seqNum' | 'changed'>> {
  const { seqNum, changed } = await view.refresh()
  return { seqNum, changed }
}

export async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}

export async function sameSeq(vfs: Vfs): Promise<number> {
  const fresh = await viewOn(vfs)
  const { visibleSeq } = fresh.stats().database
  await fresh.close()
  return visibleSeq
}
