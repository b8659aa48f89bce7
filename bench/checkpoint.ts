/**
 * What: `npm run bench:checkpoint -- [--live MIB] [--table MIB] [--dir DIR]`: how long a checkpoint takes by links and
 * by copies, an incremental backup after one part in a hundred has changed, a copy from outside, and the longest time
 * that a writer waited meanwhile, beside the longest without a checkpoint.
 * The goal of links: 10 GiB in 200 tables in 50 ms beside the syncs (`--live 10240 --table 52`).
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { NodeVfs } from '../src/vfs/index.js'
import { Varve } from '../src/index.js'

const MIB = 2 ** 20
const VALUE_BYTES = 4000
const ROUNDS = 5

const { values } = parseArgs({
  options: {
    live: { type: 'string', default: '1024' }, table: { type: 'string', default: '5' }, dir: { type: 'string' },
  },
})
const liveBytes = Number(values.live) * MIB
const tableBytes = Number(values.table) * MIB
const root = mkdtempSync(path.join(values.dir ?? tmpdir(), 'varve-checkpoint-'))

/** Counts what syncs take, since they depend on the disk alone. */
class TimedSyncs extends NodeVfs {
  syncMs = 0

  override async syncDir(dir: string): Promise<void> {
    const start = performance.now()
    await super.syncDir(dir)
    this.syncMs += performance.now() - start
  }
}

const vfs = new TimedSyncs()

/** Writes one key after the other, and gives the longest time that one took, until it is told to stop. */
async function longestWrite(db: Varve, isOver: () => boolean): Promise<number> {
  let longest = 0
  for (let i = 0; !isOver(); i++) {
    const start = performance.now()
    await db.put(`beside ${i % 1000}`, 'x'.repeat(100))
    longest = Math.max(longest, performance.now() - start)
    if (i % 16 === 0) await new Promise(setImmediate)
  }
  return longest
}

async function beside<T>(db: Varve, work: () => Promise<T>): Promise<{ result: T; ms: number; pauseMs: number }> {
  let isOver = false
  const writing = longestWrite(db, () => isOver)
  const start = performance.now()
  const result = await work()
  const ms = performance.now() - start
  isOver = true
  return { result, ms, pauseMs: await writing }
}

function row(name: string, ms: number, more: string): void {
  console.log(`${name.padEnd(34)} ${ms.toFixed(1).padStart(10)} ms  ${more}`)
}

try {
  const db = await Varve.open(path.join(root, 'db'), {
    writeBufferSize: tableBytes, compaction: { style: 'none' }, compression: 'none', valueThreshold: 2 ** 30,
    components: { vfs },
  })
  const count = Math.ceil(liveBytes / VALUE_BYTES)
  for (let i = 0; i < count; i++) await db.put(`key ${String(i).padStart(9, '0')}`, 'v'.repeat(VALUE_BYTES))
  await db.flush()
  const tables = db.stats().levels.reduce((sum, level) => sum + level.tableCount, 0)
  console.log(`${values.live} MiB in ${tables} tables`)
  const idle = await beside(db, () => new Promise((resolve) => setTimeout(resolve, 500)))
  row('no checkpoint', idle.ms, `longest write ${idle.pauseMs.toFixed(2)} ms`)
  for (let i = 0; i < ROUNDS; i++) {
    vfs.syncMs = 0
    const { ms, pauseMs, result } = await beside(db, () => db.checkpoint(path.join(root, `link${i}`), { mode: 'link' }))
    row('checkpoint, links', ms, `${(ms - vfs.syncMs).toFixed(1)} ms without syncs of directories, ` +
      `longest write ${pauseMs.toFixed(2)} ms, ${result.fileCount} files`)
  }
  const copy = await beside(db, () => db.checkpoint(path.join(root, 'copy'), { mode: 'copy' }))
  row('checkpoint, copies', copy.ms, `${(copy.result.copiedBytes / MIB / copy.ms * 1000).toFixed(0)} MiB/s, ` +
    `longest write ${copy.pauseMs.toFixed(2)} ms`)
  const outside = await beside(db, () => Varve.checkpoint(path.join(root, 'db'), path.join(root, 'outside')))
  row('checkpoint from outside, links', outside.ms, `${outside.result.fileCount} files`)
  await Varve.backup(db, path.join(root, 'set'), { verify: false })
  for (let i = 0; i < count / 100; i++) await db.put(`key ${String(i).padStart(9, '0')}`, 'w'.repeat(VALUE_BYTES))
  const backup = await beside(db, () => Varve.backup(db, path.join(root, 'set'), { verify: false }))
  row('backup, 1 % changed', backup.ms, `${(backup.result.copiedBytes / MIB).toFixed(1)} MiB copied`)
  await db.close()
} finally {
  rmSync(root, { recursive: true, force: true })
}
