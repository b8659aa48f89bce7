/** What tools make verifies deep; what they print is as the schema says; heal takes from a set; no rot is copied. */
import assert from 'node:assert/strict'
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { SeededRandom } from '../../src/base/index.js'
import { Varve } from '../../src/index.js'
import type { VarveOptions } from '../../src/index.js'
import { MemoryVfs, SimVfs } from '../../src/testing.js'
import { newDirectory } from '../support/databases/databases.js'
import { openSim, SIM_DIR } from '../support/databases/simulated.js'
import { Storm, stormOptions } from '../support/databases/storm.js'
import { shapeProblems } from '../support/harness/json-shape.js'
import type { Schema } from '../support/harness/json-shape.js'
import { drawnNumbers } from '../support/harness/share.js'
import { varveHere } from '../support/programs/run-program.js'

const SOURCE = '/db'

async function checkDeep(vfs: MemoryVfs, dir: string, where: string): Promise<void> {
  const { problems } = await Varve.verify(dir, { vfs, level: 'deep' })
  const real = problems.filter(({ severity }) => severity !== 'waste')
  assert.deepEqual(real.map(({ severity, message }) => `${severity} ${message}`), [], `${where}: ${dir}`)
}

/** Writes on while tools work. */
class Beside {
  private isEnded = false
  private readonly running: Promise<void>

  constructor(db: Varve, random: SeededRandom) {
    this.running = this.run(db, new Storm(random))
  }

  private async run(db: Varve, storm: Storm): Promise<void> {
    for (let i = 0; !this.isEnded && i < 300; i++) {
      await storm.step(db)
      await new Promise(setImmediate)
    }
  }

  end(): Promise<void> {
    this.isEnded = true
    return this.running
  }
}

/** Puts a table file of a drawn part of the keys into the database. */
async function ingestSome(db: Varve, vfs: MemoryVfs, random: SeededRandom): Promise<void> {
  const file = `/outside ${random.u32()}`
  const writer = await Varve.tableWriter(file, { vfs })
  for (let i = 0; i < 300; i += 1 + random.below(20)) {
    writer.add(`a:${String(i).padStart(3, '0')}`, new Uint8Array(random.below(2000)).fill(i))
  }
  await writer.finish()
  await db.ingest([file])
}

async function useTools(db: Varve, vfs: MemoryVfs, random: SeededRandom): Promise<string[]> {
  const made: string[] = []
  const tools: Record<string, (target: string) => Promise<unknown>> = {
    checkpoint: (target) => db.checkpoint(target),
    backup: async (target) => {
      await Varve.backup(db, '/set')
      const newest = (await Varve.backups('/set', { vfs })).at(-1)!
      assert.equal(newest.problem, null)
      made.push(newest.location)
      await Varve.restore(newest.location, target, { vfs })
    },
    checkpointOfOne: async (target) => {
      await db.checkpoint(`${target} first`)
      await Varve.checkpoint(`${target} first`, target, { vfs })
    },
    transfer: async (target) => {
      const chunks: Uint8Array[] = []
      const sink = new WritableStream<Uint8Array>({ write: (chunk) => { chunks.push(chunk.slice()) } })
      await db.export(sink, { format: 'varve' })
      const source = new ReadableStream<Uint8Array>({
        start: (controller) => {
          for (const chunk of chunks) controller.enqueue(chunk)
          controller.close()
        },
      })
      await Varve.import(target, source, { open: { workers: 0, components: { vfs } } })
    },
    repair: async (target) => {
      await db.checkpoint(`${target} first`)
      await Varve.repair(`${target} first`, target, { vfs })
    },
  }
  for (const [name, make] of Object.entries(tools)) {
    if (random.chance(0.5)) await ingestSome(db, vfs, random)
    const target = `/${name}`
    await make(target)
    made.push(target)
  }
  return made
}

