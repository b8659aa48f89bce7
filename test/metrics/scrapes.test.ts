/** From one scrape to the next no series comes or goes and no counter falls, whatever the database does and is. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from '../../src/base/index.js'
import { formatPrometheus, Varve } from '../../src/index.js'
import type { VarveOptions } from '../../src/index.js'
import { FaultyVfs, MemoryVfs } from '../../src/testing.js'
import { SMALL } from '../support/databases/databases.js'
import { drawnNumbers } from '../support/harness/share.js'
import { readPrometheus } from '../support/text/prometheus-text.js'

/** The series of a text by what tells them apart, and which of them only grow. */
function scraped(text: string): { values: Map<string, number>; counters: Set<string> } {
  const values = new Map<string, number>()
  const counters = new Set<string>()
  for (const { type, samples } of readPrometheus(text).values()) {
    for (const { name, labels, value } of samples) {
      const series = JSON.stringify([name, Object.entries(labels).sort()])
      values.set(series, value)
      assert.ok(Number.isFinite(value), `${series} is ${value}`)
      if (type === 'counter' || /_(sum|count)$/.test(name)) counters.add(series)
    }
  }
  return { values, counters }
}

/** Scrapes a database, again and again. */
class Scraper {
  private before: ReturnType<typeof scraped> | null = null
  private readonly db: Varve

  constructor(db: Varve) {
    this.db = db
  }

  scrape(what: string): void {
    const { before } = this
    const now = scraped(formatPrometheus(this.db.stats(), { labels: { database: 'x' } }))
    this.before = now
    if (before === null) return
    assert.deepEqual([...now.values.keys()].sort(), [...before.values.keys()].sort(), what)
    for (const series of now.counters) {
      const [was, is] = [before.values.get(series)!, now.values.get(series)!]
      assert.ok(is >= was, `${series} fell from ${was} to ${is} by ${what}`)
    }
  }

  get series(): string[] {
    return [...this.before!.values.keys()].sort()
  }
}

const open = (vfs: MemoryVfs | FaultyVfs, options: VarveOptions = {}): Promise<Varve> =>
  Varve.open('/db', { ...SMALL, compaction: {}, workers: 0, valueThreshold: 2000, components: { vfs }, ...options })

test('no counter falls, and no series comes or goes, whatever is done between two scrapes', async () => {
  for (const seed of drawnNumbers('scrapes', 64)) {
    const random = new SeededRandom(seed, 'scrapes')
    const db = await open(new MemoryVfs())
    const scraper = new Scraper(db)
    scraper.scrape('open')
    const key = (): string => `key ${random.below(300)}`
    const work: Record<string, () => unknown> = {
      puts: async () => {
        for (let i = 0; i < 200; i++) await db.put(key(), new Uint8Array(random.pick([10, 100, 3000])))
      },
      putSync: () => db.putSync(key(), 'v', random.pick([{}, { ttl: 1 }])),
      deletions: () => db.delRange({ gte: key(), lt: `key ${random.below(300)}` }),
      batch: () => db.batch([{ type: 'del', key: key() }, { type: 'put', key: key(), value: 'v' }], { sync: true }),
      gets: async () => {
        for (let i = 0; i < 200; i++) await db.get(key())
      },
      walk: () => [...db.entriesSync({ limit: 600 })],
      broken: () => { for (const _ of db.keysSync()) break },
      snapshot: () => db.snapshot(),
      flush: () => db.flush(),
      compact: () => db.compact(),
      garbage: () => db.collectGarbage({ ratio: 0.05 }),
      load: () => db.load([[key(), 'v']]),
      scrub: () => db.scrub(),
      pin: () => db.pins.acquire('p'),
      refused: () => db.ingest(['/none']).catch(() => undefined),
    }
    for (let i = 0; i < 25; i++) {
      const what = random.pick(Object.keys(work))
      await work[what]!()
      scraper.scrape(`${what}, seed ${seed}`)
    }
    await db.close()
    scraper.scrape(`close, seed ${seed}`)
  }
})

test('the series are the same in each state, and of a follower', async () => {
  const memory = new MemoryVfs()
  const vfs = new FaultyVfs(memory)
  const db = await open(vfs)
  const scraper = new Scraper(db)
  const states = new Set<string>()
  const look = (): void => {
    states.add(db.stats().database.state)
    scraper.scrape(db.stats().database.state)
  }
  look()
  await db.put('k', 'v', { sync: true })
  await db.flush()
  look()
  const follower = await open(memory, { readOnly: true })
  const followed = new Scraper(follower)
  followed.scrape('follower')
  assert.deepEqual(followed.series, scraper.series)
  vfs.addFault({ fault: { do: 'error', code: 'ENOSPC' }, kind: 'write', fileClass: 'log', times: Infinity })
  await db.put('k', 'w', { sync: true }).catch(() => undefined)
  look()
  await follower.refresh().catch(() => undefined)
  followed.scrape('refresh')
  vfs.clearFaults()
  await db.resume().catch(() => undefined)
  vfs.addFault({ fault: { do: 'failSync', mode: 'lostClean' }, kind: 'sync', times: Infinity })
  await db.put('k', 'x', { sync: true }).catch(() => undefined)
  await db.flush().catch(() => undefined)
  look()
  await db.close().catch(() => undefined)
  look()
  await follower.close()
  followed.scrape('closed')
  assert.ok(states.has('OPEN') && states.has('CLOSED') && states.size >= 3, [...states].join())
})

test('several databases in one text have HELP and TYPE once each', async () => {
  const databases = await Promise.all(['a', 'b', 'c'].map((name) =>
    Varve.open(`/${name}`, { components: { vfs: new MemoryVfs() }, workers: 0 })))
  const text = formatPrometheus(databases.map((db) => db.stats()))
  readPrometheus(text)
  const heads = text.split('\n').filter((line) => line.startsWith('#')).map((line) => line.split(' ', 3).join())
  assert.equal(new Set(heads).size, heads.length)
  for (const name of ['/a', '/b', '/c']) assert.ok(text.includes(`varve_writes_total{database="${name}"} 0\n`))
  for (const db of databases) await db.close()
})
