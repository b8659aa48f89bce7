/**
 * Reads LevelDB directories, as an import does: logical megabytes a second, of the wall clock and of processor time.
 *   npm run bench:micro -- leveldb [ENTRIES]
 * The peers of the benchmark make the directories: `npm ci --prefix bench`.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { SeededRandom, systemClock } from '../../src/base/index.js'
import { readLevelDatabase } from '../../src/leveldb/index.js'
import { NodeVfs } from '../../src/vfs/index.js'
import { rootDir } from '../store.js'

interface Shape {
  name: string
  isRandom: boolean
  valueBytes: number
  compression: boolean
}

const SHAPES: Shape[] = [
  { name: 'random, 100 bytes, Snappy', isRandom: true, valueBytes: 100, compression: true },
  { name: 'ascending, 100 bytes, Snappy', isRandom: false, valueBytes: 100, compression: true },
  { name: 'ascending, 100 bytes, raw', isRandom: false, valueBytes: 100, compression: false },
  { name: 'random, 1000 bytes, Snappy', isRandom: true, valueBytes: 1000, compression: true },
]
const ROUNDS = 5
const BATCH = 1000
const count = Number(process.argv[2] ?? 500_000)

interface Writer {
  open(): Promise<void>
  batch(operations: { type: 'put'; key: Uint8Array; value: Uint8Array }[]): Promise<void>
  close(): Promise<void>
}

async function write(dir: string, { isRandom, valueBytes, compression }: Shape): Promise<void> {
  const { ClassicLevel } = createRequire(path.join(rootDir, 'bench/package.json'))('classic-level') as {
    ClassicLevel: new (dir: string, options: object) => Writer
  }
  const db = new ClassicLevel(dir, { keyEncoding: 'view', valueEncoding: 'view', compression })
  await db.open()
  const random = new SeededRandom(1, 'leveldb bench')
  const entries = Math.ceil((count * 116) / (16 + valueBytes))
  for (let at = 0; at < entries; at += BATCH) {
    await db.batch(Array.from({ length: BATCH }, (_, i) => {
      // Half of a value is random: Snappy makes it about half as long.
      const value = new Uint8Array(valueBytes)
      random.fill(value.subarray(0, valueBytes / 2))
      const number = isRandom ? random.below(entries) : at + i
      return { type: 'put', key: Buffer.from(String(number).padStart(16, '0')), value }
    }))
  }
  await db.close()
}

interface Speed {
  wall: number
  processor: number
  megabytes: number
}

async function read(dir: string): Promise<Speed> {
  const [startMs, start] = [performance.now(), process.cpuUsage()]
  const { chunks, report } = readLevelDatabase(new NodeVfs(), dir, { clock: systemClock })
  for await (const chunk of chunks) if (chunk.length === 0) throw new Error('an empty chunk')
  const { user, system } = process.cpuUsage(start)
  const [megabytes, ms] = [report.entryBytes / 1e6, performance.now() - startMs]
  return { wall: (megabytes / ms) * 1e3, processor: (megabytes / (user + system)) * 1e6, megabytes }
}

for (const shape of SHAPES) {
  const dir = mkdtempSync(path.join(tmpdir(), 'varve-leveldb-'))
  try {
    await write(dir, shape)
    const rounds: Speed[] = []
    for (let round = 0; round < ROUNDS; round++) rounds.push(await read(dir))
    const best = (of: 'wall' | 'processor'): string => Math.max(...rounds.map((one) => one[of])).toFixed(0).padStart(5)
    const size = rounds[0]!.megabytes.toFixed(0).padStart(5)
    const speeds = `${best('wall')} MB/s  ${best('processor')} MB/s of a processor`
    console.log(`${shape.name.padEnd(30)} ${size} MB  ${speeds}`)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}