test('whatever a tool made beside a storm verifies deep, and so does the source', async () => {
  for (const seed of drawnNumbers('tools beside a storm', 60)) {
    const random = new SeededRandom(seed, 'tools beside a storm')
    const vfs = new MemoryVfs()
    const open = (): Promise<Varve> => {
      const components = { vfs, random: new SeededRandom(random.u32()) }
      return Varve.open(SOURCE, { ...stormOptions(random), workers: 0, components })
    }
    const storm = new Storm(random)
    const first = await open()
    for (let i = random.below(200); i >= 0; i--) await storm.step(first)
    await first.close()
    const db = await open()
    const beside = new Beside(db, new SeededRandom(seed, 'beside'))
    const made = await useTools(db, vfs, random)
    await beside.end()
    await checkDeep(vfs, SOURCE, `seed ${seed}, open`)
    await db.close()
    for (const dir of [SOURCE, ...made]) await checkDeep(vfs, dir, `seed ${seed}`)
    const opened = random.pick(made.filter((dir) => !dir.startsWith('/set')))
    const again = await Varve.open(opened, { ...stormOptions(random), workers: 0, components: { vfs } })
    for (let i = 40; i > 0; i--) await storm.step(again)
    await again.compact()
    await again.close()
    await checkDeep(vfs, opened, `seed ${seed}, written on`)
  }
})

test('a table with a wrong byte is never merged: no output has it, and the table is blocked (V6)', async () => {
  for (const seed of drawnNumbers('rot and merges', 40)) {
    const random = new SeededRandom(seed, 'rot and merges')
    const vfs = new SimVfs({ seed })
    const style = random.pick(['leveled', 'tiered', 'lazy'] as const)
    const options: VarveOptions = {
      compaction: { style: 'none' }, compression: 'none', blockSize: 1024, blockCacheSize: 0,
    }
    const first = await openSim(vfs, options)
    for (let part = 0; part < 4; part++) {
      for (let i = 0; i < 60; i++) await first.put(`key ${random.below(100)}`, `part ${part} `.repeat(8))
      await first.flush()
    }
    await first.close()
    const names = vfs.listSync(SIM_DIR).filter((name) => name.endsWith('.table')).sort()
    const bad = random.pick(names)
    // In the first block: behind the header, and within the entries.
    vfs.damage(`${SIM_DIR}/${bad}`, { do: 'flipBit', offset: 64 + 20 + random.below(800) })
    const db = await openSim(vfs, { ...options, compaction: { style } })
    if (random.chance(0.5)) await db.scrub()
    await assert.rejects(db.compact(), { code: 'CORRUPTION' })
    const blocked = db.stats().compaction.blockedTables
    assert.deepEqual(blocked, [Number.parseInt(bad, 10)], `seed ${seed}`)
    for (let i = 0; i < 50; i++) await db.put(`key ${i}`, 'new')
    await db.flush()
    await db.close()
    const report = await Varve.verify(SIM_DIR, { vfs, level: 'deep' })
    const damaged = new Set(report.problems.filter(({ severity }) => severity === 'damage').map(({ file }) => file))
    assert.deepEqual([...damaged], [bad], `seed ${seed}: the wrong bytes are where they were, and nowhere else`)
  }
})

test('heal takes a file from the newest backup of a set that has it', async () => {
  const vfs = new MemoryVfs()
  const db = await Varve.open(SOURCE, { workers: 0, compaction: { style: 'none' }, components: { vfs } })
  for (let part = 0; part < 3; part++) {
    for (let i = 0; i < 50; i++) await db.put(`key ${i}`, `part ${part}`)
    await db.flush()
    await Varve.backup(db, '/set', { fullEvery: 1 })
  }
  await db.close()
  const [table] = vfs.listSync(SOURCE).filter((name) => name.endsWith('.table')).sort() as [string]
  const damage = (dir: string): void => {
    const file = vfs.openSync(`${dir}/${table}`, 'write')
    file.writeSync(Uint8Array.of(0xaa, 0x55), 0, 2, 200)
    file.closeSync()
  }
  damage(SOURCE)
  damage('/set/000003')
  const { ok, healed } = await Varve.heal(SOURCE, { from: ['/set'], vfs })
  assert.ok(ok)
  assert.deepEqual(healed.map(({ file, from }) => [file, from]), [[table, '/set/000002']])
  await checkDeep(vfs, SOURCE, 'healed')
})

