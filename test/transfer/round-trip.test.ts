/** What is exported and imported again is the same, byte for byte, in every format. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from '../../src/base/index.js'
import { Varve } from '../../src/index.js'
import type { ExportOptions, ImportOptions } from '../../src/index.js'
import { SimVfs } from '../../src/testing.js'
import { openSim } from '../support/databases/simulated.js'
import {
  drawBytes, exported, heldBy, Home, hostileEntries, pieces, putAll, sorted,
} from '../support/databases/transfers.js'
import type { Held } from '../support/databases/transfers.js'
import { drawnNumbers } from '../support/harness/share.js'

/** Every way to export that loses nothing, and how it is imported again. */
const WAYS: [ExportOptions, ImportOptions][] = [
  [{ format: 'varve' }, {}],
  [{ format: 'jsonl' }, {}],
  [{ format: 'jsonl', valueEncoding: 'json' }, { sorted: 'check' }],
  [{ format: 'csv', keyEncoding: 'hex', valueEncoding: 'base64', includeExpiry: true }, {}],
  [
    { format: 'csv', keyEncoding: 'base64', valueEncoding: 'hex', includeExpiry: true, safeCells: true },
    { safeCells: true },
  ],
]

async function comesBack(db: Varve, home: Home, [how, back]: (typeof WAYS)[number], pieceBytes: number): Promise<void> {
  const bytes = await exported(db, how)
  const report = await home.import('/copy', pieces(bytes, pieceBytes), back)
  const held = heldBy(db)
  const what = JSON.stringify(how)
  assert.deepEqual(await home.held('/copy'), held, what)
  assert.equal(report.entryCount, held.length, what)
  assert.deepEqual([report.format, report.ok, report.bytes], [how.format, true, bytes.length])
  for (const name of home.names('/copy')) home.vfs.unlinkSync(`/copy/${name}`)
  await home.vfs.rmdir('/copy')
}

test('E2, E3: every hostile key and value comes back, in every format', async () => {
  const home = new Home()
  const db = await home.open()
  const entries = hostileEntries()
  await putAll(db, entries)
  assert.equal(heldBy(db).length, entries.length)
  for (const way of WAYS) for (const size of [1 << 20, 4099]) await comesBack(db, home, way, size)
  for (const valueEncoding of [undefined, 'json'] as const) {
    // What other programs make of it: strict UTF-8, and JSON in every line.
    const lines = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
      .decode(await exported(db, { format: 'jsonl', valueEncoding })).trimEnd().split('\n')
    assert.equal(lines.length, entries.length + 1)
    for (const line of lines) JSON.parse(line)
  }
  const text = entries.filter(({ key, value }) => isText(key) && isText(value))
  await db.clear()
  await putAll(db, text)
  for (const safeCells of [true, false]) {
    await comesBack(db, home, [{ format: 'csv', safeCells }, { safeCells }], 4099)
  }
  await db.close()
})

function isText(bytes: Buffer): boolean {
  return Buffer.from(bytes.toString()).equals(bytes)
}

test('drawn databases come back: large values, lives, range deletes, flushes and reopens, also read-only', async () => {
  for (const seed of drawnNumbers('round trips', 48)) {
    const random = new SeededRandom(seed)
    const valueThreshold = random.pick([0, 512, 4096])
    const style = random.pick(['leveled', 'tiered', 'lazy', 'none'] as const)
    const home = new Home({ valueThreshold, compaction: { style } })
    let db = await home.open()
    const expiresAt = Date.now() + 86_400_000
    for (let step = 0; step < 120; step++) {
      const key = drawBytes(random, 12)
      const value = drawBytes(random, random.chance(0.1) ? 9000 : 60)
      if (random.chance(0.1)) await db.del(key)
      else if (random.chance(0.03)) await db.delRange({ gte: key, lt: Buffer.concat([key, Buffer.of(255, 255)]) })
      else await db.put(key, value, random.chance(0.2) ? { expiresAt: expiresAt + step } : {})
      if (random.chance(0.03)) await db.flush()
      if (random.chance(0.02)) {
        await db.close()
        db = await home.open('/db', { flushOnClose: random.chance(0.5) })
      }
    }
    const readOnly = await home.open('/db', { readOnly: true })
    try {
      await comesBack(random.chance(0.5) ? db : readOnly, home, random.pick(WAYS), 1 + random.below(5000))
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error })
    }
    await readOnly.close()
    await db.close()
  }
})

