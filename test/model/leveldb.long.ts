/**
 * Random lives of LevelDB directories under a live classic-level: batches, deletions, large values, compactions,
 * reopens with other options, kills, repairs. What is read is what classic-level itself gives, key by key.
 * Needs the peers of the benchmark: `npm ci --prefix bench`; without them it is skipped.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { cpSync, existsSync, rmSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { SeededRandom } from '../../src/base/index.js'
import { NodeVfs } from '../../src/vfs/index.js'
import { newDirectory } from '../support/databases/databases.js'
import { packageDir } from '../support/harness/golden.js'
import { classicLevel, writeRandomly } from '../support/programs/leveldb-writer.js'
import { readAll } from '../support/samples/leveldb-reading.js'

const skip = existsSync(path.join(packageDir, 'bench/node_modules/classic-level')) ? false : 'npm ci --prefix bench'
const LIVES = 40 * Number(process.env['VARVE_LONG'] ?? 1)
const writer = path.join(packageDir, 'dist/test/support/programs/leveldb-writer.js')

/** Writes in another process, which is killed after a while. */
async function writeAndKill(dir: string, seed: number, afterMs: number): Promise<void> {
  const args = [writer, dir, String(seed), '100000']
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] })
  const ended = new Promise((resolve) => child.once('exit', resolve))
  setTimeout(() => child.kill('SIGKILL'), afterMs)
  await ended
}

/** Compares what is read with what classic-level gives of a copy, which it may change. */
async function compare(dir: string, sortBytes: number | undefined, what: string): Promise<number> {
  const copy = `${dir}.copy`
  cpSync(dir, copy, { recursive: true })
  const db = new (classicLevel())(copy, { keyEncoding: 'view', valueEncoding: 'view' })
  await db.open()
  const expected = await db.iterator().all()
  await db.close()
  rmSync(copy, { recursive: true })
  const { entries } = await readAll(new NodeVfs(), dir, sortBytes === undefined ? {} : { sortBytes })
  assert.equal(entries.length, expected.length, what)
  for (const [i, [key, value]] of expected.entries()) {
    assert.ok(Buffer.compare(key, entries[i]!.key) === 0, `${what}: key ${i}`)
    assert.ok(Buffer.compare(value, entries[i]!.value) === 0, `${what}: value ${i}`)
  }
  return entries.length
}

test('random lives under classic-level read as it reads them itself', { skip }, async () => {
  let total = 0
  for (let seed = 0; seed < LIVES; seed++) {
    const random = new SeededRandom(seed, 'leveldb lives')
    const dir = path.join(newDirectory(), 'db')
    const parts = 1 + random.below(4)
    for (let part = 0; part < parts; part++) {
      if (random.chance(0.3)) await writeAndKill(dir, seed * 10 + part, 150 + random.below(1500))
      else await writeRandomly(dir, seed * 10 + part, random.below(300))
      if (!existsSync(path.join(dir, 'CURRENT'))) continue
      if (random.chance(0.1)) await classicLevel().repair(dir)
      total += await compare(dir, random.pick([undefined, 100_000, 1_000_000]), `seed ${seed}, part ${part}`)
    }
    rmSync(dir, { recursive: true, force: true })
  }
  assert.ok(total > 1000 * LIVES, `${total} entries`)
})