test('option direct reads the disk itself where that can be done, and tells whether it did (VER-6)', async () => {
  const dir = newDirectory()
  const db = await Varve.open(dir, { workers: 0, valueThreshold: 512 })
  for (let i = 0; i < 2000; i++) await db.put(`key ${i}`, `value ${i} `.repeat(i % 90))
  await db.flush()
  await db.close()
  const plain = await Varve.verify(dir)
  const direct = await Varve.verify(dir, { direct: true })
  assert.deepEqual([plain.isDirect, plain.checkedBytes], [false, direct.checkedBytes])
  assert.deepEqual([plain.problems, direct.problems], [[], []])
  for (const name of readdirSync(dir).filter((each) => /table|vlog/.test(each))) {
    const file = path.join(dir, name)
    const good = readFileSync(file)
    const bad = Buffer.from(good)
    bad[Math.floor(bad.length / 2)]! ^= 1
    writeFileSync(file, bad)
    for (const direct of [false, true]) {
      const { problems } = await Varve.verify(dir, { direct })
      assert.deepEqual(problems.map(({ file: where, severity }) => [where, severity]), [[name, 'damage']])
    }
    writeFileSync(file, good)
  }
  const vfs = new MemoryVfs()
  await (await Varve.open(SOURCE, { workers: 0, components: { vfs } })).close()
  assert.equal((await Varve.verify(SOURCE, { vfs, direct: true })).ok, true)
  await assert.rejects(Varve.verify(dir, { direct: 1 as never }), { code: 'INVALID_ARGUMENT' })
})

test('what the tools print with --json is as docs/tool-report.schema.json says', async () => {
  const schema = JSON.parse(readFileSync('docs/tool-report.schema.json', 'utf8')) as Schema
  const root = newDirectory()
  const at = (name: string): string => path.join(root, name)
  const dir = at('db')
  const db = await Varve.open(dir, { workers: 0, compaction: { style: 'none' } })
  for (let i = 0; i < 300; i++) await db.put(Uint8Array.of(0xff, i >> 8, i), `value ${i}`)
  await db.flush()
  await db.close()
  const [table] = readdirSync(dir).filter((name) => name.endsWith('.table')) as [string]
  const check = async (shape: 'report' | 'copy', code: number, ...words: string[]): Promise<void> => {
    const found = await varveHere(...words, '--json')
    assert.equal(found.code, code, `${words.join(' ')}: ${found.error}`)
    const printed = JSON.parse(found.out) as Record<string, unknown>
    assert.deepEqual(shapeProblems(schema, schema.$defs[shape]!, printed), [], words.join(' '))
    if (shape === 'report') assert.equal(printed['tool'], words[0])
    if (code === 3) assert.ok((printed['problems'] as unknown[]).length > 0)
  }
  await check('report', 0, 'verify', dir)
  await check('copy', 0, 'checkpoint', dir, at('copy'))
  await check('copy', 0, 'backup', dir, at('set'))
  await check('report', 0, 'restore', at('set/000001'), at('restored'))
  await check('report', 0, 'export', dir, at('file.varve'))
  await check('report', 0, 'import', at('imported'), at('file.varve'))
  const bytes = readFileSync(path.join(dir, table))
  bytes[500]! ^= 4
  writeFileSync(path.join(dir, table), bytes)
  await check('report', 3, 'verify', dir, '--level', 'deep')
  await check('report', 3, 'repair', dir, at('repaired'))
  await check('report', 0, 'heal', dir, '--from', at('set'))
})
