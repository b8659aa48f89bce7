/**
 * What: what large values cost on a real disk: bytes written for each byte put, the most that the directory has, what
 * it has after a quiet while, and who has it when it is largest. `npm run bench:space -- --help` lists the options.
 */
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import path from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { MiB, SeededRandom, valueLogFileName } from '../src/base/index.js'
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
  beside: 'as uniform, each large value with a hundred of 100 bytes beside it',
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
const SMALL_BYTES = 100
const KEY_DIGITS = 16
const REST_STEP_MS = 5000
const CHECKED = 500

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
  const listed = new Set(files.map(({ fileNum, isLog }) => valueLogFileName({ fileNum, isLog })))
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
      for (let n = 0; n < SMALL_BESIDE; n++) {
        yield { key: (small++ * 7919) % (SMALL_BESIDE * count), isDelete: false, isSmall: true }
      }
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

const keyText = (i: number, isSmall: boolean): string => `${isSmall ? 's' : ''}${String(i).padStart(KEY_DIGITS, '0')}`

interface Settings {
  liveBytes: number
  valueBytes: number
  threshold: number
  ratio: number | undefined
  quietMs: number
  dir: string
}

/** Looks at the directory now and then. */
class Watch {
  peak: Parts
  private readonly timer: NodeJS.Timeout
  private readonly dir: string
  private readonly db: Varve

  constructor(dir: string, db: Varve) {
    this.dir = dir
    this.db = db
    this.peak = partsOf(dir, db)
    this.timer = setInterval(() => this.look(), LOOK_MS)
  }

  look(): Parts {
    const parts = partsOf(this.dir, this.db)
    if (totalOf(parts) > totalOf(this.peak)) this.peak = parts
    return parts
  }

  stop(): void {
    clearInterval(this.timer)
  }
}

interface Written {
  readonly putBytes: number
  /** Which value each large key has. */
  readonly turnOf: ReadonlyMap<number, number>
}

async function writeAll(db: Varve, steps: Generator<Step>, values: Values): Promise<Written> {
  const turnOf = new Map<number, number>()
  const small = Buffer.alloc(SMALL_BYTES, 'x')
  let [putBytes, turn] = [0, 0]
  const write = async ({ key, isDelete, isSmall }: Step): Promise<void> => {
    const name = keyText(key, isSmall)
    if (isDelete) {
      turnOf.delete(key)
      return db.del(name)
    }
    if (!isSmall) turnOf.set(key, ++turn)
    const value = isSmall ? small : values.at(turn)
    putBytes += value.length
    return db.put(name, value)
  }
  const writer = async (): Promise<void> => {
    for (let next = steps.next(); next.done !== true; next = steps.next()) await write(next.value)
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, writer))
  return { putBytes, turnOf }
}

/** The size at each fifth second of a quiet time, and when it was last above 1.2 times the live bytes. */
async function rest(watch: Watch, quietMs: number, liveBytes: number): Promise<{ sizes: number[]; aboveMs: number }> {
  const sizes: number[] = []
  let aboveMs = 0
  for (const startMs = Date.now(); Date.now() - startMs < quietMs;) {
    await setTimeout(LOOK_MS)
    const bytes = totalOf(watch.look())
    const ms = Date.now() - startMs
    if (bytes > 1.2 * liveBytes) aboveMs = ms
    if (ms >= REST_STEP_MS * (sizes.length + 1)) sizes.push(bytes)
  }
  return { sizes, aboveMs }
}

async function checkSome(db: Varve, { turnOf }: Written, values: Values): Promise<void> {
  for (const [key, turn] of [...turnOf].slice(0, CHECKED)) {
    const found = await db.get(keyText(key, false))
    assert.ok(found !== undefined && Buffer.compare(found, values.at(turn)) === 0, `key ${key}`)
  }
}

function partsText(parts: Parts, liveBytes: number): string {
  const share = (bytes: number): string => (bytes / liveBytes).toFixed(2)
  const { logs, tables, valueLogs, other, garbageBytes, level0Count, flushCount, goingCount } = parts
  return `${share(totalOf(parts))}: logs ${share(logs)}, tables ${share(tables)}, value logs ${share(valueLogs)} ` +
    `(known garbage ${share(garbageBytes)}, live or not known ${share(parts.liveBytes)}), other ${share(other)}; ` +
    `${flushCount} flushes, ${level0Count} tables in level 0, ${goingCount} files about to go`
}

async function runLife(life: LifeName, settings: Settings): Promise<void> {
  const { valueBytes, threshold, ratio, quietMs, dir } = settings
  rmSync(dir, { recursive: true, force: true })
  mkdirSync(dir, { recursive: true })
  const given = ratio === undefined ? {} : { garbageRatio: ratio }
  const db = await Varve.open(dir, { valueThreshold: threshold, ...given })
  const values = new Values(valueBytes)
  const count = Math.max(1, Math.round(settings.liveBytes / valueBytes))
  const besideBytes = life === 'beside' ? SMALL_BESIDE * count * (SMALL_BYTES + KEY_DIGITS) : 0
  const liveBytes = count * valueBytes + besideBytes
  const before = writtenBytes()!
  const watch = new Watch(dir, db)
  const startMs = Date.now()
  const wrote = await writeAll(db, stepsOf(life, count), values)
  const seconds = (Date.now() - startMs) / 1000
  const callBytes = writtenBytes(before)!.callBytes
  const end = watch.look()
  const { sizes, aboveMs } = await rest(watch, quietMs, liveBytes)
  const share = (bytes: number): string => (bytes / wrote.putBytes).toFixed(3)
  const shares = sizes.map((bytes) => (bytes / liveBytes).toFixed(2)).join(' ')
  watch.stop()
  console.log([
    `${life}, ${valueBytes / 1024} KiB: put ${Math.round(wrote.putBytes / MiB)} MiB in ${seconds.toFixed(1)} s`,
    `  written for each byte put ${share(callBytes)}, with the quiet time ${share(writtenBytes(before)!.callBytes)}; ` +
      `moved ${share(db.stats().valueLog.movedBytes)}`,
    `  most ${partsText(watch.peak, liveBytes)}`,
    `  end  ${partsText(end, liveBytes)}`,
    `  quiet, each ${REST_STEP_MS / 1000} s ${shares}; above 1.2 until ${(aboveMs / 1000).toFixed(1)} s`,
    `  rest ${partsText(watch.look(), liveBytes)}`,
  ].join('\n'))
  await checkSome(db, wrote, values)
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
