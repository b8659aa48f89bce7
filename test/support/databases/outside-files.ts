/** Table files that a table writer made, on a simulated disk, and what becomes of the disk around them. */
import { createHash } from 'node:crypto'
import { Varve } from '../../../src/index.js'
import type { KeyBounds, Lifetime } from '../../../src/index.js'
import type { SimVfs } from '../../../src/testing.js'

export const USER_DIR = '/user'

export interface FileContent {
  entries?: readonly (readonly [key: string, value: string | Uint8Array, lifetime?: Lifetime])[]
  ranges?: readonly KeyBounds[]
  compression?: 'lz4' | 'none'
  blockSize?: number
}

/** Makes a table file; the directory is made and durable. */
export async function makeFile(vfs: SimVfs, name: string, content: FileContent): Promise<string> {
  const { entries = [], ranges = [], ...options } = content
  if (vfs.statSync(USER_DIR) === null) {
    vfs.mkdirSync(USER_DIR)
    vfs.syncDirSync('/')
  }
  const path = vfs.join(USER_DIR, name)
  const writer = await Varve.tableWriter(path, { vfs, ...options })
  for (const [key, value, lifetime] of entries) writer.add(key, value, lifetime)
  for (const range of ranges) writer.delRange(range)
  await writer.finish()
  return path
}

export function entriesOf(keys: string, value = 'outside'): [string, string][] {
  return [...keys].sort().map((key) => [key, `${value} ${key}`])
}

export function bytesOf(vfs: SimVfs, path: string): Uint8Array {
  const { size } = vfs.statSync(path)!
  const bytes = new Uint8Array(size)
  const file = vfs.openSync(path, 'read')
  file.readSync(bytes, 0, size, 0)
  file.closeSync()
  return bytes
}

export function hashOf(vfs: SimVfs, path: string): string {
  return createHash('sha1').update(bytesOf(vfs, path)).digest('hex')
}

/** Writes a file anew. */
export function writeBytes(vfs: SimVfs, path: string, bytes: Uint8Array): void {
  if (vfs.statSync(path) !== null) vfs.unlinkSync(path)
  const file = vfs.openSync(path, 'create')
  if (bytes.length > 0) file.writeSync(bytes, 0, bytes.length, 0)
  file.closeSync()
}
