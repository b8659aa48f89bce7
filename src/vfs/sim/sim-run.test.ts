/** How a simulated machine runs: one seed one history, order differs with the seed, virtual time, speed of clones. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from '../../base/index.js'
import { MemoryVfs } from '../memory-vfs.js'
import type { Vfs, VfsFile } from '../vfs.js'
import { SimVfs } from './sim-vfs.js'

/** Makes random calls, several at a time; returns what a reader sees at the end. */
async function workload(vfs: Vfs, seed: number, step: () => void = () => undefined): Promise<string> {
  const random = new SeededRandom(seed, 'workload')
  const files = new Map<string, VfsFile>()
  if (vfs.statSync('/db') === null) vfs.mkdirSync('/db')
  for (let i = 0; i < 120; i++) {
    const path = `/db/${'abcdef'[random.below(6)]}`
    const file = files.get(path)
    if (file === undefined) files.set(path, await vfs.open(path, 'create'))
    else await change(vfs, file, random, files)
    step()
  }
  let text = ''
  for (const name of vfs.listSync('/db').sort()) {
    const file = await vfs.open(`/db/${name}`, 'read')
    const bytes = new Uint8Array(file.sizeSync())
    await file.read(bytes, 0, bytes.length, 0)
    await file.close()
    text += `${name} ${Buffer.from(bytes).toString('base64')}\n`
  }
  return text
}

async function change(
  vfs: Vfs, file: VfsFile, random: SeededRandom, files: Map<string, VfsFile>,
): Promise<void> {
  const { path } = file
  switch (random.below(10)) {
    case 0:
      await file.truncate(random.below(6000))
      return
    case 1:
      await file.sync()
      return
    case 2:
      await vfs.syncDir('/db')
      return
    case 3:
    case 4: {
      files.delete(path)
      await file.close()
      if (random.chance(0.5)) await vfs.unlink(path)
      else await vfs.rename(path, `${path}${random.below(3)}`)
      return
    }
    default: {
      // The two writes are disjoint, so their order must not matter.
      const bytes = new Uint8Array(random.below(3000) + 1)
      random.fill(bytes)
      const position = random.below(9000)
      const half = bytes.length >> 1
      await Promise.all([
        file.write(bytes, 0, half, position),
        file.write(bytes, half, bytes.length - half, position + half),
      ])
    }
  }
}

// With everything kept a crash leaves what memory had, with nothing kept what was synced.
test('a simulated disk reads like any other', async () => {
  for (let seed = 0; seed < 10; seed++) {
    for (const sectorBytes of [512, 4096]) {
      const sim = new SimVfs({ seed, sectorBytes })
      let killed: SimVfs | null = null
      const seen = await workload(sim, seed, () => (killed = sim.cloneKilled(seed)))
      assert.equal(seen, await workload(new MemoryVfs(), seed))
      const read = async (vfs: SimVfs) => {
        let text = ''
        for (const name of vfs.listSync('/db').sort()) {
          const file = vfs.openSync(`/db/${name}`, 'read')
          const bytes = new Uint8Array(file.sizeSync())
          file.readSync(bytes, 0, bytes.length, 0)
          text += `${name} ${Buffer.from(bytes).toString('base64')}\n`
        }
        return text
      }
      assert.equal(await read(sim.clone('all', seed)), seen)
      assert.equal(await read(killed!), seen)
      assert.equal(await read((killed! as SimVfs).clone('all', seed)), seen)
      sim.syncDirSync('/')
      const none = sim.clone('none', seed)
      assert.equal(await read(none.clone('all', seed)), await read(none))
      assert.deepEqual(sim.violations, [])
    }
  }
})

test('one seed, one history; another seed, another one', async () => {
  const hashOf = async (seed: number, workloadSeed: number) => {
    const sim = new SimVfs({ seed })
    sim.addFault({ fault: { do: 'short' }, kind: 'read', rate: 0.2, times: Infinity })
    await workload(sim, workloadSeed)
    return sim.traceHash
  }
  assert.equal(await hashOf(1, 1), await hashOf(1, 1))
  assert.notEqual(await hashOf(1, 1), await hashOf(2, 1), 'order of completions')
  assert.notEqual(await hashOf(1, 1), await hashOf(1, 2), 'content')
})

test('the bytes that are written are part of the history', () => {
  const hashOf = (byte: number) => {
    const sim = new SimVfs()
    sim.openSync('/a', 'create').writeSync(new Uint8Array(600).fill(byte), 0, 600, 0)
    return sim.traceHash
  }
  assert.equal(hashOf(1), hashOf(1))
  assert.notEqual(hashOf(1), hashOf(2))
})

