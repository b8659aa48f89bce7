/**
 * What: reads, scans and compacts a database in a process that may have few files open: node few-files-child.js
 * DIRECTORY, under `ulimit -n`. Prints what it found.
 */
import { readdirSync } from 'node:fs'
import { Varve } from '../../src/index.js'
import type { Stats } from '../../src/stats/index.js'

export interface FewFilesReport {
  /** Entries of a scan: read-only, after an open for writing, and after the compaction. */
  scanned: number[]
  /** Keys of the first scan that `get` does not find. */
  missed: number
  /** Descriptors of the process at the most. */
  descriptorsMax: number
  files: Stats['files']
  levels: number[]
}

let descriptorsMax = 0

function scan(db: Varve): number {
  let count = 0
  for (const _ of db.entriesSync()) if (++count % 64 === 0) look()
  return count
}

function look(): void {
  descriptorsMax = Math.max(descriptorsMax, readdirSync('/proc/self/fd').length)
}

const [directory = ''] = process.argv.slice(2)
const view = await Varve.open(directory, { readOnly: true })
const scanned = [scan(view)]
let missed = 0
for (const key of view.keysSync()) if (view.getSync(key) === undefined) missed++
await view.close()
const db = await Varve.open(directory, { workers: 1 })
await db.put('one more', 'value')
scanned.push(scan(db))
await db.compact()
look()
scanned.push(scan(db))
const { files, levels } = db.stats()
await db.close()
process.stdout.write(JSON.stringify({
  scanned, missed, descriptorsMax, files, levels: levels.map(({ tableCount }) => tableCount),
} satisfies FewFilesReport))
