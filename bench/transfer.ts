/**
 * What: how fast a database is exported and imported again, by format and size of values, in logical bytes (keys and
 * values) a second of wall clock, and in processor time. Everything is in a directory that goes again.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { SeededRandom } from '../src/base/index.js'
import { Varve } from '../src/index.js'
import type { ExportOptions } from '../src/index.js'

const FORMATS: ExportOptions[] = [
  { format: 'varve' }, { format: 'jsonl' }, { format: 'csv', valueEncoding: 'base64' },
]
const VALUE_BYTES = [100, 1000, 20_000]

const { values } = parseArgs({ options: { mib: { type: 'string', default: '128' } } })
const wantedBytes = Number(values.mib) * 2 ** 20

/** Runs a call; gives its seconds of wall clock and of processors. */
async function timed(call: () => Promise<unknown>): Promise<{ wall: number; cpu: number }> {
  const [cpu, start] = [process.cpuUsage(), performance.now()]
  await call()
  const used = process.cpuUsage(cpu)
  return { wall: (performance.now() - start) / 1e3, cpu: (used.user + used.system) / 1e6 }
}

async function fill(db: Varve, valueBytes: number): Promise<number> {
  const random = new SeededRandom(valueBytes)
  let bytes = 0
  for (let i = 0; bytes < wantedBytes;) {
    const operations = Array.from({ length: 1000 }, () => {
      const value = Buffer.alloc(valueBytes, random.u32().toString(36))
      const key = `user:${String(Math.imul(i++, 7919) >>> 0).padStart(12, '0')}`
      bytes += key.length + valueBytes
      return { type: 'put' as const, key, value }
    })
    await db.batch(operations)
  }
  await db.compact()
  return bytes
}

const dir = mkdtempSync(path.join(tmpdir(), 'varve-transfer-'))
try {
  console.log('value   format   export MB/s (of processor time)   import MB/s (of processor time)')
  for (const valueBytes of VALUE_BYTES) {
    const db = await Varve.open(path.join(dir, `db-${valueBytes}`))
    const bytes = await fill(db, valueBytes)
    for (const options of FORMATS) {
      const file = path.join(dir, `${valueBytes}.${options.format}`)
      const copy = path.join(dir, `copy-${valueBytes}-${options.format}`)
      const exported = await timed(() => db.export(file, options))
      const imported = await timed(() => Varve.import(copy, file))
      const rate = (seconds: number): string => (bytes / 1e6 / seconds).toFixed(0)
      const shown = [exported, imported].map(({ wall, cpu }) => `${rate(wall)} (${rate(cpu)})`.padEnd(33))
      console.log(`${String(valueBytes).padEnd(7)} ${options.format.padEnd(8)} ${shown.join(' ')}`)
      rmSync(copy, { recursive: true })
      rmSync(file)
    }
    await db.close()
  }
} finally {
  rmSync(dir, { recursive: true, force: true })
}
