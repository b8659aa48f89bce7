/**
 * What may come back after a power loss or a kill: for each rule a small scenario, many crashes of it,
 * and the exact set of states that must appear. A state that is missing or not listed fails the test.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { VfsFile } from '../vfs.js'
import type { SimOptions } from './sim-machine.js'
import { survivalPolicies } from './sim-survival.js'
import type { SurvivalPolicy } from './sim-survival.js'
import { SimVfs } from './sim-vfs.js'

const SECTOR = 512

/** A machine with a durable, empty `/db`. */
function machine(options: SimOptions = {}): SimVfs {
  const sim = new SimVfs(options)
  sim.mkdirSync('/db')
  sim.syncDirSync('/')
  return sim
}

/** Makes sectors from a pattern: 'ab' becomes one sector of a's and one of b's; '0' is zeros. */
function sectors(pattern: string, sectorBytes = SECTOR): Uint8Array {
  const bytes = new Uint8Array(pattern.length * sectorBytes)
  for (let i = 0; i < pattern.length; i++) {
    const byte = pattern[i] === '0' ? 0 : pattern.charCodeAt(i)
    bytes.fill(byte, i * sectorBytes, (i + 1) * sectorBytes)
  }
  return bytes
}

function put(sim: SimVfs, path: string, bytes: Uint8Array, isSynced = true): VfsFile {
  const file = sim.openSync(path, 'create')
  file.writeSync(bytes, 0, bytes.length, 0)
  if (isSynced) file.syncSync()
  return file
}

function bytesOf(sim: SimVfs, path: string): Uint8Array | null {
  const size = sim.statSync(path)?.size
  if (size === undefined) return null
  const file = sim.openSync(path, 'read')
  const bytes = new Uint8Array(size)
  file.readSync(bytes, 0, size, 0)
  file.closeSync()
  return bytes
}

/**
 * Shows sectors as a pattern, the inverse of `sectors`; '-' when the file is missing, '?' for a sector that is mixed.
 */
function pattern(sim: SimVfs, path: string, sectorBytes = SECTOR): string {
  const bytes = bytesOf(sim, path)
  if (bytes === null) return '-'
  let text = ''
  for (let at = 0; at < bytes.length; at += sectorBytes) {
    const sector = bytes.subarray(at, at + sectorBytes)
    const isPure = sector.every((byte) => byte === sector[0])
    text += isPure ? (sector[0] === 0 ? '0' : String.fromCharCode(sector[0]!)) : '?'
  }
  return text
}

function names(sim: SimVfs, path = '/db'): string {
  return sim.listSync(path).sort().join(' ')
}

function statesOf(
  sim: SimVfs, describe: (sim: SimVfs) => string,
  policies: readonly SurvivalPolicy[] = survivalPolicies, seeds = 40,
): string[] {
  const states = new Set<string>()
  for (const policy of policies) {
    for (let seed = 0; seed < seeds; seed++) states.add(describe(sim.clone(policy, seed)))
  }
  return [...states].sort()
}

test('C1: what is synced stays, whatever else is going on', () => {
  const sim = machine()
  put(sim, '/db/a', sectors('xyz'))
  sim.syncDirSync('/db')
  const other = put(sim, '/db/b', sectors('12'), false)
  sim.renameSync('/db/b', '/db/c')
  sim.unlinkSync('/db/c')
  other.truncateSync(0)
  assert.deepEqual(statesOf(sim, (one) => pattern(one, '/db/a')), ['xyz'])
})

test('a file sync says nothing about the name, a directory sync nothing about content or its own name', () => {
  const sim = machine()
  put(sim, '/db/a', sectors('x'))
  assert.deepEqual(statesOf(sim, (one) => pattern(one, '/db/a')), ['-', 'x'])
  put(sim, '/db/b', sectors('y'), false)
  sim.syncDirSync('/db')
  assert.deepEqual(statesOf(sim, (one) => pattern(one, '/db/b')), ['', '0', 'y'])
  sim.mkdirSync('/db/sub')
  put(sim, '/db/sub/c', sectors('z'))
  sim.syncDirSync('/db/sub')
  const sub = (one: SimVfs) => (one.statSync('/db/sub') === null ? '-' : pattern(one, '/db/sub/c'))
  assert.deepEqual(statesOf(sim, sub), ['-', 'z'])
})

