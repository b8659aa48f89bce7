/**
 * A machine that loses power, or is killed, after each change of its disk, in the middle of an export into a file, an
 * import into an empty directory, and an import into a database: what is there is whole, or what was there before.
 */
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { SeededRandom } from '../../src/base/index.js'
import { Varve } from '../../src/index.js'
import type { ImportOptions, VarveOptions } from '../../src/index.js'
import { SimVfs } from '../../src/testing.js'
import { readExport } from '../support/samples/read-export.js'
import { newDirectory } from '../support/databases/databases.js'
import { exported, heldBy, putAll } from '../support/databases/transfers.js'
import type { Held } from '../support/databases/transfers.js'
import { Draw } from '../support/harness/share.js'

const WAYS = ['kill', 'none', 'all', 'namesOnly', 'dataOnly', 'reverse'] as const

function optionsOn(vfs: SimVfs): VarveOptions {
  const components = { vfs, clock: vfs.clock, random: new SeededRandom(1, 'engine') }
  return { workers: 0, writeBufferSize: 64 * 1024, blockCacheSize: 64 * 1024, valueThreshold: 512, components }
}

function entriesOf(name: string, count: number): Held[] {
  return Array.from({ length: count }, (_, i) => ({
    key: Buffer.from(`${name}${String(i).padStart(4, '0')}`), value: Buffer.alloc(i % 7 === 0 ? 900 : 20, name),
  }))
}

async function open(vfs: SimVfs, location: string): Promise<Varve> {
  return Varve.open(location, optionsOn(vfs))
}

async function heldIn(vfs: SimVfs, location: string): Promise<Held[]> {
  const db = await open(vfs, location)
  const held = heldBy(db)
  await db.close()
  return held
}

/** Runs a call on a machine, and checks every crash in it, and the ones after its end. */
async function sweep(
  vfs: SimVfs, name: string, call: () => Promise<unknown>, check: (image: SimVfs, isDone: boolean) => Promise<void>,
): Promise<void> {
  const images: { image: SimVfs; isDone: boolean; what: string }[] = []
  const draw = new Draw(name)
  let isDone = false
  const crash = (description: string): void => {
    for (const policy of WAYS) {
      if (!isDone && !draw.takes()) continue
      const image = policy === 'kill' ? vfs.cloneKilled(1) : vfs.clone(policy, 1)
      images.push({ image, isDone, what: `${description}, then ${policy}` })
    }
  }
  vfs.onEffect = (index, description) => crash(`effect ${index}: ${description}`)
  await call()
  vfs.onEffect = null
  isDone = true
  crash('the end')
  for (const { image, isDone: wasDone, what } of images) {
    try {
      await check(image, wasDone)
    } catch (error) {
      throw new Error(`${name}: ${what}: ${(error as Error).message}`, { cause: error })
    }
  }
}

test('EXP-3: after any crash a file under its name is a whole export', async () => {
  const vfs = new SimVfs({ seed: 1 })
  const db = await open(vfs, '/db')
  await putAll(db, entriesOf('a', 60))
  await sweep(vfs, 'export', () => db.export('/out', { format: 'varve' }), async (image, isDone) => {
    const names = image.listSync('/')
    assert.ok(names.includes('out') || !isDone, 'it is gone')
    if (!names.includes('out')) return
    const file = image.openSync('/out', 'read')
    const bytes = new Uint8Array(file.sizeSync())
    file.readSync(bytes, 0, bytes.length, 0)
    let count = 0
    for await (const entries of readExport('out', [bytes])) count += entries.length
    assert.equal(count, 60)
  })
  await db.close()
})

async function sourceOf(entries: readonly Held[]): Promise<Uint8Array> {
  const vfs = new SimVfs({ seed: 2 })
  const db = await open(vfs, '/db')
  await putAll(db, entries)
  const bytes = await exported(db, { format: 'varve' })
  await db.close()
  return bytes
}

function importOn(vfs: SimVfs, location: string, source: Uint8Array, options: ImportOptions = {}): Promise<unknown> {
  return Varve.import(location, [source], { ...options, open: optionsOn(vfs) })
}

test('EXP-5: after any crash an import into an empty directory is not there, or whole', async () => {
  const entries = entriesOf('a', 60)
  const source = await sourceOf(entries)
  for (const isMade of [false, true]) {
    const vfs = new SimVfs({ seed: 3 })
    vfs.mkdirSync('/home')
    vfs.syncDirSync('/')
    if (isMade) vfs.mkdirSync('/home/copy')
    vfs.syncDirSync('/home')
    await sweep(vfs, `fresh import ${isMade}`, () => importOn(vfs, '/home/copy', source), async (image, isDone) => {
      const names = image.listSync('/home')
      const isThere = names.includes('copy') && image.listSync('/home/copy').length > 0
      assert.ok(isThere || !isDone, 'it is gone')
      if (!isThere) await importOn(image, '/home/copy', source)
      assert.deepEqual(await heldIn(image, '/home/copy'), entries)
      const others = image.listSync('/home').filter((name) => name !== 'copy')
      assert.ok(others.every((name) => name.startsWith('copy.tmp.')), others.join())
    })
  }
})

test('E6: after any crash an import into a database has happened, or it has not', async () => {
  const before = entriesOf('a', 100)
  const added = [...entriesOf('a', 20).map(({ key }) => ({ key, value: Buffer.from('new') })), ...entriesOf('b', 200)]
  const source = await sourceOf(added)
  const vfs = new SimVfs({ seed: 4 })
  const db = await open(vfs, '/db')
  await putAll(db, before)
  await db.close()
  const after = [...added.slice(0, 20), ...before.slice(20), ...added.slice(20)]
  await sweep(vfs, 'import', () => importOn(vfs, '/db', source, { into: 'existing' }), async (image, isDone) => {
    const held = await heldIn(image, '/db')
    assert.deepEqual(held, held.length === before.length && !isDone ? before : after)
  })
})

test('E6: what killed imports have left goes with the next one, but nothing of somebody else', async () => {
  const location = newDirectory()
  const source = await sourceOf(entriesOf('a', 3))
  const [left, held, own] = [`${location}.tmp.1.1`, `${location}.tmp.1.2`, `${location}.tmp.1.5`]
  for (const dir of [left, own]) await (await Varve.open(dir)).close()
  const other = await Varve.open(held)
  for (const dir of [left, held]) writeFileSync(`${dir}/import.unfinished`, '')
  mkdirSync(`${location}.tmp.1.3`)
  mkdirSync(`${location}.tmp.1.4`)
  writeFileSync(`${location}.tmp.1.4/mine`, '')
  await Varve.import(location, [source])
  const names = readdirSync(path.dirname(location)).sort()
  assert.deepEqual(names, ['db', 'db.tmp.1.2', 'db.tmp.1.4', 'db.tmp.1.5'])
  assert.ok(!readdirSync(location).includes('import.unfinished'))
  await other.close()
})