test('E8, EXP-4: an export sees one moment, whatever is written meanwhile; range and snapshot', async () => {
  const home = new Home()
  const db = await home.open()
  const keyOf = (i: number) => Buffer.from(String(i).padStart(6, '0'))
  const before: Held[] = []
  for (let i = 0; i < 2000; i++) before.push({ key: keyOf(i), value: Buffer.from(`value ${i} of the first`) })
  await putAll(db, before)
  const snapshot = db.snapshot()
  const parts: Uint8Array[] = []
  let writes = 0
  const sink = new WritableStream<Uint8Array>({
    async write(part) {
      parts.push(part)
      for (let i = 0; i < 300; i++) await db.put(keyOf((writes++ * 7) % 2500), Buffer.alloc(300, 'later'))
      await db.delRange({ gte: keyOf(100), lt: keyOf(300) })
      await db.flush()
    },
  })
  const { seqNum } = await db.export(sink, { format: 'varve' })
  assert.ok(writes > 0 && seqNum === 2000)
  await home.import('/copy', [Buffer.concat(parts)])
  assert.deepEqual(await home.held('/copy'), before)

  const bytes = await exported(db, { format: 'jsonl', snapshot, range: { gte: keyOf(50), lt: keyOf(60) } })
  await home.import('/part', [bytes])
  assert.deepEqual(await home.held('/part'), before.slice(50, 60))
  snapshot.release()
  await db.close()
})

test('EXP-4: the moment is held from the call on, before there is a file to write to', async () => {
  const sim = new SimVfs({ seed: 1 })
  const db = await openSim(sim)
  for (let i = 0; i < 50; i++) await db.put(`key ${i}`, `first ${i}`)
  const hang = sim.addFault({ fault: { do: 'hang' }, kind: 'create', path: '/out.part' })
  const held = heldBy(db)
  const made = db.export('/out', { format: 'varve' })
  while (hang.hitCount === 0) await new Promise(setImmediate)
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 50; i++) await db.put(`key ${i}`, `later ${round}`)
    await db.flush()
  }
  await db.compact()
  sim.releaseHung()
  assert.equal((await made).seqNum, 50)
  const components = { vfs: sim, clock: sim.clock }
  await Varve.import('/copy', '/out', { open: { workers: 0, components } })
  const copy = await Varve.open('/copy', { workers: 0, components })
  assert.deepEqual(heldBy(copy), held)
  await copy.close()
  await db.close()
})

test('times of expiry stay what they were; what has expired is left out and counted', async () => {
  const home = new Home()
  const db = await home.open()
  const [soon, late] = [Date.now() + 30, Date.now() + 1e9]
  const kept = { key: Buffer.from('late'), value: Buffer.from('b'), expiresAt: late }
  await putAll(db, [{ key: Buffer.from('soon'), value: Buffer.from('a'), expiresAt: soon }, kept])
  const bytes = await exported(db, { format: 'varve' })
  const bare = await exported(db, { format: 'varve', includeExpiry: false })
  while (Date.now() <= soon) await new Promise((resolve) => setTimeout(resolve, 5))
  const report = await home.import('/copy', [bytes])
  assert.deepEqual([report.readCount, report.entryCount, report.expiredCount], [2, 1, 1])
  assert.deepEqual(await home.held('/copy'), [kept])
  await home.import('/bare', [bare])
  assert.deepEqual((await home.held('/bare')).map(({ expiresAt }) => expiresAt), [undefined, undefined])
  await db.close()
})

test('into a database that is there: all at once, or only what is missing; the last of a key wins', async () => {
  const home = new Home({ valueThreshold: 512 })
  const entry = (key: string, value: string): Held => ({ key: Buffer.from(key), value: Buffer.from(value.repeat(200)) })
  const lines = (...entries: Held[]) =>
    Buffer.from([...entries.map(({ key, value }) => JSON.stringify({ k: `${key}`, v: `${value}` })),
      JSON.stringify({ end: true, count: entries.length })].join('\n'))
  const start = async (): Promise<Varve> => {
    const db = await home.open()
    await db.clear()
    await putAll(db, [entry('a', 'old'), entry('b', 'old'), { ...entry('z', 'old'), expiresAt: Date.now() + 1e9 }])
    return db
  }
  await (await start()).close()
  const source = lines(entry('b', 'first'), entry('c', 'new'), entry('b', 'new'))
  const into = { into: 'existing' } as const
  const report = await home.import('/db', [source], into)
  assert.deepEqual([report.readCount, report.entryCount, report.duplicateCount], [3, 2, 1])
  const values = async () => (await home.held('/db')).map(({ key, value }) => `${key}=${value.subarray(0, 3)}`)
  assert.deepEqual(await values(), ['a=old', 'b=new', 'c=new', 'z=old'])

  await (await start()).close()
  const kept = await home.import('/db', [source], { ...into, onlyMissing: true })
  assert.deepEqual([kept.readCount, kept.entryCount, kept.keptCount], [3, 1, 2])
  assert.deepEqual(await values(), ['a=old', 'b=old', 'c=new', 'z=old'])

  const db = await home.open()
  await assert.rejects(home.import('/db', [source], into), { code: 'LOCKED' })
  await db.close()
  await assert.rejects(home.import('/db', [source]), { code: 'ALREADY_EXISTS' })
  await assert.rejects(home.import('/none', [source], into), { code: 'NOT_FOUND' })
  assert.deepEqual(sorted(await home.held('/db')), await home.held('/db'))
})
