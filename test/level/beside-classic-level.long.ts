/**
 * ClassicLevel and VarveLevel side by side: the same random calls, the same answers, events and errors.
 * Needs the peers of the benchmark: `npm ci --prefix bench`; without them it is skipped.
 */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { test } from 'node:test'
import { SeededRandom } from '../../src/base/index.js'
import { VarveLevel } from '../../src/level.js'
import { newDirectory } from '../support/databases/databases.js'
import { packageDir } from '../support/harness/golden.js'

type Level = VarveLevel
type Call = (level: Level, at: number) => unknown

const bench = path.join(packageDir, 'bench')
const skip = existsSync(path.join(bench, 'node_modules/classic-level')) ? false : 'npm ci --prefix bench'

function classes(): (typeof VarveLevel)[] {
  const { ClassicLevel } = createRequire(path.join(bench, 'package.json'))('classic-level') as {
    ClassicLevel: typeof VarveLevel
  }
  return [ClassicLevel, VarveLevel]
}

const ENCODINGS = ['utf8', 'json', 'buffer', 'view', 'hex', 'base64']
const EVENTS = ['opening', 'open', 'closing', 'closed', 'write', 'clear'] as const
const STEPS = 1200

/** What can be compared: bytes count as bytes, whatever class they are. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString('hex')}`
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value === 'function') return 'function'
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, plain(each)]))
}

async function outcome(run: () => unknown): Promise<unknown> {
  try {
    return plain(await run())
  } catch (error) {
    const { code, message } = error as { code?: string; message: string }
    return { code, message, isTypeError: error instanceof TypeError }
  }
}

/** Makes the same call on both, one after the other; the outcome must be the same. */
async function onBoth(levels: Level[], what: string, call: Call): Promise<void> {
  const [classic, varve] = [
    await outcome(() => call(levels[0]!, 0)), await outcome(() => call(levels[1]!, 1)),
  ]
  assert.deepEqual(varve, classic, what)
}

/** Draws a call; both databases get the same one. */
class Caller {
  private readonly random: SeededRandom
  private snapshots: ReturnType<Level['snapshot']>[] | null = null
  private step = 0
  /** The last one, for the message. */
  private range: object = {}

  constructor(seed: number) {
    this.random = new SeededRandom(seed, 'beside')
  }

  async next(levels: Level[]): Promise<void> {
    const { random } = this
    const [kind, name, value] = [random.below(14), this.key(), 'v'.repeat(random.below(200)) + this.step++]
    const call = (body: Call): Promise<void> => (
      onBoth(levels, `step ${this.step}, call ${kind}, ${JSON.stringify(this.range)}`, body))
    const rarely = random.chance(0.1)
    if (kind < 3) return call((level) => level.put(name, value, { sync: rarely }))
    if (kind === 3) return call((level) => level.del(name))
    if (kind === 4) return call(this.batch(value))
    if (kind === 5) return call((level) => Promise.all([level.getMany([name, 'k1']), level.hasMany([name, 'k2'])]))
    if (kind === 6) return call((level) => Promise.all([level.getSync(name), level.get(name), level.has(name)]))
    if (kind === 7) return call(this.get(name))
    if (kind < 10) return call(this.all())
    if (kind === 10) return this.walk(levels, call)
    if (!rarely) return undefined
    if (kind === 11) return call(this.clear())
    if (kind === 12) return this.changeSnapshots(levels)
    return this.reopen(call)
  }

  /** Never empty: `clear` of ClassicLevel 3.0.0 with a limit passes over the empty key. */
  private key(): string {
    const { random } = this
    return `k${'é'.repeat(random.below(2))}${random.below(300)}`
  }

  private bounds(): Record<string, unknown> {
    const { random } = this
    const range: Record<string, unknown> = {}
    for (const name of ['gt', 'gte', 'lt', 'lte']) if (random.chance(0.3)) range[name] = this.key()
    if (random.chance(0.3)) range['reverse'] = true
    if (random.chance(0.4)) range['limit'] = random.below(9) - 1
    this.range = range
    return range
  }

  private batch(value: string): Call {
    const operations = Array.from({ length: 1 + this.random.below(20) }, () => (this.random.chance(0.3)
      ? { type: 'del' as const, key: this.key() }
      : { type: 'put' as const, key: this.key(), value }))
    return (level) => level.batch(operations.map((operation) => ({ ...operation })))
  }

  private get(name: string): Call {
    const valueEncoding = this.random.pick(ENCODINGS)
    return (level) => level.get(name, { valueEncoding })
  }

  private all(): Call {
    const range = { ...this.bounds(), valueEncoding: this.random.pick(['utf8', 'buffer', 'view', 'hex']) }
    const { snapshots } = this
    const part = this.random.below(3)
    return (level, at) => {
      const options = { ...range, snapshot: snapshots?.[at] }
      if (part === 0) return level.iterator(options).all()
      return part === 1 ? level.keys(options).all() : level.values(options).all()
    }
  }

