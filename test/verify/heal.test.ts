/** Damaged files are taken from backups that have the same ones, and from no others; no crash leaves a part of one. */
import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { parseFileName, SeededRandom } from '../../src/base/index.js'
import { Varve } from '../../src/index.js'
import type { EngineEvent, HealReport, Vfs } from '../../src/index.js'
import { MemoryVfs, SimVfs, survivalPolicies } from '../../src/testing.js'
import { FULL_DIR, makeFullDatabase } from '../support/databases/full-database.js'
import { takeImage, withFile } from '../support/databases/vfs-image.js'
import type { Image } from '../support/databases/vfs-image.js'
import { eio, watchedVfs } from '../support/fakes/watched-vfs.js'
import { drawn, drawnNumbers } from '../support/harness/share.js'

const BACKUP = '/backup'
let image: Image

before(async () => {
  image = await makeFullDatabase(3)
})

/** A disk with a database and its backup. */
function disk(database: Image, backup: Image, vfs: MemoryVfs | SimVfs = new MemoryVfs()): MemoryVfs {
  for (const [dir, files] of [[FULL_DIR, database], [BACKUP, backup]] as const) {
    vfs.mkdirSync(dir)
    for (const [name, bytes] of files) {
      const file = vfs.openSync(`${dir}/${name}`, 'create')
      file.writeSync(bytes, 0, bytes.length, 0)
      file.syncSync()
      file.closeSync()
    }
    vfs.syncDirSync(dir)
  }
  vfs.syncDirSync('/')
  return vfs as MemoryVfs
}

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const changed = bytes.slice()
  changed[at]! ^= 0x10
  return changed
}

function data(image: Image): Image {
  return new Map([...image].filter(([name]) => parseFileName(name)?.kind !== 'lock'))
}

const heal = (vfs: MemoryVfs): Promise<HealReport> => Varve.heal(FULL_DIR, { from: [BACKUP], vfs })

test('a damaged table, value log or sealed log is whole again, and nothing else changed', async () => {
  const names = [...image.keys()].filter((name) => /table|vlog|wal/.test(name))
  const cases = names.flatMap((name) => [200, 0.5, 0.9].map((at) => ({ name, at })))
  for (const { name, at } of drawn('heal cases', cases)) {
    const good = image.get(name)!
    const offset = at < 1 ? Math.floor(good.length * at) : at
    const vfs = disk(withFile(image, name, flipped(good, offset)), image)
    const before = await Varve.verify(FULL_DIR, { vfs })
    const report = await heal(vfs)
    // The newest log is not sealed: it may be longer than the backup's.
    if (before.ok) {
      assert.deepEqual(report.healed, [], `${name} at ${offset}`)
      continue
    }
    assert.deepEqual(report.healed.map(({ file, from }) => ({ file, from })), [{ file: name, from: BACKUP }])
    assert.ok(report.ok, JSON.stringify(report.problems))
    assert.deepEqual(data(takeImage(vfs, FULL_DIR)), image)
    assert.deepEqual(takeImage(vfs, BACKUP), image)
  }
})

test('a missing file is taken from the backup too', async () => {
  const name = [...image.keys()].find((each) => each.endsWith('.table'))!
  const without = new Map(image)
  without.delete(name)
  const vfs = disk(without, image)
  const { healed, ok } = await heal(vfs)
  assert.deepEqual(healed.map(({ file }) => file), [name])
  assert.ok(ok)
})

test('a backup that is damaged at any place of the file is not taken (HEAL-1)', async () => {
  const name = [...image.keys()].find((each) => each.endsWith('.table'))!
  const good = image.get(name)!
  for (const at of drawnNumbers('damaged backups', Math.floor(good.length / 40))) {
    const vfs = disk(withFile(image, name, flipped(good, 300)), withFile(image, name, flipped(good, 40 * at)))
    const { healed, ok } = await heal(vfs)
    assert.deepEqual(healed, [], `a backup with a wrong byte at ${40 * at}`)
    assert.equal(ok, false)
    assert.deepEqual(takeImage(vfs, FULL_DIR).get(name), flipped(good, 300))
  }
})

