/** Every fault of the simulated disk, the rules that choose calls, and the checks of how handles are used. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Fault, FaultRule, SyncFailureMode } from '../fault/fault-plan.js'
import { FaultyVfs } from '../fault/faulty-vfs.js'
import { MemoryVfs } from '../memory-vfs.js'
import type { VfsFile } from '../vfs.js'
import type { SimOptions } from './sim-machine.js'
import { SimVfs } from './sim-vfs.js'

const SECTOR = 512

function machine(options: SimOptions = {}): SimVfs {
  const sim = new SimVfs(options)
  sim.mkdirSync('/db')
  sim.syncDirSync('/')
  return sim
}

function filled(byte: string, count = 1): Uint8Array {
  return new Uint8Array(count * SECTOR).fill(byte.charCodeAt(0))
}

function put(sim: SimVfs, path: string, bytes: Uint8Array): VfsFile {
  const file = sim.openSync(path, 'create')
  file.writeSync(bytes, 0, bytes.length, 0)
  file.syncSync()
  sim.syncDirSync('/db')
  return file
}

/** Shows the first byte of each sector. */
function sectorsOf(sim: SimVfs, path: string): string {
  const size = sim.statSync(path)?.size
  if (size === undefined) return '-'
  const file = sim.openSync(path, 'read')
  const bytes = new Uint8Array(size)
  file.readSync(bytes, 0, size, 0)
  file.closeSync()
  let text = ''
  for (let at = 0; at < size; at += SECTOR) text += bytes[at] === 0 ? '0' : String.fromCharCode(bytes[at]!)
  return text
}

function codeOf(run: () => unknown): string {
  try {
    run()
    return 'ok'
  } catch (error) {
    return String((error as { code?: string }).code)
  }
}

const eio: Fault = { do: 'error', code: 'EIO' }

test('rules choose calls by index, kind, class, path, nth, rate and times', () => {
  const hits = (rule: Omit<FaultRule, 'fault'>): string => {
    const sim = machine()
    const { opCount } = sim
    sim.addFault({ fault: eio, ...rule, ...(rule.op === undefined ? {} : { op: rule.op + opCount }) })
    const calls = [
      () => sim.openSync('/db/000001.wal', 'create').closeSync(), // 2 calls
      () => sim.openSync('/db/000002.table', 'create').closeSync(), // 2 calls
      () => sim.renameSync('/db/000001.wal', '/db/x'),
      () => sim.syncDirSync('/db'),
      () => sim.openSync('/db/000003.table.tmp.1.2', 'create').syncSync(), // 2 calls
      () => sim.openSync('/db/000004.wal', 'create').dataSyncSync(), // 2 calls
    ]
    return calls.map((call) => (codeOf(call) === 'EIO' ? 'x' : '.')).join('')
  }
  assert.equal(hits({ op: 3 }), '.x....')
  assert.equal(hits({ op: 3, times: Infinity }), '.xxxxx')
  assert.equal(hits({ kind: 'create', times: 2 }), 'xx....')
  assert.equal(hits({ kind: 'create', nth: 2 }), '.x....')
  assert.equal(hits({ kind: 'create', nth: 2, times: 2 }), '.x..x.')
  assert.equal(hits({ kind: ['rename', 'close'], nth: 2 }), '.x....')
  assert.equal(hits({ fileClass: 'log', times: Infinity }), 'x.x..x')
  assert.equal(hits({ fileClass: 'log', nth: 3 }), '..x...')
  assert.equal(hits({ fileClass: 'temp' }), '....x.')
  assert.equal(hits({ fileClass: 'dir' }), '...x..')
  assert.equal(hits({ path: '/db/x' }), '..x...')
  assert.equal(hits({ kind: 'sync', times: Infinity }), '....xx')
  assert.equal(hits({ kind: 'dataSync' }), '.....x')
  assert.equal(hits({ rate: 0, times: Infinity }), '......')
  assert.equal(hits({ rate: 1, times: Infinity }), 'xxxxxx')
  const half = machine()
  half.addFault({ fault: eio, kind: 'stat', rate: 0.5, times: Infinity })
  const failed = Array.from({ length: 400 }, () => codeOf(() => half.statSync('/db'))).filter((code) => code === 'EIO')
  assert.ok(failed.length > 150 && failed.length < 250)
})