for (const sectorBytes of [512, 4096]) {
  test(`C2: any subset of unsynced sectors, each whole (${sectorBytes})`, () => {
    const sim = machine({ sectorBytes })
    const file = put(sim, '/db/a', sectors('aaa', sectorBytes))
    sim.syncDirSync('/db')
    file.writeSync(sectors('bbb', sectorBytes), 0, 3 * sectorBytes, 0)
    assert.deepEqual(
      statesOf(sim, (one) => pattern(one, '/db/a', sectorBytes), ['random50']),
      ['aaa', 'aab', 'aba', 'abb', 'baa', 'bab', 'bba', 'bbb'],
    )
  })
}

test('C2: a sector has the version of one moment, never a later write without an earlier one', () => {
  const sim = machine()
  const file = put(sim, '/db/a', sectors('o'))
  sim.syncDirSync('/db')
  file.writeSync(sectors('a'), 0, 100, 0)
  file.writeSync(sectors('b'), 0, 100, 200)
  const describe = (one: SimVfs) => {
    const bytes = bytesOf(one, '/db/a')!
    return String.fromCharCode(bytes[0]!, bytes[100]!, bytes[200]!)
  }
  assert.deepEqual(statesOf(sim, describe), ['aob', 'aoo', 'ooo'])
})

test('C2: no order between writes and between files', () => {
  const sim = machine()
  const [a, b] = [put(sim, '/db/a', sectors('a')), put(sim, '/db/b', sectors('a'))]
  sim.syncDirSync('/db')
  a.writeSync(sectors('b'), 0, SECTOR, 0)
  b.writeSync(sectors('b'), 0, SECTOR, 0)
  const describe = (one: SimVfs) => pattern(one, '/db/a') + pattern(one, '/db/b')
  assert.deepEqual(statesOf(sim, describe), ['aa', 'ab', 'ba', 'bb'])
  assert.deepEqual(statesOf(sim, describe, ['globalPrefix']), ['aa', 'ba', 'bb'])
})

test('C3: size and data are independent; bytes behind the size are cut', () => {
  const sim = machine()
  const file = put(sim, '/db/a', sectors('a'))
  sim.syncDirSync('/db')
  file.writeSync(sectors('bb'), 0, 2 * SECTOR, SECTOR)
  const all = ['a', 'a00', 'a0b', 'ab0', 'abb']
  assert.deepEqual(statesOf(sim, (one) => pattern(one, '/db/a')), all)
  assert.deepEqual(statesOf(sim, (one) => pattern(one, '/db/a'), ['sizeOnly']), ['a00'])
  file.writeSync(sectors('c'), 0, 10, 3 * SECTOR)
  const sizes = statesOf(sim, (one) => String(bytesOf(one, '/db/a')!.length))
  assert.deepEqual(sizes, ['1536', '1546', '512'])
})

test('C4: a cut is there or not; extended again it may show the old bytes', () => {
  const sim = machine()
  const file = put(sim, '/db/a', sectors('aa'))
  sim.syncDirSync('/db')
  file.truncateSync(0)
  assert.deepEqual(statesOf(sim, (one) => pattern(one, '/db/a')), ['', 'aa'])
  file.truncateSync(2 * SECTOR)
  assert.deepEqual(statesOf(sim, (one) => pattern(one, '/db/a')), ['', '00', 'aa'])
  assert.equal(pattern(sim, '/db/a'), '00')
})

test('C4: what is written behind a cut in the same sector never shows the old bytes beside it', () => {
  const sim = machine()
  const file = put(sim, '/db/a', sectors('a'))
  sim.syncDirSync('/db')
  file.truncateSync(100)
  file.writeSync(sectors('b'), 0, 100, 300)
  const describe = (one: SimVfs) => {
    const bytes = bytesOf(one, '/db/a')!
    const at = (i: number) => (bytes[i] === undefined ? '.' : bytes[i] === 0 ? '0' : String.fromCharCode(bytes[i]))
    return `${bytes.length} ${at(0)}${at(200)}${at(300)}${at(450)}`
  }
  const states = statesOf(sim, describe)
  assert.deepEqual(states, ['100 a...', '400 a00.', '400 a0b.', '400 aaa.', '512 a0b0', '512 aaaa'])
})

