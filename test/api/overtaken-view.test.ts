/**
 * A read-only view that has no room to keep all its tables open, beside a writer that removes them: it sees whole
 * states, later ones when it must, and says so by name where it cannot.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from '../../src/base/index.js'
import { Varve, VarveError } from '../../src/index.js'
import type { Snapshot, VarveOptions } from '../../src/index.js'
import { MemoryVfs } from '../../src/testing.js'
import { text } from '../support/databases/databases.js'
import { expectError } from '../support/harness/expect-error.js'
import { makeTables } from '../support/databases/many-tables.js'
import { recordCalls } from '../support/fakes/watched-vfs.js'
import { atLeast, drawnNumbers } from '../support/harness/share.js'

const DIR = '/db'
const NONE = { style: 'none' } as const

async function openView(vfs: MemoryVfs, options: VarveOptions = {}, calls: string[] = []): Promise<Varve> {
  const components = { vfs: recordCalls(vfs, calls) }
  return Varve.open(DIR, { readOnly: true, blockCacheSize: 0, compaction: NONE, ...options, components })
}

/** Forty tables, and a writer that has not removed any yet. */
async function beside(options: VarveOptions, calls: string[] = []) {
  const vfs = new MemoryVfs()
  const { entries, names } = makeTables(vfs, DIR, { count: 40 })
  const writer = await Varve.open(DIR, { compaction: NONE, components: { vfs } })
  return { vfs, entries, names, writer, view: await openView(vfs, options, calls) }
}

/** The writer replaces every table, and gives all keys this value, or the one that they have. */
async function replaceAll(writer: Varve, entries: Map<string, string>, value?: string): Promise<void> {
  await writer.batch([...entries].map(([key, old]) => ({ type: 'put', key, value: value ?? old })))
  await compactAway(writer)
}

/** Compacts, and waits until the replaced tables are gone. */
async function compactAway(writer: Varve): Promise<void> {
  await writer.compact()
  while (writer.stats().jobs.activeCount > 0) await new Promise((resolve) => setTimeout(resolve, 1))
}

async function joined(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = []
  for await (const piece of pieces) all.push(piece)
  return Buffer.concat(all)
}

test('while all tables have room, a writer may remove them: the view sees its moment', async () => {
  const { entries, writer, view } = await beside({})
  await replaceAll(writer, entries, 'later')
  for (const [key, value] of entries) assert.equal(text(view.getSync(key)), value)
  assert.equal([...view.keysSync()].length, entries.size)
  await view.close()
  await writer.close()
})

test('beyond that it reads the directory anew, in every kind of read, and goes on in the later state', async () => {
  const reads: ((view: Varve, keys: string[]) => Promise<(Uint8Array | undefined)[]>)[] = [
    async (view, keys) => keys.map((key) => view.getSync(key)),
    (view, keys) => Promise.all(keys.map((key) => view.get(key))),
    async (view, keys) => view.getManySync(keys),
    (view, keys) => view.getMany(keys),
    async (view, keys) => keys.map((key) => (view.hasSync(key) ? view.getSync(key) : undefined)),
  ]
  for (const read of reads) {
    const calls: string[] = []
    const { entries, writer, view } = await beside({ maxOpenFiles: 8 }, calls)
    await writer.put('new', 'value')
    await replaceAll(writer, entries)
    const before = view.stats().database.visibleSeq
    calls.length = 0
    const found = await read(view, [...entries.keys()])
    assert.deepEqual(found.map(text), [...entries.values()])
    assert.equal(view.stats().database.visibleSeq, before + 1 + entries.size)
    assert.equal(text(view.getSync('new')), 'value')
    assert.equal(calls.filter((call) => call.startsWith('list')).length, 1, 'once')
    assert.ok(view.stats().files.openCount <= 8)
    await view.close()
    await writer.close()
  }
})