test('a rule can be taken back and says how often it hit', () => {
  const sim = machine()
  const fault = sim.addFault({ fault: eio, times: Infinity })
  assert.equal(codeOf(() => sim.statSync('/db')), 'EIO')
  fault.remove()
  assert.equal(codeOf(() => sim.statSync('/db')), 'ok')
  assert.equal(fault.hitCount, 1)
})

test('an error before the effect, and one after it', () => {
  for (const when of ['before', 'after'] as const) {
    const sim = machine()
    put(sim, '/db/a', filled('a')).closeSync()
    const fail = (kind: FaultRule['kind'], run: () => void) => {
      sim.addFault({ fault: { do: 'error', code: 'EIO', when }, kind: kind! })
      assert.equal(codeOf(run), 'EIO')
    }
    fail('link', () => sim.linkSync('/db/a', '/db/b'))
    assert.equal(sectorsOf(sim, '/db/b'), when === 'after' ? 'a' : '-')
    fail('rename', () => sim.renameSync('/db/a', '/db/c'))
    assert.equal(sectorsOf(sim, '/db/c'), when === 'after' ? 'a' : '-')
    fail('unlink', () => sim.unlinkSync(when === 'after' ? '/db/c' : '/db/a'))
    assert.equal(sectorsOf(sim, '/db/a'), when === 'after' ? '-' : 'a')
    fail('mkdir', () => sim.mkdirSync('/db/sub'))
    assert.equal(sim.statSync('/db/sub') !== null, when === 'after')
    fail('create', () => sim.openSync('/db/new', 'create'))
    assert.equal(sectorsOf(sim, '/db/new'), when === 'after' ? '' : '-')
    assert.equal(sim.openFileCount, 0, 'no handle is left that nobody has')
    const file = sim.openSync('/db/w', 'create')
    fail('write', () => file.writeSync(filled('w'), 0, SECTOR, 0))
    assert.equal(sectorsOf(sim, '/db/w'), when === 'after' ? 'w' : '')
    fail('close', () => file.closeSync())
    assert.equal(codeOf(() => file.sizeSync()), 'EBADF')
  }
})

test('short writes and short reads', () => {
  const sim = machine()
  const file = put(sim, '/db/a', filled('a', 2))
  sim.addFault({ fault: { do: 'short' }, kind: 'write' })
  assert.equal(file.writeSync(filled('b', 2), 0, 2 * SECTOR, 0), SECTOR)
  assert.equal(sectorsOf(sim, '/db/a'), 'ba')
  sim.addFault({ fault: { do: 'short', bytes: 10 }, kind: 'read' })
  assert.equal(file.readSync(new Uint8Array(100), 0, 100, 0), 10)
  assert.equal(file.readSync(new Uint8Array(100), 0, 100, 0), 100)
  sim.addFault({ fault: { do: 'short' }, kind: 'write' })
  assert.equal(file.writeSync(filled('b'), 0, 1, 0), 1)
})