test('C5: a hole may show an older file, well-formed; only when asked for', () => {
  for (const staleChance of [0, 0.5]) {
    const sim = machine({ staleChance })
    put(sim, '/db/old', sectors('wxyz')).closeSync()
    sim.unlinkSync('/db/old')
    sim.syncDirSync('/db')
    const file = put(sim, '/db/a', sectors('a'))
    sim.syncDirSync('/db')
    file.writeSync(sectors('bb'), 0, 2 * SECTOR, SECTOR)
    const stale = staleChance === 0 ? [] : ['axb', 'axy', 'aby']
    const expected = ['a', 'a00', 'a0b', 'ab0', 'abb', ...stale].sort()
    assert.deepEqual(statesOf(sim, (one) => pattern(one, '/db/a')), expected)
  }
})

test('C6: names, any subset; an unlink may survive while an earlier create does not', () => {
  const sim = machine()
  for (const name of ['a', 'b']) put(sim, `/db/${name}`, sectors(name))
  assert.deepEqual(statesOf(sim, names), ['', 'a', 'a b', 'b'])
  sim.syncDirSync('/db')
  put(sim, '/db/c', sectors('c'))
  sim.unlinkSync('/db/a')
  assert.deepEqual(statesOf(sim, names), ['a b', 'a b c', 'b', 'b c'])
})

test('C6: link and unlink for a rename without replacing: one name or both, or none yet', () => {
  const sim = machine()
  put(sim, '/db/tmp', sectors('t'))
  sim.linkSync('/db/tmp', '/db/final')
  sim.unlinkSync('/db/tmp')
  assert.deepEqual(statesOf(sim, names), ['', 'final', 'final tmp', 'tmp'])
  sim.syncDirSync('/db')
  assert.deepEqual(statesOf(sim, (one) => names(one) + pattern(one, '/db/final')), ['finalt'])
})

test('C7: a rename over a file leaves the old or the new one', () => {
  for (const renameSplit of [false, true]) {
    const sim = machine({ renameSplit })
    put(sim, '/db/a', sectors('o'))
    put(sim, '/db/tmp', sectors('n'))
    sim.syncDirSync('/db')
    sim.renameSync('/db/tmp', '/db/a')
    const describe = (one: SimVfs) => `${names(one)}=${pattern(one, '/db/a')}`
    const both = renameSplit ? ['a tmp=n'] : []
    assert.deepEqual(statesOf(sim, describe), ['a=n', ...both, 'a tmp=o'].sort())
  }
})

test('C7: a rename between directories is two effects', () => {
  const sim = machine()
  sim.mkdirSync('/db/sub')
  put(sim, '/db/a', sectors('a'))
  sim.syncDirSync('/db')
  sim.renameSync('/db/a', '/db/sub/a')
  const describe = (one: SimVfs) => pattern(one, '/db/a') + pattern(one, '/db/sub/a')
  assert.deepEqual(statesOf(sim, describe), ['--', '-a', 'a-', 'aa'])
  sim.syncDirSync('/db/sub')
  assert.deepEqual(statesOf(sim, describe), ['-a', 'aa'])
})

test('C8: the name of a rename survives without the content', () => {
  const sim = machine()
  put(sim, '/db/tmp', sectors('nn'), false)
  sim.renameSync('/db/tmp', '/db/a')
  const states = statesOf(sim, (one) => pattern(one, '/db/a'))
  assert.deepEqual(states, ['', '-', '00', '0n', 'n0', 'nn'])
  assert.deepEqual(statesOf(sim, (one) => pattern(one, '/db/a'), ['namesOnly']), [''])
})

test('C9: a write in flight: any part after power loss, any prefix of bytes after a kill', async () => {
  const sim = machine()
  const file = put(sim, '/db/a', sectors('aa'))
  sim.syncDirSync('/db')
  const write = file.write(sectors('bb'), 0, 2 * SECTOR, 0)
  const states = statesOf(sim, (one) => pattern(one, '/db/a'))
  for (const state of ['aa', 'ba', 'bb']) assert.ok(states.includes(state), state)
  assert.deepEqual(statesOf(sim, (one) => pattern(one, '/db/a'), ['none']), ['aa'])
  assert.deepEqual(statesOf(sim, (one) => pattern(one, '/db/a'), ['all']), ['bb'])
  const prefixes = new Set<number>()
  for (let seed = 0; seed < 300; seed++) {
    const bytes = bytesOf(sim.cloneKilled(seed), '/db/a')!
    const end = bytes.indexOf(97)
    assert.ok(end < 0 || bytes.subarray(end).every((byte) => byte === 97))
    prefixes.add(end)
  }
  assert.ok(prefixes.size > 100, 'prefixes are cut at bytes, not at sectors')
  assert.equal(pattern(sim, '/db/a'), 'aa', 'nothing of it has happened here')
  const next = sim.crash('none', 1)
  await assert.rejects(write, { code: 'EIO' })
  assert.equal(pattern(next, '/db/a'), 'aa')
})

