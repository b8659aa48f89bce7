/**
 * What: a process that has many databases open and does nothing: node idle-child.js DIRECTORY COUNT HOW. Prints what it
 * takes, as the operating system counts it. HOW: `new` directories, `written` before and opened again, or written in
 * this process and `flushed`.
 */
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { Varve } from '../../src/index.js'

export interface IdleReport {
  grownBytes: number
  descriptors: number
  threads: number
  slabBytes: number
  memtableIndexBytes: number
  files: number
}

function look(): { bytes: number; descriptors: number; threads: number } {
  const status = readFileSync('/proc/self/status', 'utf8')
  const number = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)![1])
  return { bytes: number('VmRSS') * 1024, descriptors: readdirSync('/proc/self/fd').length, threads: number('Threads') }
}

/** What was closed is gone. */
async function settle(): Promise<void> {
  await setTimeout(200)
  globalThis.gc!()
}

const [directory = '', count, how] = process.argv.slice(2)
const places = Array.from({ length: Number(count) }, (_, i) => path.join(directory, String(i)))
// The first database loads code and starts a thread: that is not what one more takes.
const first = await Varve.open(path.join(directory, 'first'))
await first.put('k', 'v')
await first.close()
if (how === 'written') {
  for (const place of places) {
    const db = await Varve.open(place)
    for (let i = 0; i < 100; i++) db.putSync(`key ${i}`, 'value')
    await db.close()
  }
}
await settle()
const before = look()
const databases: Varve[] = []
for (const place of places) {
  const db = await Varve.open(place)
  databases.push(db)
  if (how !== 'flushed') continue
  await db.put('k', 'v')
  await db.flush()
}
await settle()
const after = look()
const report: IdleReport = {
  grownBytes: after.bytes - before.bytes,
  descriptors: after.descriptors - before.descriptors,
  threads: after.threads - before.threads,
  slabBytes: databases.reduce((sum, db) => sum + db.stats().memory.slabBytes, 0),
  memtableIndexBytes: databases.reduce((sum, db) => sum + db.stats().memory.memtableIndexBytes, 0),
  files: Math.max(...places.map((place) => readdirSync(place).length)),
}
for (const db of databases) await db.close()
process.stdout.write(JSON.stringify(report))