test('a full disk: first a short write, then errors; room comes back with the last name', () => {
  const sim = machine({ capacityBytes: 1000, spaceError: 'EDQUOT', checkDiscipline: false })
  const file = sim.openSync('/db/a', 'create')
  const bytes = new Uint8Array(800)
  assert.equal(file.writeSync(bytes, 0, 800, 0), 800)
  assert.equal(file.writeSync(bytes, 0, 800, 400), 600)
  assert.equal(codeOf(() => file.writeSync(bytes, 0, 1, 1000)), 'EDQUOT')
  assert.equal(file.writeSync(bytes, 0, 800, 200), 800, 'what is there can be overwritten')
  assert.equal(codeOf(() => sim.openSync('/db/b', 'create')), 'EDQUOT')
  assert.equal(codeOf(() => sim.mkdirSync('/db/sub')), 'EDQUOT')
  assert.equal(codeOf(() => sim.renameSync('/db/a', '/db/b')), 'EDQUOT')
  assert.equal(codeOf(() => sim.linkSync('/db/a', '/db/b')), 'EDQUOT')
  file.truncateSync(500)
  assert.equal(sim.usedBytes, 500)
  assert.equal(sim.clone('all', 1).usedBytes, 500)
  assert.equal(sim.cloneKilled(1).usedBytes, 500)
  sim.unlinkSync('/db/a')
  assert.equal(sim.usedBytes, 500)
  file.closeSync()
  assert.equal(sim.usedBytes, 0)
})

/** A durable 'a', then 'b' over it, then a failing sync. */
function failedSync(mode: SyncFailureMode) {
  const sim = machine({ checkDiscipline: false })
  const file = put(sim, '/db/a', filled('a'))
  const other = sim.openSync('/db/a', 'write')
  file.writeSync(filled('b', 2), 0, 2 * SECTOR, 0)
  sim.addFault({ fault: { do: 'failSync', mode }, kind: 'sync' })
  const first = codeOf(() => file.syncSync())
  const later = sim.openSync('/db/a', 'write')
  return { sim, file, other, later, first }
}

test('failed sync, lostClean: told once per open handle; the next sync says ok and does nothing', () => {
  const { sim, file, other, later, first } = failedSync('lostClean')
  assert.equal(first, 'EIO')
  assert.deepEqual([file, other, later].map((one) => codeOf(() => one.syncSync())), ['ok', 'EIO', 'ok'])
  assert.equal(codeOf(() => other.syncSync()), 'ok')
  assert.equal(sectorsOf(sim, '/db/a'), 'bb', 'memory shows the new bytes')
  assert.equal(sectorsOf(sim.cloneKilled(1), '/db/a'), 'bb', 'also after a restart of the process')
  assert.equal(sectorsOf(sim.clone('all', 1), '/db/a'), 'a', 'the disk never gets them')
  const restarted = sim.cloneKilled(1)
  restarted.openSync('/db/a', 'write').syncSync()
  assert.equal(sectorsOf(restarted.clone('all', 1), '/db/a'), 'a', 'not by a sync of the next process either')
  file.writeSync(filled('c'), 0, SECTOR, 2 * SECTOR)
  file.syncSync()
  assert.equal(sectorsOf(sim.clone('none', 1), '/db/a'), 'a0c', 'a hole under what was synced later')
  sim.evict('/db/a')
  assert.equal(sectorsOf(sim, '/db/a'), 'a0c')
  assert.equal(codeOf(() => file.syncSync()), 'ok')
})

test('failed sync, lostClean: a later write takes the lost bytes of its own sector along', () => {
  const { sim, file } = failedSync('lostClean')
  file.writeSync(filled('c'), 0, 100, 400)
  file.syncSync()
  const clone = sim.clone('none', 1)
  assert.equal(sectorsOf(clone, '/db/a'), 'b')
  sim.evict('/db/a')
  assert.equal(sectorsOf(sim, '/db/a'), 'b0')
})

test('failed sync, revert: memory shows the old bytes at once, appends leave a hole', () => {
  const { sim, file, first } = failedSync('revert')
  assert.equal(first, 'EIO')
  assert.equal(sectorsOf(sim, '/db/a'), 'a')
  file.writeSync(filled('c'), 0, SECTOR, 2 * SECTOR)
  assert.equal(sectorsOf(sim, '/db/a'), 'a0c')
})