test('large values are read in the state in which their handles were found, also in a later one', async () => {
  const reads: [string, (view: Varve, key: string) => Promise<Uint8Array | undefined>][] = [
    ['getSync', async (view, key) => view.getSync(key)],
    ['get', (view, key) => view.get(key)],
    ['getManySync', async (view, key) => view.getManySync([key])[0]],
    ['getMany', async (view, key) => (await view.getMany([key]))[0]],
    ['getStream', async (view, key) => joined((await view.getStream(key))!)],
  ]
  for (const [name, read] of reads) {
    const vfs = new MemoryVfs()
    const options = { valueThreshold: 4096, writeBufferSize: 512 * 1024, components: { vfs } }
    const writer = await Varve.open(DIR, options)
    const keys = ['a', 'b', 'c', 'd', 'e', 'f']
    const valueOf = (key: string, round: number) => new Uint8Array(200_000).fill(key.charCodeAt(0) + round)
    const isOf = (value: Uint8Array, key: string, round: number) => Buffer.compare(value, valueOf(key, round)) === 0
    const writeAll = async (round: number): Promise<void> => {
      for (const key of keys) await writer.put(key, valueOf(key, round))
      await writer.flush()
      await compactAway(writer)
    }
    await writeAll(0)
    const view = await openView(vfs, { maxOpenFiles: 1 })
    for (let round = 1; round < 4; round++) {
      await writeAll(round)
      for (const key of keys) {
        const value = await read(view, key)
        // What was written is seen at the latest when a file is gone.
        const isRight = value !== undefined && (isOf(value, key, round - 1) || isOf(value, key, round))
        assert.ok(isRight, `${name} of ${key} in round ${round}: ${value?.[0]}`)
      }
    }
    await view.close()
    await writer.close()
  }
})

test('a table that is gone for good is told by name, after few readings, and the rest can be read', async () => {
  const calls: string[] = []
  const { vfs, entries, names, writer, view } = await beside({ maxOpenFiles: 8 }, calls)
  await writer.close()
  vfs.unlinkSync(`${DIR}/${names[20]}`)
  calls.length = 0
  const keys = [...entries.keys()]
  const error = expectError(() => view.getSync(keys[41]!), 'MISSING_FILE')
  assert.equal(error.file, names[20])
  assert.match(error.hint ?? '', /maxOpenFiles/)
  assert.ok(calls.filter((call) => call.startsWith('list')).length <= 3)
  for (const key of [keys[39]!, keys[42]!]) assert.equal(text(view.getSync(key)), entries.get(key))
  await view.close()
})

test('a snapshot and a walk see their moment or fail by name, and new ones see the later state', async () => {
  const { entries, writer, view } = await beside({ maxOpenFiles: 8 })
  const keys = [...entries.keys()]
  const snapshot = view.snapshot()
  const walk = view.entriesSync()
  assert.equal(text(walk.next().value?.[1]), entries.get(keys[0]!))
  await replaceAll(writer, entries, 'later')
  let goneCount = 0
  for (const [key, value] of entries) {
    try {
      assert.equal(text(view.getSync(key, { snapshot })), value)
    } catch (error) {
      assert.ok(VarveError.is(error) && error.code === 'MISSING_FILE', String(error))
      goneCount++
    }
  }
  assert.ok(goneCount > keys.length / 2 && goneCount < keys.length, `${goneCount} of ${keys.length}`)
  expectError(() => [...walk], 'MISSING_FILE')
  assert.deepEqual([...view.valuesSync()].map(text), keys.map(() => 'later'))
  const newer = view.snapshot()
  assert.equal(text(view.getSync(keys.at(-1)!, { snapshot: newer })), 'later')
  snapshot.release()
  newer.release()
  await view.close()
  await writer.close()
})

async function count(items: AsyncIterable<unknown>): Promise<number> {
  let n = 0
  for await (const _ of items) n++
  return n
}

