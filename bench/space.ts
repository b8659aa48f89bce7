/**
 * What: what large values cost on a real disk: bytes written for each byte put, the most that the directory has, what
 * it has after a quiet while, and who has it when it is largest. `npm run bench:space -- --help` lists the options.
 */
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import path from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { MiB, SeededRandom } from '../src/base/index.js'
import { Varve } from '../src/index.js'
import { writtenBytes } from './disk-usage.js'
import { shuffled } from './key-space.js'
import { rootDir } from './store.js'

const LIVES = {
  uniform: 'a fill, then three times as many writes, each key once in each pass',
  random: 'a fill, then three times as many writes to random keys',
  skewed: 'a fill, then three times as many writes, nine of ten to a tenth of the keys',
  ordered: 'a fill in order, then three times in order',
  delete: 'a fill, then every key deleted',
  queue: 'four times the live bytes pushed in order, the oldest deleted beyond the live bytes',
  beside: 'a fill, then three passes, each large value with a hundred small ones of 100 bytes beside it',
  fill: 'every key once',
} as const
type LifeName = keyof typeof LIVES

const HELP = `npm run bench:space -- [options]

  --lives A,B        kinds of writes (uniform)
${Object.entries(LIVES).map(([name, text]) => `      ${name.padEnd(9)}  ${text}`).join('\n')}
  --live MIB         bytes of live values (256)
  --value KIB        bytes of a value (64)
  --threshold BYTES  (4096)
  --ratio R          garbageRatio
  --quiet SECONDS    how long it may rest after the last write (20)
  --dir DIR          (.bench-space in the checkout)
`

const IN_FLIGHT = 16
const LOOK_MS = 100
const POOL_BYTES = 16 * MiB
const PASSES = 3
const SMALL_BESIDE = 100

interface Step {
  readonly key: number
  readonly isDelete: boolean
  readonly isSmall: boolean
}

interface Parts {
  logs: number
  tables: number
  valueLogs: number
  liveBytes: number
  garbageBytes: number
  other: number
  /** Files that nothing needs any more, and that are still there. */
  goingCount: number
  flushCount: number
  level0Count: number
}

function partsOf(dir: string, db: Varve): Parts {
  const { valueLog: { files, liveBytes, garbageBytes }, files: { deleteWaitingCount }, flush, levels } = db.stats()
  const listed = new Set(files.map(({ fileNum, isLog }) => `${String(fileNum).padStart(6, '0')}.${isLog ? 'wal' : 'vlog'}`))
  const parts = { logs: 0, tables: 0, valueLogs: 0, liveBytes, garbageBytes, other: 0,
    goingCount: deleteWaitingCount, flushCount: flush.pending, level0Count: levels[0]!.tableCount }
  for (const name of readdirSync(dir)) {
    const stat = statSync(path.join(dir, name), { throwIfNoEntry: false })
    if (stat === undefined) continue
    const bytes = stat.blocks * 512
    if (listed.has(name)) parts.valueLogs += bytes
    else if (name.endsWith('.wal')) parts.logs += bytes
    else if (name.endsWith('.table')) parts.tables += bytes
    else parts.other += bytes
  }
  return parts
}

const totalOf = ({ logs, tables, valueLogs, other }: Parts): number => logs + tables + valueLogs + other

function* stepsOf(life: LifeName, count: number): Generator<Step> {
  const put = (key: number): Step => ({ key, isDelete: false, isSmall: false })
  const random = new SeededRandom(1, life)
  if (life === 'queue') {
    for (let key = 0; key < (1 + PASSES) * count; key++) {
      yield put(key)
      if (key >= count) yield { key: key - count, isDelete: true, isSmall: false }
    }
    return
  }
  const order = shuffled(count, 'fill')
  for (let i = 0; i < count; i++) yield put(life === 'ordered' ? i : order[i]!)
  if (life === 'fill') return
  if (life === 'delete') {
    for (const key of shuffled(count, 'delete')) yield { key, isDelete: true, isSmall: false }
    return
  }
  let small = 0
  for (let pass = 0; pass < PASSES; pass++) {
    const again = shuffled(count, `pass ${pass}`)
    for (let i = 0; i < count; i++) {
      switch (life) {
        case 'ordered': yield put(i); break
        case 'random': yield put(random.below(count)); break
        case 'skewed':
          yield put(random.chance(0.9) ? order[random.below(Math.ceil(count / 10))]! : random.below(count))
          break
        default: yield put(again[i]!)
      }
      if (life !== 'beside') continue
      for (let n = 0; n < SMALL_BESIDE; n++) yield { key: (small++ * 7919) % (SMALL_BESIDE * count), isDelete: false, isSmall: true }
    }
  }
}

class Values {
  private readonly pool = Buffer.alloc(POOL_BYTES)
  private readonly bytes: number

  constructor(bytes: number) {
    this.bytes = bytes
    new SeededRandom(1, 'values').fill(this.pool)
  }

  at(turn: number): Buffer {
    const at = 8 * ((turn * 7919) % Math.floor((POOL_BYTES - this.bytes) / 8))
    return this.pool.subarray(at, at + this.bytes)
  }
}