test('failed sync, late: ok although lost, the error comes with the next', () => {
  const { sim, file, other, later, first } = failedSync('late')
  assert.equal(first, 'ok')
  assert.equal(sectorsOf(sim.clone('all', 1), '/db/a'), 'a')
  assert.deepEqual([file, other, later].map((one) => codeOf(() => one.syncSync())), ['EIO', 'EIO', 'ok'])
})

test('failed sync, benign: an error, and everything is durable', () => {
  const { sim, file, first } = failedSync('benign')
  assert.equal(first, 'EIO')
  assert.equal(sectorsOf(sim.clone('none', 1), '/db/a'), 'bb')
  assert.equal(codeOf(() => file.syncSync()), 'ok')
})

test('failed directory sync', () => {
  const expected = { lostClean: ['EIO', 'ok', '-'], late: ['ok', 'EIO', '-'], benign: ['EIO', 'ok', 'a'] }
  for (const [mode, states] of Object.entries(expected)) {
    const sim = machine()
    const file = sim.openSync('/db/a', 'create')
    file.writeSync(filled('a'), 0, SECTOR, 0)
    file.syncSync()
    sim.addFault({ fault: { do: 'failSync', mode: mode as SyncFailureMode }, kind: 'syncDir' })
    const codes = [codeOf(() => sim.syncDirSync('/db')), codeOf(() => sim.syncDirSync('/db'))]
    assert.deepEqual([...codes, sectorsOf(sim.clone('all', 1), '/db/a')], states, mode)
    assert.equal(sectorsOf(sim, '/db/a'), 'a')
    sim.renameSync('/db/a', '/db/b')
    sim.syncDirSync('/db')
    assert.equal(sectorsOf(sim.clone('none', 1), '/db/b'), 'a')
  }
})

test('reads that fail, lie once, are old or from elsewhere', () => {
  const sim = machine()
  const bytes = Uint8Array.from({ length: 8192 }, (_, i) => i >> 8)
  const file = put(sim, '/db/a', bytes)
  const read = (at: number) => {
    const target = new Uint8Array(256)
    file.readSync(target, 0, 256, at)
    return target
  }
  sim.addFault({ fault: eio, kind: 'read' })
  assert.equal(codeOf(() => read(0)), 'EIO')
  sim.addFault({ fault: { do: 'flipBit' }, kind: 'read' })
  const wrong = read(0).filter((byte) => byte !== 0)
  assert.ok(wrong.length === 1 && (wrong[0]! & (wrong[0]! - 1)) === 0)
  assert.ok(read(0).every((byte) => byte === 0))
  sim.addFault({ fault: { do: 'misdirect' }, kind: 'read' })
  assert.equal(read(0)[0], 16)
  file.writeSync(filled('z'), 0, 256, 0)
  sim.addFault({ fault: { do: 'staleRead' }, kind: 'read' })
  assert.equal(read(0)[0], 0)
  assert.equal(read(0)[0], 122)
  sim.damage('/db/a', { do: 'unreadable', offset: 512, length: 512 })
  assert.deepEqual([0, 256, 257, 1023, 1024].map((at) => codeOf(() => read(at))), ['ok', 'ok', 'EIO', 'EIO', 'ok'])
  assert.equal(codeOf(() => sim.clone('none', 1).openSync('/db/a', 'read').readSync(bytes, 0, 600, 0)), 'EIO')
})

test('damage at rest stays', () => {
  const sim = machine()
  put(sim, '/db/a', filled('a', 4)).closeSync()
  sim.damage('/db/a', { do: 'zero', offset: 0, length: SECTOR })
  sim.damage('/db/a', { do: 'flipBit', offset: SECTOR, bit: 1 })
  sim.damage('/db/a', { do: 'garbage', offset: 3 * SECTOR, length: 4 * SECTOR })
  for (const one of [sim, sim.clone('none', 1), sim.cloneKilled(1)]) {
    assert.match(sectorsOf(one, '/db/a'), /^0ca/)
    assert.equal(one.statSync('/db/a')!.size, 4 * SECTOR)
  }
  const read = (one: SimVfs) => {
    const bytes = new Uint8Array(SECTOR)
    one.openSync('/db/a', 'read').readSync(bytes, 0, SECTOR, 3 * SECTOR)
    return bytes
  }
  assert.notDeepEqual(read(sim), filled('a'))
  assert.deepEqual(read(sim), read(sim.clone('none', 1)))
})