  private clear(): Call {
    const range = this.bounds()
    return (level) => level.clear(range)
  }

  /**
   * `next` and `nextv` in turn on one iterator. Not `seek`: ClassicLevel 3.0.0 has read ahead before one and counts
   * that towards the limit, and after one it aborts the process now and then (LevelDB's `DBIter::Next` asserts).
   */
  private async walk(levels: Level[], call: (body: Call) => Promise<void>): Promise<void> {
    const range = this.bounds()
    const iterators = levels.map((level) => level.iterator(range))
    for (let i = 0, isOver = false; i < 6 && !isOver; i++) {
      const size = this.random.below(5)
      await call(async (_, at) => {
        const page = size === 0 ? await iterators[at]!.next() : await iterators[at]!.nextv(size)
        isOver = page === undefined || page.length < size
        return page
      })
    }
    await call((_, at) => iterators[at]!.close())
  }

  private async changeSnapshots(levels: Level[]): Promise<void> {
    for (const snapshot of this.snapshots ?? []) await snapshot.close()
    this.snapshots = this.random.chance(0.3) ? null : levels.map((level) => level.snapshot())
  }

  private async reopen(call: (body: Call) => Promise<void>): Promise<void> {
    this.snapshots = null
    await call((level) => level.close())
    await call((level) => level.get('k1'))
    await call((level) => level.open())
  }
}

for (let seed = 0; seed < 12; seed++) {
  test(`random calls, seed ${seed}`, { skip }, async () => {
    const levels = classes().map((LevelOf) => new LevelOf(newDirectory(), { writeBufferSize: 64 * 1024 }))
    const events: unknown[][] = [[], []]
    for (const [at, level] of levels.entries()) {
      for (const name of EVENTS) level.on(name, (argument?: unknown) => events[at]!.push([name, plain(argument)]))
    }
    for (const level of levels) await level.open()
    const caller = new Caller(seed)
    for (let step = 0; step < STEPS; step++) await caller.next(levels)
    for (const level of levels) await level.close()
    assert.deepEqual(events[1], events[0])
  })
}

/** Wrong on purpose, so their types are. */
const refused: Record<string, Call> = {
  'put null': (level) => level.put(null as never, 'x'),
  'put no value': (level) => level.put('a', undefined as never),
  'get nothing': (level) => level.get(undefined as never),
  'no such encoding': (level) => level.get('a', { valueEncoding: 'nope' }),
  'seek nowhere': (level) => level.iterator().seek(null as never),
  'property 5': (level) => level.getProperty(5 as never),
  'no such property': (level) => level.getProperty('leveldb.none'),
  'half a size': (level) => level.approximateSize('a', ...([] as never as [string])),
  'no range': (level) => level.compactRange(...([] as never as [string, string])),
  'no such operation': (level) => level.batch([{ type: 'foo' as never, key: 'a', value: 'b' }]),
  'no batch': (level) => level.batch('x' as never),
  'no location': (level) => new (level.constructor as typeof VarveLevel)(undefined as never),
  'destroy nothing': (level) => (level.constructor as typeof VarveLevel).destroy(undefined as never),
  'repair nothing': (level) => (level.constructor as typeof VarveLevel).repair(''),
  'a second handle': (level) => new (level.constructor as typeof VarveLevel)(level.location).open(),
  'a closed iterator': async (level) => {
    const iterator = level.iterator()
    await iterator.close()
    await iterator.next()
  },
  'a busy iterator': async (level) => {
    const iterator = level.iterator()
    const first = iterator.next()
    await iterator.next().finally(() => first)
  },
  'a written batch': async (level) => {
    const batch = level.batch()
    await batch.write()
    batch.put('a', 'b')
  },
  'a closed snapshot': async (level) => {
    const snapshot = level.snapshot()
    await snapshot.close()
    await level.get('a', { snapshot })
  },
}
const refusedWhenClosed: Record<string, Call> = {
  get: (level) => level.get('a'),
  getSync: (level) => level.getSync('a'),
  put: (level) => level.put('a', 'b'),
  iterator: (level) => level.iterator().next(),
  snapshot: (level) => level.snapshot(),
  clear: (level) => level.clear(),
  'close again': (level) => level.close(),
  'none to open': (level) => {
    const LevelOf = level.constructor as typeof VarveLevel
    return new LevelOf(path.join(newDirectory(), 'none'), { createIfMissing: false }).open()
  },
  'one too many': (level) => level.open({ errorIfExists: true }),
  'destroy what is not there': (level) => (
    (level.constructor as typeof VarveLevel).destroy(path.join(newDirectory(), 'none'))),
}

test('what is refused, and how', { skip }, async () => {
  const levels = classes().map((LevelOf) => new LevelOf(newDirectory()))
  for (const level of levels) await level.open()
  for (const [what, call] of Object.entries(refused)) await onBoth(levels, what, call)
  for (const level of levels) await level.close()
  for (const [what, call] of Object.entries(refusedWhenClosed)) await onBoth(levels, what, call)
})