test('operations in flight happen and settle in any order, the same one for a seed', async () => {
  const orderOf = async (seed: number) => {
    const sim = new SimVfs({ seed })
    const recorder = sim.recordOps('/')
    let settled = ''
    const begin = (name: string) => sim.mkdir(`/${name}`).then(() => (settled += name))
    await Promise.all(['a', 'b', 'c'].map(begin))
    assert.equal(recorder.stop().map((line) => line.at(-1)).join(''), settled)
    return settled
  }
  const orders = new Set<string>()
  for (let seed = 0; seed < 60; seed++) orders.add(await orderOf(seed))
  assert.equal(orders.size, 6)
  assert.equal(await orderOf(5), await orderOf(5))
})

test('nothing happens at the call, and each completion has a turn of its own', async () => {
  const sim = new SimVfs()
  const file = sim.openSync('/a', 'create')
  const writes = [0, 8].map((position) => file.write(new Uint8Array(8), 0, 8, position))
  assert.equal(sim.effectCount, 1)
  await Promise.race(writes)
  for (let i = 0; i < 20; i++) await null
  assert.equal(sim.effectCount, 2, 'what follows from the first completion comes before the second')
  await Promise.all(writes)
  assert.equal(sim.effectCount, 3)
})

test('virtual time: timers in order, by advance or by themselves, the wall clock may jump', async () => {
  const sim = new SimVfs()
  const { clock } = sim
  const events: string[] = []
  clock.after(50, () => events.push(`b ${Math.round(clock.nowMs())}`))
  clock.after(10, () => {
    events.push(`a ${Math.round(clock.nowMs())}`)
    void sim.mkdir('/x').then(() => events.push('mkdir'))
    clock.after(10, () => events.push(`c ${Math.round(clock.nowMs())}`))
  })
  const cancelled = clock.after(20, () => events.push('never'))
  cancelled.cancel()
  await clock.advance(30)
  assert.deepEqual(events, ['a 10', 'mkdir', 'c 20'])
  const wall = clock.wallMs()
  clock.jumpWall(-5000)
  assert.ok(clock.wallMs() <= wall - 5000)
  clock.setAutomatic(true)
  await new Promise<void>((resolve) => clock.after(3_600_000, resolve))
  assert.equal(events.at(-1), 'b 50')
  assert.ok(clock.nowMs() >= 3_600_000)
  clock.setAutomatic(false)
})

test('hooks see every effect and may clone in the middle; the record is text for golden files', async () => {
  const sim = new SimVfs()
  const effects: string[] = []
  const listings: string[] = []
  sim.onEffect = (index, description) => {
    effects.push(`${index} ${description}`)
    listings.push(sim.clone('all', 1).listSync('/').sort().join(' '))
  }
  const recorder = sim.recordOps('/db')
  sim.mkdirSync('/db')
  const file = sim.openSync('/db/000001.wal', 'create')
  await file.write(new Uint8Array(20), 0, 20, 0)
  await file.dataSync()
  file.truncateSync(10)
  await file.close()
  await sim.link('/db/000001.wal', '/db/000002.wal')
  await sim.unlink('/db/000001.wal')
  await sim.syncDir('/db')
  await sim.list('/db')
  assert.deepEqual(recorder.stop(), [
    'mkdir .', 'create 000001.wal', 'write 000001.wal 0+20', 'dataSync 000001.wal', 'truncate 000001.wal 10',
    'close 000001.wal', 'link 000001.wal 000002.wal', 'unlink 000001.wal', 'syncDir .', 'list .',
  ])
  assert.equal(effects.length, 8)
  assert.equal(effects[2], '3 write /db/000001.wal 0+20')
  assert.deepEqual(listings, Array(8).fill('db'))
  sim.statSync('/db')
  assert.equal(recorder.lines.length, 10)
})

test('clones are cheap: they share everything until it is written', () => {
  const sim = new SimVfs()
  sim.mkdirSync('/db')
  for (let i = 0; i < 50; i++) {
    const file = sim.openSync(`/db/${i}`, 'create')
    file.writeSync(new Uint8Array(65_536).fill(i), 0, 65_536, 0)
    if (i % 10 !== 0) file.syncSync()
    file.closeSync()
  }
  // As copies, 400 clones of 3 MiB would take 1.2 GiB.
  const clones: SimVfs[] = []
  const before = process.memoryUsage().arrayBuffers
  for (const policy of ['none', 'all'] as const) {
    for (let i = 0; i < 200; i++) clones.push(sim.clone(policy, i))
  }
  const used = process.memoryUsage().arrayBuffers - before
  assert.ok(clones.length === 400 && used < 64 * 2 ** 20, `${used} bytes`)
})
