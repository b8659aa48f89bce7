/** What: bytes that a database keeps, and bytes that a process wrote. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'

export function directoryBytes(dir: string): number {
  if (!existsSync(dir)) return 0
  return readdirSync(dir, { withFileTypes: true }).reduce((sum, entry) => {
    const name = path.join(dir, entry.name)
    return sum + (entry.isDirectory() ? directoryBytes(name) : fileBytes(name))
  }, 0)
}

function fileBytes(name: string): number {
  const stat = statSync(name, { throwIfNoEntry: false })
  if (stat === undefined) return 0
  // Blocks count, not the length: a memory map may have holes.
  return stat.blocks > 0 ? stat.blocks * 512 : stat.size
}

export interface WrittenBytes {
  /** Bytes of file pages that were made dirty, without those thrown away before they reached the disk. */
  diskBytes: number
  /** Bytes that were handed to the system's write calls. */
  callBytes: number
}

/** Bytes that all threads of this process wrote since `before`; Linux only. */
export function writtenBytes(before: WrittenBytes | null = null): WrittenBytes | null {
  if (!existsSync('/proc/self/io')) return null
  const text = readFileSync('/proc/self/io', 'utf8')
  const field = (name: string): number => Number(new RegExp(`^${name}: (\\d+)$`, 'm').exec(text)![1])
  const diskBytes = field('write_bytes') - field('cancelled_write_bytes') - (before?.diskBytes ?? 0)
  return { diskBytes, callBytes: field('wchar') - (before?.callBytes ?? 0) }
}