test('a file of the same number that another history made is refused, and told (HEAL-1)', async () => {
  const vfs = disk(image, image)
  const lives = [FULL_DIR, BACKUP]
  for (const [i, dir] of lives.entries()) {
    const random = new SeededRandom(50 + i, 'histories')
    const db = await Varve.open(dir, { workers: 0, compaction: { style: 'none' }, components: { vfs, random } })
    await db.put('both', 'have the same bytes')
    await db.flush()
    await db.close()
  }
  const [ours, theirs] = lives.map((dir) => takeImage(vfs, dir)) as [Image, Image]
  const name = [...ours.keys()].filter((each) => each.endsWith('.table') && theirs.has(each)).at(-1)!
  assert.notDeepEqual(ours.get(name), theirs.get(name))
  const damaged = disk(withFile(ours, name, flipped(ours.get(name)!, 200)), theirs)
  const { healed, ok, problems } = await heal(damaged)
  assert.deepEqual(healed, [])
  assert.equal(ok, false)
  assert.ok(problems.some(({ code, message }) => code === 'OTHER_HISTORY' && message.includes(name)))
})

test('bad input is refused before anything is changed', async () => {
  const name = [...image.keys()].find((each) => each.endsWith('.table'))!
  const vfs = disk(withFile(image, name, flipped(image.get(name)!, 300)), image)
  const before = takeImage(vfs, FULL_DIR)
  await assert.rejects(Varve.heal(FULL_DIR, { from: ['/none'], vfs }), { code: 'NOT_FOUND' })
  await assert.rejects(Varve.heal(FULL_DIR, { from: [FULL_DIR], vfs }), { code: 'INVALID_ARGUMENT' })
  await assert.rejects(Varve.heal(FULL_DIR, { from: [], vfs }), { code: 'INVALID_ARGUMENT' })
  await assert.rejects(Varve.heal('/none', { from: [BACKUP], vfs }), { code: 'NOT_FOUND' })
  assert.deepEqual(takeImage(vfs, FULL_DIR), before)
})

test('a power loss at any moment of a heal leaves the damaged file or the whole one (HEAL-2)', async () => {
  const name = [...image.keys()].find((each) => each.endsWith('.table'))!
  const bad = flipped(image.get(name)!, 300)
  const vfs = disk(withFile(image, name, bad), image, new SimVfs({ seed: 4 })) as unknown as SimVfs
  const crashed: SimVfs[] = []
  vfs.onEffect = (index) => {
    for (const policy of drawn(`heal crash ${index}`, survivalPolicies)) crashed.push(vfs.clone(policy, index))
  }
  const { healed } = await Varve.heal(FULL_DIR, { from: [BACKUP], vfs })
  vfs.onEffect = null
  assert.deepEqual(healed.map(({ file }) => file), [name])
  assert.ok(crashed.length > 0)
  for (const machine of [...crashed, vfs.clone('none', 9)]) {
    const found = takeImage(machine as unknown as MemoryVfs, FULL_DIR).get(name)!
    const isBad = Buffer.compare(found, bad) === 0
    assert.ok(isBad || Buffer.compare(found, image.get(name)!) === 0, 'the file is one of the two')
    if (isBad) {
      const again = await Varve.heal(FULL_DIR, { from: [BACKUP], vfs: machine })
      assert.ok(again.ok, 'the next heal mends it')
    }
    const report = await Varve.verify(FULL_DIR, { vfs: machine, level: 'deep' })
    assert.ok(report.ok, JSON.stringify(report.problems))
  }
})

test('an open database is healed under its readers, and its table is no longer blocked', async () => {
  const vfs = disk(image, image)
  const events: EngineEvent[] = []
  const open = (dir: string): Promise<Varve> => Varve.open(dir, {
    workers: 0, compaction: { style: 'none' }, blockCacheSize: 0,
    components: { vfs, random: new SeededRandom(1), onEvent: (event) => events.push(event) },
  })
  await (await open(FULL_DIR)).close()
  const [name, good] = [...takeImage(vfs, FULL_DIR)].find(([each]) => each.endsWith('.table'))!
  const file = vfs.openSync(`${BACKUP}/${name}`, vfs.statSync(`${BACKUP}/${name}`) === null ? 'create' : 'write')
  file.writeSync(good, 0, good.length, 0)
  file.closeSync()
  const db = await open(FULL_DIR)
  const expected = [...db.entriesSync()].length
  const damaged = vfs.openSync(`${FULL_DIR}/${name}`, 'write')
  damaged.writeSync(Uint8Array.of(good[200]! ^ 1), 0, 1, 200)
  damaged.closeSync()
  assert.throws(() => [...db.entriesSync()], { code: 'CORRUPTION' })
  const scrub = await db.scrub()
  assert.equal(scrub.ok, false)
  assert.deepEqual(scrub.problems.map((problem) => problem.file), [name])
  assert.ok(events.some((event) => event.type === 'damageFound' && event.file === name))
  assert.equal(db.stats().database.state, 'DEGRADED')
  assert.deepEqual(db.stats().compaction.blockedTables, [Number.parseInt(name, 10)])
  await db.put('written', 'while it is degraded')
  const report = await db.heal({ from: [BACKUP] })
  assert.deepEqual(report.healed.map((each) => each.file), [name])
  assert.ok(report.ok, JSON.stringify(report.problems))
  assert.equal([...db.entriesSync()].length, expected + 1)
  assert.deepEqual(db.stats().compaction.blockedTables, [])
  assert.equal(db.stats().database.state, 'OPEN')
  assert.deepEqual(db.stats().operations, [])
  await assert.rejects(Varve.heal(FULL_DIR, { from: [BACKUP], vfs }), { code: 'LOCKED' })
  await db.close()
})