test('a write that goes elsewhere, in the file or to another', () => {
  const sim = machine()
  const a = put(sim, '/db/a', filled('a', 10))
  put(sim, '/db/b', filled('b', 2)).closeSync()
  sim.addFault({ fault: { do: 'misdirect' }, kind: 'write' })
  a.writeSync(filled('x'), 0, SECTOR, 0)
  sim.addFault({ fault: { do: 'misdirect', by: SECTOR, path: '/db/b' }, kind: 'write' })
  a.writeSync(filled('y'), 0, SECTOR, 0)
  assert.deepEqual([sectorsOf(sim, '/db/a'), sectorsOf(sim, '/db/b')], ['aaaaaaaaxa', 'by'])
})

test('too many open files', () => {
  const sim = machine({ openFilesMax: 2 })
  const files = [sim.openSync('/db/a', 'create'), sim.openSync('/db/b', 'create')]
  assert.equal(codeOf(() => sim.openSync('/db/a', 'read')), 'EMFILE')
  files[0]!.closeSync()
  assert.equal(codeOf(() => sim.openSync('/db/b', 'read')), 'ok')
})

test('a call that hangs until it is released', async () => {
  const sim = machine()
  sim.addFault({ fault: { do: 'hang' }, kind: 'mkdir' })
  let isDone = false
  const hung = sim.mkdir('/db/sub').then(() => (isDone = true))
  await sim.settled()
  await sim.stat('/db')
  assert.ok(!isDone && sim.statSync('/db/sub') === null)
  sim.releaseHung()
  await hung
  assert.ok(sim.statSync('/db/sub') !== null)
})

test('invariant 20: after a failed write or sync the handle takes only what it may', () => {
  const failing = (kind: 'write' | 'sync', fault: Fault = eio) => {
    const sim = machine()
    const file = put(sim, '/db/a', filled('a'))
    sim.addFault({ fault, kind })
    const run = kind === 'write' ? () => file.writeSync(filled('b'), 0, 1, 0) : () => file.syncSync()
    assert.equal(codeOf(run), 'EIO')
    return { sim, file }
  }
  const forbidden = (broken: { sim: SimVfs; file: VfsFile }, run: (file: VfsFile) => void) => {
    const before = broken.sim.violations.length
    assert.throws(() => run(broken.file), /invariant 20/)
    assert.equal(broken.sim.violations.length, before + 1)
  }
  const write = (file: VfsFile) => void file.writeSync(filled('b'), 0, 1, 0)
  const afterWrite = failing('write')
  forbidden(afterWrite, write)
  forbidden(afterWrite, (file) => file.syncSync())
  forbidden(afterWrite, (file) => file.dataSyncSync())
  afterWrite.file.truncateSync(1)
  forbidden(afterWrite, write)
  afterWrite.file.syncSync()
  forbidden(afterWrite, write)
  afterWrite.file.closeSync()
  for (const fault of [eio, { do: 'failSync', mode: 'benign' } as const]) {
    const afterSync = failing('sync', fault)
    forbidden(afterSync, write)
    forbidden(afterSync, (file) => file.truncateSync(0))
    forbidden(afterSync, (file) => file.syncSync())
    afterSync.file.readSync(new Uint8Array(1), 0, 1, 0)
    afterSync.file.closeSync()
  }
})

