/**
 * What: how fast a database is verified: bytes a second of processor time in full and deep, for tables with small
 * entries and with large ones, value logs and logs; and the time of a quick look at many tables. Processor time counts
 * all threads, and their start. Everything is in a directory that goes again.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { SeededRandom } from '../src/base/index.js'
import { Varve } from '../src/index.js'
import type { BatchOp, VarveOptions, VerifyLevel } from '../src/index.js'

const MIB = 2 ** 20
const ROUNDS = 3

interface Shape {
  name: string
  valueBytes: number
  options: VarveOptions
  /** False leaves all in the log. */
  isFlushed: boolean
}

const PLAIN: VarveOptions = { compression: 'none', compaction: { style: 'none' } }
const APART = 2 ** 30

const SHAPES: readonly Shape[] = [
  { name: 'tables, 100 B', valueBytes: 100, options: { ...PLAIN, valueThreshold: APART }, isFlushed: true },
  { name: 'tables, 1000 B', valueBytes: 1000, options: { ...PLAIN, valueThreshold: APART }, isFlushed: true },
  {
    name: 'tables, packed', valueBytes: 100, isFlushed: true,
    options: { ...PLAIN, compression: 'lz4', valueThreshold: APART },
  },
  { name: 'value logs, 8 KiB', valueBytes: 8192, options: { ...PLAIN, valueThreshold: 1024 }, isFlushed: true },
  { name: 'value logs, 1 MiB', valueBytes: MIB, options: { ...PLAIN, valueThreshold: 1024 }, isFlushed: true },
  {
    name: 'log, 1000 B', valueBytes: 1000, isFlushed: false,
    options: { ...PLAIN, valueThreshold: APART, writeBufferSize: 2 ** 30 },
  },
]

const { values } = parseArgs({
  options: {
    mib: { type: 'string', default: '256' }, tables: { type: 'string', default: '1000' },
    only: { type: 'string', default: '' }, dir: { type: 'string' },
  },
})
const root = mkdtempSync(path.join(values.dir ?? tmpdir(), 'varve-verify-'))

async function fill(db: Varve, { valueBytes, isFlushed }: Shape): Promise<void> {
  const random = new SeededRandom(valueBytes)
  const count = Math.ceil(Number(values.mib) * MIB / valueBytes)
  const value = new Uint8Array(valueBytes)
  for (let i = 0; i < count;) {
    const batch: BatchOp[] = []
    for (let bytes = 0; bytes < MIB && i < count; i++, bytes += valueBytes) {
      random.fill(value)
      // Half of each value is like any other, so that packing has something to do.
      value.fill(7, valueBytes / 2)
      batch.push({ type: 'put', key: `key ${String(i).padStart(10, '0')}`, value: value.slice() })
    }
    await db.batch(batch)
  }
  if (isFlushed) await db.flush()
}

/** The least of some rounds, since others use the machine too. */
async function measure(dir: string, level: VerifyLevel): Promise<void> {
  let [cpuMs, wallMs, bytes] = [Infinity, Infinity, 0]
  for (let round = 0; round < ROUNDS; round++) {
    const [cpu, start] = [process.cpuUsage(), performance.now()]
    const report = await Varve.verify(dir, { level })
    if (!report.ok) throw new Error(`not as it should be: ${JSON.stringify(report.problems[0])}`)
    const { user, system } = process.cpuUsage(cpu)
    cpuMs = Math.min(cpuMs, (user + system) / 1000)
    wallMs = Math.min(wallMs, performance.now() - start)
    bytes = report.checkedBytes
  }
  const rate = level === 'quick' ? '' : `${(bytes / 1e6 / cpuMs).toFixed(2)} GB/s a core`
  const times = `${cpuMs.toFixed(0).padStart(8)} ms processor ${wallMs.toFixed(0).padStart(8)} ms wall`
  console.log(`  ${level.padEnd(6)} ${(bytes / MIB).toFixed(0).padStart(6)} MiB ${times}  ${rate}`)
}

async function measureShape(shape: Shape): Promise<void> {
  const dir = path.join(root, 'db')
  const db = await Varve.open(dir, shape.options)
  await fill(db, shape)
  await db.close()
  console.log(shape.name)
  await measure(dir, 'full')
  await measure(dir, 'deep')
  rmSync(dir, { recursive: true })
}

async function measureQuick(tables: number): Promise<void> {
  const dir = path.join(root, 'many')
  const db = await Varve.open(dir, PLAIN)
  for (let i = 0; i < tables; i++) {
    await db.put(`key ${i}`, 'x'.repeat(500))
    await db.flush()
  }
  await db.close()
  console.log(`${tables} tables`)
  await measure(dir, 'quick')
}

try {
  for (const shape of SHAPES) if (shape.name.includes(values.only)) await measureShape(shape)
  if (values.only === '' || 'quick'.startsWith(values.only)) await measureQuick(Number(values.tables))
} finally {
  rmSync(root, { recursive: true, force: true })
}