/** Makes the backup equal to the database, and damages the middle of a file of the database. */
function backUpAndDamage(vfs: MemoryVfs, name: string, at = 200): Uint8Array {
  const good = takeImage(vfs, FULL_DIR).get(name)!
  const file = vfs.openSync(`${BACKUP}/${name}`, vfs.statSync(`${BACKUP}/${name}`) === null ? 'create' : 'write')
  file.writeSync(good, 0, good.length, 0)
  file.closeSync()
  const damaged = vfs.openSync(`${FULL_DIR}/${name}`, 'write')
  damaged.writeSync(Uint8Array.of(good[at]! ^ 1), 0, 1, at)
  damaged.closeSync()
  return good
}

const openFull = (vfs: Vfs): Promise<Varve> => Varve.open(FULL_DIR, {
  workers: 0, compaction: { style: 'none' }, blockCacheSize: 0, components: { vfs, random: new SeededRandom(1) },
})

test('a table that was ingested is healed too: its header is no database\'s (HEAL-1)', async () => {
  const vfs = disk(image, image)
  const writer = await Varve.tableWriter('/outside', { vfs })
  for (let i = 0; i < 100; i++) writer.add(`z${String(i).padStart(3, '0')}`, 'from outside')
  await writer.finish()
  const db = await openFull(vfs)
  const before = new Set(vfs.listSync(FULL_DIR))
  await db.ingest(['/outside'], { mode: 'copy' })
  const name = vfs.listSync(FULL_DIR).find((each) => each.endsWith('.table') && !before.has(each))!
  await db.close()
  const good = backUpAndDamage(vfs, name)
  const report = await heal(vfs)
  assert.deepEqual(report.healed.map(({ file }) => file), [name], JSON.stringify(report.problems))
  assert.ok(report.ok)
  assert.deepEqual(takeImage(vfs, FULL_DIR).get(name), good)
})

test('a sync of the directory that fails ends writing of an open database, as any of its own does', async () => {
  const inner = disk(image, image)
  let isFailing = false
  const vfs = watchedVfs(inner, {
    before(call) {
      if (isFailing && call.name === 'syncDir') throw eio(call)
      if (call.name === 'rename') isFailing = true
    },
  })
  await (await openFull(inner)).close()
  const db = await openFull(vfs)
  backUpAndDamage(inner, inner.listSync(FULL_DIR).find((each) => each.endsWith('.table'))!)
  await assert.rejects(db.heal({ from: [BACKUP] }), { code: 'IO_ERROR' })
  assert.equal(db.stats().database.state, 'FAILED')
  await db.close().catch(() => undefined)
})

test('HOLD-1: a file is held while it is replaced, lest the new one stay under a name that nobody needs', async () => {
  const inner = disk(image, image)
  let db: Varve | null = null
  const holders: string[][] = []
  const vfs = watchedVfs(inner, {
    before(call) {
      if (call.name === 'rename') holders.push(db!.stats().files.holds.map(({ owner }) => owner))
    },
  })
  await (await openFull(inner)).close()
  db = await openFull(vfs)
  backUpAndDamage(inner, inner.listSync(FULL_DIR).find((each) => each.endsWith('.table'))!)
  await db.heal({ from: [BACKUP] })
  assert.deepEqual(holders, [['heal']])
  assert.deepEqual(db.stats().files.holds, [])
  await db.close()
})

test('a heal that is refused lets go of the signal', async () => {
  const db = await openFull(disk(image, image))
  const { signal } = new AbortController()
  let listeners = 0
  const counted = {
    aborted: false, reason: undefined,
    addEventListener: (...args: Parameters<AbortSignal['addEventListener']>) => {
      listeners++
      signal.addEventListener(...args)
    },
    removeEventListener: (...args: Parameters<AbortSignal['removeEventListener']>) => {
      listeners--
      signal.removeEventListener(...args)
    },
  }
  await assert.rejects(db.heal({ from: ['/none'], signal: counted as never }), { code: 'NOT_FOUND' })
  assert.equal(listeners, 0)
  await db.close()
})
