// @ts-check
// Writes test/fixtures/leveldb: small databases as LevelDB makes them, for the tests of what reads them. What each holds
// is in content.json: the number of entries, and a SHA-256 of all of them. classic-level comes from the peers of the
// benchmark: npm ci --prefix bench
import { createHash } from 'node:crypto'
import { cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { root } from './source-tree.mjs'

const { ClassicLevel } = createRequire(path.join(root, 'bench/package.json'))('classic-level')
const target = path.join(root, 'test/fixtures/leveldb')
/** @type {Record<string, { entries: number, sha256: string }>} */
const contents = {}

/** @param {number} seed */
function random(seed) {
  return (/** @type {number} */ below) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
    return Math.floor((seed / 2 ** 32) * below)
  }
}

/** @param {Map<string, Buffer>} model */
function contentOf(model) {
  const hash = createHash('sha256')
  const sorted = [...model].map(([key, value]) => ({ key: Buffer.from(key, 'latin1'), value }))
  sorted.sort((a, b) => Buffer.compare(a.key, b.key))
  for (const { key, value } of sorted) {
    const lengths = Buffer.alloc(8)
    lengths.writeUInt32LE(key.length, 0)
    lengths.writeUInt32LE(value.length, 4)
    hash.update(lengths).update(key).update(value)
  }
  return { entries: model.size, sha256: hash.digest('hex') }
}

/**
 * @param {string} name
 * @param {{ compression?: boolean, rounds: number, puts: number, valueBytes: number, keys: number, large?: number,
 *   end?: 'close' | 'kill' | 'repair' | 'compact' }} plan
 */
async function make(name, plan) {
  const dir = path.join(target, `${name}.making`)
  const options = {
    keyEncoding: 'buffer', valueEncoding: 'buffer', compression: plan.compression ?? true, writeBufferSize: 64 * 1024,
  }
  const below = random(name.length * 7919 + plan.puts)
  /** @type {Map<string, Buffer>} */
  const model = new Map()
  for (let round = 0; round < plan.rounds; round++) {
    const db = new ClassicLevel(dir, options)
    await db.open()
    for (let i = 0; i < plan.puts; i++) {
      const number = below(plan.keys)
      const key = `!${number % 3 === 0 ? 'users' : 'posts'}!${String(number).padStart(5, '0')}`
      if (below(5) === 0) {
        model.delete(key)
        await db.del(Buffer.from(key, 'latin1'))
        continue
      }
      const bytes = plan.large !== undefined && i === 7 ? plan.large : below(plan.valueBytes)
      const value = Buffer.alloc(bytes, `value ${round} ${number % 50} `)
      if (bytes > 4) value.writeUInt32LE(below(2 ** 32), bytes - 4)
      model.set(key, value)
      await db.put(Buffer.from(key, 'latin1'), value)
    }
    if (plan.end === 'compact' && round === plan.rounds - 2) await db.compactRange('!', '~')
    const isLast = round === plan.rounds - 1
    if (isLast && plan.end === 'kill') cpSync(dir, path.join(target, name), { recursive: true })
    await db.close()
  }
  if (plan.end === 'repair') await ClassicLevel.repair(dir)
  if (plan.end !== 'kill') cpSync(dir, path.join(target, name), { recursive: true })
  rmSync(dir, { recursive: true })
  for (const file of readdirSync(path.join(target, name))) {
    if (/^LOG/.test(file)) rmSync(path.join(target, name, file))
    if (file === 'lost') rmSync(path.join(target, name, file), { recursive: true })
  }
  contents[name] = contentOf(model)
}

rmSync(target, { recursive: true, force: true })
mkdirSync(target, { recursive: true })
await make('log', { rounds: 1, puts: 120, valueBytes: 60, keys: 100 })
await make('empty', { rounds: 1, puts: 0, valueBytes: 1, keys: 1 })
await make('levels', { rounds: 4, puts: 700, valueBytes: 200, keys: 900, end: 'compact' })
await make('raw', { rounds: 3, puts: 150, valueBytes: 100, keys: 300, compression: false })
await make('large', { rounds: 2, puts: 20, valueBytes: 100, keys: 30, large: 150_000 })
await make('killed', { rounds: 2, puts: 300, valueBytes: 100, keys: 300, end: 'kill' })
await make('repaired', { rounds: 3, puts: 200, valueBytes: 100, keys: 200, end: 'repair' })
writeFileSync(path.join(target, 'content.json'), `${JSON.stringify(contents, null, 1)}\n`)