test('C10: an unlinked open file vanishes, or is back as it was synced', () => {
  const sim = machine()
  const file = put(sim, '/db/a', sectors('a'))
  sim.syncDirSync('/db')
  sim.unlinkSync('/db/a')
  file.writeSync(sectors('b'), 0, SECTOR, 0)
  assert.deepEqual(statesOf(sim, (one) => pattern(one, '/db/a')), ['-', 'a', 'b'])
})

test('C11: listings come in any order, and strange files may lie about', () => {
  const sim = machine({ foreignNames: ['.DS_Store', '000007.table~'] })
  for (const name of ['a', 'b', 'c']) put(sim, `/db/${name}`, sectors(name))
  sim.syncDirSync('/db')
  const orders = new Set(Array.from({ length: 100 }, () => sim.listSync('/db').join('')))
  assert.equal(orders.size, 6)
  const next = sim.clone('none', 1)
  assert.equal(names(next), '.DS_Store 000007.table~ a b c')
  assert.equal(names(next.clone('none', 1)), '.DS_Store 000007.table~ a b c')
})

test('a torn sector: a prefix of the last write, or garbage, in its own range only', () => {
  const sim = machine({ tornSector: true })
  const file = put(sim, '/db/a', sectors('a'))
  sim.syncDirSync('/db')
  file.writeSync(sectors('b'), 0, 200, 100)
  let mixed = 0
  for (let seed = 0; seed < 100; seed++) {
    const bytes = bytesOf(sim.clone('random50', seed), '/db/a')!
    assert.ok(bytes.subarray(0, 100).every((byte) => byte === 97))
    assert.ok(bytes.subarray(300).every((byte) => byte === 97))
    if (!bytes.subarray(100, 300).every((byte) => byte === bytes[100])) mixed++
  }
  assert.ok(mixed > 10)
})

test('a killed process leaves everything visible and still pending', () => {
  const sim = machine()
  put(sim, '/db/a', sectors('a'), false)
  const killed = sim.kill(1)
  assert.equal(pattern(killed, '/db/a'), 'a')
  assert.deepEqual(statesOf(killed, (one) => pattern(one, '/db/a')), ['', '-', '0', 'a'])
  const again = killed.kill(2)
  const file = again.openSync('/db/a', 'write')
  file.syncSync()
  assert.deepEqual(statesOf(again, (one) => pattern(one, '/db/a')), ['-', 'a'])
  again.syncDirSync('/db')
  file.writeSync(sectors('b'), 0, SECTOR, 0)
  assert.deepEqual(statesOf(again, (one) => pattern(one, '/db/a')), ['a', 'b'])
  assert.deepEqual(statesOf(again, (one) => pattern(one, '/db/a'), ['reverse']), ['b'])
})

test('after crash and kill the old machine does nothing any more', async () => {
  for (const end of ['crash', 'kill'] as const) {
    const sim = machine()
    const lock = await sim.lock('/db')
    const file = put(sim, '/db/a', sectors('a'))
    sim.syncDirSync('/db')
    const next = end === 'crash' ? sim.crash('all', 1) : sim.kill(1)
    assert.throws(() => file.writeSync(sectors('b'), 0, SECTOR, 0), { code: 'EIO' })
    await assert.rejects(file.write(sectors('b'), 0, SECTOR, 0), { code: 'EIO' })
    assert.throws(() => sim.unlinkSync('/db/a'), { code: 'EIO' })
    await assert.rejects(sim.rename('/db/a', '/db/b'), { code: 'EIO' })
    file.closeSync()
    assert.throws(() => lock.stateSync(), { code: 'EIO' })
    const nextLock = await next.lock('/db')
    assert.equal(nextLock.generation, lock.generation + 1)
    await lock.release()
    assert.equal(nextLock.stateSync(), 'held')
    next.overtakeLock('/db')
    assert.notEqual(nextLock.stateSync(), 'held')
    assert.equal(pattern(next, '/db/a'), 'a')
  }
})