const keyText = (i: number, isSmall: boolean): string => `${isSmall ? 's' : ''}${String(i).padStart(16, '0')}`

interface Settings {
  liveBytes: number
  valueBytes: number
  threshold: number
  ratio: number | undefined
  quietMs: number
  dir: string
}

async function runLife(life: LifeName, { liveBytes, valueBytes, threshold, ratio, quietMs, dir }: Settings): Promise<void> {
  rmSync(dir, { recursive: true, force: true })
  mkdirSync(dir, { recursive: true })
  const db = await Varve.open(dir, { valueThreshold: threshold, ...(ratio === undefined ? {} : { garbageRatio: ratio }) })
  const values = new Values(valueBytes)
  const count = Math.max(1, Math.round(liveBytes / valueBytes))
  const before = writtenBytes()!
  let peak: Parts | null = null
  const look = (): number => {
    const parts = partsOf(dir, db)
    if (peak === null || totalOf(parts) > totalOf(peak)) peak = parts
    return totalOf(parts)
  }
  const timer = setInterval(look, LOOK_MS)
  const startMs = Date.now()
  const turnOf = new Map<number, number>()
  let [putBytes, turn] = [0, 0]
  const steps = stepsOf(life, count)
  const small = Buffer.alloc(100, 'x')
  const writer = async (): Promise<void> => {
    for (const { key, isDelete, isSmall } of { [Symbol.iterator]: () => ({ next: () => steps.next() }) }) {
      const name = keyText(key, isSmall)
      if (isSmall) {
        putBytes += small.length
        await db.put(name, small)
      } else if (isDelete) {
        turnOf.delete(key)
        await db.del(name)
      } else {
        turnOf.set(key, ++turn)
        putBytes += valueBytes
        await db.put(name, values.at(turn))
      }
    }
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, writer))
  const wroteMs = Date.now() - startMs
  const written = writtenBytes(before)!.callBytes
  const atEnd = look()
  const base = liveBytes + (life === 'beside' ? SMALL_BESIDE * count * (small.length + 16) : 0)
  const rest: string[] = []
  let lastAbove = 0
  const restStart = Date.now()
  for (let next = 5000; Date.now() - restStart < quietMs;) {
    await setTimeout(LOOK_MS)
    const bytes = look()
    if (bytes > 1.2 * base) lastAbove = Date.now() - restStart
    if (Date.now() - restStart >= next) {
      rest.push((bytes / base).toFixed(2))
      next += 5000
    }
  }
  clearInterval(timer)
  const ended = partsOf(dir, db)
  for (const [key, wrote] of [...turnOf].slice(0, 500)) {
    const found = await db.get(keyText(key, false))
    assert.ok(found !== undefined && Buffer.compare(found, values.at(wrote)) === 0, `key ${key}`)
  }
  const { movedBytes } = db.stats().valueLog
  const all = writtenBytes(before)!.callBytes
  const share = (bytes: number): string => (bytes / base).toFixed(2)
  const shown = (p: Parts): string => `${share(totalOf(p))} = logs ${share(p.logs)} + tables ${share(p.tables)} + value logs ` +
    `${share(p.valueLogs)} (live ${share(p.liveBytes)}, garbage ${share(p.garbageBytes)}) + other ${share(p.other)}, ` +
    `flushes ${p.flushCount}, level 0 ${p.level0Count}, going ${p.goingCount}`
  console.log(`${life} ${valueBytes / 1024} KiB, live ${liveBytes / MiB} MiB, put ${(putBytes / MiB).toFixed(0)} MiB in ${(wroteMs / 1000).toFixed(1)} s`)
  console.log(`  written/put ${(written / putBytes).toFixed(3)}, after quiet ${(all / putBytes).toFixed(3)}, moved ${(movedBytes / putBytes).toFixed(3)}`)
  console.log(`  peak ${shown(peak!)}`)
  console.log(`  end  ${share(atEnd)}; quiet, each 5 s: ${rest.join(' ')}; above 1.2 until ${(lastAbove / 1000).toFixed(1)} s`)
  console.log(`  rest ${shown(ended)}`)
  await db.close()
  rmSync(dir, { recursive: true, force: true })
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      lives: { type: 'string', default: 'uniform' },
      live: { type: 'string', default: '256' },
      value: { type: 'string', default: '64' },
      threshold: { type: 'string', default: '4096' },
      ratio: { type: 'string' },
      quiet: { type: 'string', default: '20' },
      dir: { type: 'string', default: path.join(rootDir, '.bench-space') },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return console.log(HELP)
  for (const life of values.lives.split(',')) {
    if (!Object.hasOwn(LIVES, life)) throw new Error(`unknown writes ${life}: see --help`)
    for (const value of values.value.split(',')) {
      await runLife(life as LifeName, {
        liveBytes: Number(values.live) * MiB, valueBytes: Number(value) * 1024, threshold: Number(values.threshold),
        ratio: values.ratio === undefined ? undefined : Number(values.ratio),
        quietMs: Number(values.quiet) * 1000, dir: values.dir,
      })
    }
  }
}

await main()
