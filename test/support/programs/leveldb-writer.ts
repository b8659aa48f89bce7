/**
 * Writes random things into a LevelDB directory with classic-level, until it is killed or has done so many batches:
 *   node leveldb-writer.js DIR SEED BATCHES
 * Needs the peers of the benchmark.
 */
import { createRequire } from 'node:module'
import path from 'node:path'
import { SeededRandom } from '../../../src/base/index.js'
import { packageDir } from '../harness/golden.js'

type Operation = { type: 'put'; key: Uint8Array; value: Uint8Array } | { type: 'del'; key: Uint8Array }

/** The calls of classic-level that are used here. */
export interface ClassicDatabase {
  open(): Promise<void>
  close(): Promise<void>
  batch(operations: readonly Operation[]): Promise<void>
  compactRange(start: Uint8Array, end: Uint8Array): Promise<void>
  iterator(): { all(): Promise<[Uint8Array, Uint8Array][]> }
}

export function classicLevel(): (new (dir: string, options: object) => ClassicDatabase) & {
  repair(dir: string): Promise<void>
} {
  return createRequire(path.join(packageDir, 'bench/package.json'))('classic-level').ClassicLevel
}

/** How the database of a seed is opened, each time. */
function drawOptions(random: SeededRandom): object {
  return {
    keyEncoding: 'view', valueEncoding: 'view', compression: random.chance(0.7),
    writeBufferSize: random.pick([64 * 1024, 256 * 1024, 4 * 1024 * 1024]),
    blockSize: random.pick([1024, 4096, 65_536]), blockRestartInterval: random.pick([1, 4, 16]),
    maxFileSize: 1024 * 1024,
  }
}

function drawOperation(random: SeededRandom, keys: number): Operation {
  const number = random.below(keys)
  const name = random.chance(0.5) ? `!sub!${number}` : String(number).padStart(12, '0')
  const key = new TextEncoder().encode(random.chance(0.01) ? name.repeat(40) : name)
  if (random.chance(0.2)) return { type: 'del', key }
  const value = new Uint8Array(random.chance(0.01) ? random.below(300_000) : random.below(300))
  if (random.chance(0.5)) value.fill(number)
  else random.fill(value)
  return { type: 'put', key, value }
}

export async function writeRandomly(dir: string, seed: number, batches: number): Promise<void> {
  const random = new SeededRandom(seed, 'leveldb writer')
  const db = new (classicLevel())(dir, drawOptions(random))
  await db.open()
  const keys = random.pick([50, 2000, 50_000])
  for (let i = 0; i < batches; i++) {
    const length = random.chance(0.02) ? 3000 : random.below(40)
    await db.batch(Array.from({ length }, () => drawOperation(random, keys)))
    if (random.chance(0.003)) await db.compactRange(new Uint8Array(), new Uint8Array(4).fill(255))
  }
  await db.close()
}

const [, program, dir, seed, batches] = process.argv
if (program?.endsWith('leveldb-writer.js') === true) await writeRandomly(dir!, Number(seed), Number(batches))