test('a new walk or snapshot goes on where an old one failed, without any other read', async () => {
  for (const kind of ['walk', 'async walk', 'snapshot', 'getMany'] as const) {
    const { entries, writer, view } = await beside({ maxOpenFiles: 8 })
    const keys = [...entries.keys()]
    const snapshot = view.snapshot()
    await replaceAll(writer, entries)
    const read = async (): Promise<number> => {
      if (kind === 'walk') return [...view.keysSync()].length
      if (kind === 'async walk') return count(view.keys())
      const at = view.snapshot()
      try {
        if (kind === 'snapshot') return keys.filter((key) => view.hasSync(key, { snapshot: at })).length
        return (await view.getMany(keys, { snapshot: at })).filter((value) => value !== undefined).length
      } finally {
        at.release()
      }
    }
    await assert.rejects(read(), { code: 'MISSING_FILE' })
    assert.equal(await read(), keys.length, kind)
    snapshot.release()
    await view.close()
    await writer.close()
  }
})

const GROUPS = ['a', 'b', 'c', 'd']
/** Between those of the others: tables of different groups are merged. */
const keysOf = (group: string) => Array.from({ length: 12 }, (_, i) => `${i}${group}`)

/**
 * Values are the round in which their whole group was written. A reader must never see two rounds of one group; what it
 * reads now must never be older than what it read before.
 */
class Rounds {
  readonly view: Varve
  private readonly seen = new Map<string, number>()
  /** Reads that failed because their moment is over. */
  overtakenCount = 0

  constructor(view: Varve) {
    this.view = view
  }

  async readNow(group: string, isSync: boolean): Promise<void> {
    const keys = keysOf(group)
    const round = roundOf(isSync ? this.view.getManySync(keys) : await this.view.getMany(keys))
    assert.ok(round >= (this.seen.get(group) ?? -1), 'a view never goes back')
    this.seen.set(group, round)
  }

  readAt(snapshot: Snapshot): void {
    for (const group of GROUPS) {
      this.mayFail(() => void roundOf(keysOf(group).map((key) => this.view.getSync(key, { snapshot }))))
    }
  }

  walk(snapshot?: Snapshot): void {
    this.mayFail(() => {
      const all = new Map([...this.view.entriesSync({ snapshot })].map(([key, value]) => [text(key), value]))
      for (const group of GROUPS) roundOf(keysOf(group).map((key) => all.get(key)))
    })
  }

  private mayFail(read: () => void): void {
    try {
      read()
    } catch (error) {
      if (!VarveError.is(error) || error.code !== 'MISSING_FILE') throw error
      this.overtakenCount++
    }
  }
}

/** Gives the round of all values, which have the same; -1 when they are not there. */
function roundOf(values: (Uint8Array | undefined)[]): number {
  const rounds = new Set(values.map((value) => Number(text(value) ?? -1)))
  assert.equal(rounds.size, 1, `rounds ${[...rounds]} of one group`)
  return [...rounds][0]!
}

async function readBeside(seed: number): Promise<{ overtakenCount: number }> {
  const random = new SeededRandom(seed, 'overtaken view')
  const vfs = new MemoryVfs()
  const writer = await Varve.open(DIR, { compaction: NONE, components: { vfs } })
  let round = 0
  const write = async (): Promise<void> => {
    const value = String(++round)
    await writer.batch(keysOf(random.pick(GROUPS)).map((key) => ({ type: 'put', key, value })))
    await writer.flush()
  }
  for (let i = 0; i < 8; i++) await write()
  const rounds = new Rounds(await openView(vfs, { maxOpenFiles: 1 + random.below(4) }))
  for (let i = 0; i < 12; i++) {
    const snapshot = rounds.view.snapshot()
    await write()
    if (random.chance(0.3)) await compactAway(writer)
    if (random.chance(0.5)) await rounds.readNow(random.pick(GROUPS), random.chance(0.5))
    rounds.readAt(snapshot)
    rounds.walk(random.chance(0.5) ? snapshot : undefined)
    snapshot.release()
  }
  await rounds.view.close()
  await writer.close()
  return rounds
}

test('drawn writes, compactions and reads: no read sees half a batch, or goes back', async () => {
  let count = 0
  for (const seed of drawnNumbers('overtaken views', 40)) count += (await readBeside(seed)).overtakenCount
  assert.ok(count >= atLeast(40), `${count} reads were overtaken`)
})