test('a clone and its origin do not see each other', () => {
  const sim = machine()
  const file = put(sim, '/db/a', sectors('aa'))
  sim.syncDirSync('/db')
  for (const clone of [sim.clone('all', 1), sim.cloneKilled(1)]) {
    const other = clone.openSync('/db/a', 'write')
    other.writeSync(sectors('b'), 0, SECTOR, 0)
    other.syncSync()
    clone.unlinkSync('/db/a')
    file.writeSync(sectors('c'), 0, SECTOR, SECTOR)
    put(sim, '/db/new', sectors('n')).closeSync()
    sim.unlinkSync('/db/new')
    const bytes = new Uint8Array(2 * SECTOR)
    other.readSync(bytes, 0, bytes.length, 0)
    assert.deepEqual(bytes, sectors('ba'))
    assert.equal(names(clone), '')
    assert.equal(pattern(sim, '/db/a'), 'ac')
    file.writeSync(sectors('a'), 0, SECTOR, SECTOR)
  }
})

test('allButOne takes a sector back to any of its versions', () => {
  const sim = machine()
  const file = put(sim, '/db/a', sectors('o'))
  sim.syncDirSync('/db')
  file.writeSync(sectors('a'), 0, SECTOR, 0)
  file.writeSync(sectors('b'), 0, SECTOR, 0)
  assert.deepEqual(statesOf(sim, (one) => pattern(one, '/db/a'), ['allButOne']), ['a', 'o'])
})

test('what was pending before a kill is older than what comes after it', () => {
  const before = machine()
  put(before, '/db/a', sectors('a')).closeSync()
  put(before, '/db/b', sectors('a')).closeSync()
  before.syncDirSync('/db')
  for (const name of ['a', 'b', 'a', 'b']) {
    const file = before.openSync(`/db/${name}`, 'write')
    file.writeSync(sectors('b'), 0, SECTOR, 0)
    file.closeSync()
  }
  const sim = before.kill(1)
  put(sim, '/db/c', sectors('c'))
  sim.syncDirSync('/db')
  sim.openSync('/db/c', 'write').writeSync(sectors('d'), 0, SECTOR, 0)
  const describe = (one: SimVfs) => ['a', 'b', 'c'].map((name) => pattern(one, `/db/${name}`)).join('')
  assert.deepEqual(statesOf(sim, describe, ['globalPrefix']), ['aac', 'bac', 'bbc', 'bbd'])
})

test('what each policy keeps', () => {
  const sim = machine()
  const file = put(sim, '/db/a', sectors('aa'))
  sim.syncDirSync('/db')
  file.writeSync(sectors('b'), 0, SECTOR, 0)
  file.writeSync(sectors('b'), 0, SECTOR, SECTOR)
  put(sim, '/db/n', sectors('nn'), false)
  const describe = (one: SimVfs) => `${pattern(one, '/db/a')} ${pattern(one, '/db/n')}`
  const expected: Partial<Record<SurvivalPolicy, string[]>> = {
    none: ['aa -'],
    all: ['bb nn'],
    sizeOnly: ['aa 00'],
    namesOnly: ['aa '],
    dataOnly: ['bb -'],
    reverse: ['ab nn'],
    one: ['aa -', 'aa ', 'ab -', 'ba -'].sort(),
    allButOne: ['ab nn', 'ba nn', 'bb ', 'bb -', 'bb 0n', 'bb n0'].sort(),
    globalPrefix: ['aa -', 'ba -', 'bb -', 'bb ', 'bb 00', 'bb n0', 'bb nn'].sort(),
  }
  for (const [policy, states] of Object.entries(expected)) {
    assert.deepEqual(statesOf(sim, describe, [policy as SurvivalPolicy]), states, policy)
  }
  assert.deepEqual(
    statesOf(sim, (one) => pattern(one, '/db/a'), ['prefix']), ['aa', 'ba', 'bb'],
  )
  for (const policy of ['random10', 'random50', 'random90'] as const) {
    let kept = 0
    for (let seed = 0; seed < 400; seed++) if (pattern(sim.clone(policy, seed), '/db/a')[0] === 'b') kept++
    assert.ok(Math.abs(kept / 4 - Number(policy.slice(6))) < 8, `${policy}: ${kept / 4} %`)
  }
})