test('no write after seal; unlink hooks see what goes and may refuse', () => {
  const sim = machine()
  const file = put(sim, '/db/a', filled('a'))
  sim.seal('/db/a')
  assert.throws(() => file.writeSync(filled('b'), 0, 1, 0), /sealed/)
  assert.throws(() => file.truncateSync(0), /sealed/)
  file.syncSync()
  assert.equal(sim.violations.length, 2)
  const seen: string[] = []
  sim.onUnlink = (path) => {
    seen.push(path)
    if (path === '/db/a') throw new Error('referenced')
  }
  put(sim, '/db/b', filled('b')).closeSync()
  put(sim, '/db/c', filled('c')).closeSync()
  assert.throws(() => sim.unlinkSync('/db/a'), /referenced/)
  assert.throws(() => sim.renameSync('/db/b', '/db/a'), /referenced/)
  sim.renameSync('/db/b', '/db/c')
  sim.unlinkSync('/db/c')
  assert.deepEqual(seen, ['/db/a', '/db/a', '/db/c', '/db/c'])
  assert.equal(sectorsOf(sim, '/db/a'), 'a')
})

test('FaultyVfs: errors, short calls, failed syncs, budget, over any file system', async () => {
  const inner = new MemoryVfs()
  const vfs = new FaultyVfs(inner)
  const recorder = vfs.recordOps('/')
  const effects: string[] = []
  vfs.onEffect = (index, description) => effects.push(`${index} ${description}`)
  const file = vfs.openSync('/a', 'create')
  vfs.addFault({ fault: { do: 'short' }, kind: 'write', nth: 2 })
  const bytes = new Uint8Array(10).fill(255)
  assert.equal(await file.write(bytes, 0, 10, 0), 10)
  assert.equal(file.writeSync(bytes, 0, 10, 10), 5)
  vfs.writeBudgetBytes = 3
  assert.equal(await file.write(bytes, 0, 10, 15), 3)
  assert.equal(codeOf(() => file.writeSync(bytes, 0, 10, 18)), 'ENOSPC')
  assert.equal(await vfs.freeBytes('/'), 0)
  for (const mode of ['lostClean', 'late', 'benign'] as const) {
    vfs.addFault({ fault: { do: 'failSync', mode }, kind: 'sync' })
    const codes = [codeOf(() => file.syncSync()), codeOf(() => file.dataSyncSync()), codeOf(() => file.syncSync())]
    assert.deepEqual(codes, mode === 'late' ? ['ok', 'EIO', 'ok'] : ['EIO', 'ok', 'ok'])
  }
  vfs.addFault({ fault: { do: 'failSync', mode: 'lostClean' }, kind: 'syncDir' })
  await assert.rejects(vfs.syncDir('/'), { code: 'EIO' })
  vfs.addFault({ fault: { do: 'flipBit' }, kind: 'read' })
  const target = new Uint8Array(10)
  await file.read(target, 0, 10, 0)
  assert.equal(target.filter((byte) => byte !== 255).length, 1)
  vfs.addFault({ fault: { ...eio, when: 'after' }, kind: 'rename' })
  await assert.rejects(vfs.rename('/a', '/b'), { code: 'EIO' })
  assert.deepEqual(inner.listSync('/'), ['b'])
  vfs.addFault({ fault: { do: 'hang' }, kind: 'mkdir' })
  const hung = vfs.mkdir('/sub')
  assert.equal(inner.statSync('/sub'), null)
  vfs.releaseHung()
  await hung
  vfs.addFault({ fault: eio, kind: 'close' })
  await assert.rejects(file.close(), { code: 'EIO' })
  await file.close()
  assert.equal(codeOf(() => file.sizeSync()), 'EBADF')
  assert.equal(vfs.effectCount, effects.length)
  assert.ok(effects.includes('3 write /a 10+5'))
  assert.deepEqual(recorder.stop().slice(0, 4), ['create a', 'write a 0+10', 'write a 10+5', 'write a 15+3'])
  assert.ok(recorder.lines.includes('rename a b -> EIO'))
})
