/**
 * What: W01–W26: what crashes, damage and failed calls do to logs. W02 is a part of W01.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32, putU32 } from '../../src/base/index.js'
import { VarveError } from '../../src/index.js'
import { SimVfs } from '../../src/testing.js'
import type { Vfs, VfsFile } from '../../src/vfs/index.js'
import { FIRST_BATCH_OFFSET } from '../../src/wal/index.js'
import { hashDisk } from '../support/crash/crash-image.js'
import { crashAfter, crashNow, numbersOf, readFile, reopen, rewriteFile, turns } from '../support/crash/crash-steps.js'
import type { CrashedDisk, Way } from '../support/crash/crash-steps.js'
import { drawn } from '../support/harness/share.js'
import { DIR, openOn, Workload } from '../support/model/workload.js'
import type { WorkloadOptions } from '../support/model/workload.js'

const EVERY_WAY: Way[] = ['kill', 'none', 'all', 'namesOnly', 'dataOnly', 'reverse']
const LOG = '000002.wal'

async function opened(options: Partial<WorkloadOptions> = {}): Promise<Workload> {
  const w = new Workload({ seed: 9, ...options })
  await w.open()
  await w.vfs.settled()
  return w
}

/** Gives the disk with other bytes in its log. */
function withLog({ vfs, oracle, expected }: CrashedDisk, bytes: Uint8Array, name = LOG): CrashedDisk {
  const copy = vfs.cloneKilled(1)
  rewriteFile(copy, name, bytes)
  return { vfs: copy, oracle, expected }
}

/** Opening fails with this code and changes nothing. */
async function refuses(vfs: SimVfs, code: string, file: string): Promise<VarveError> {
  const before = hashDisk(vfs)
  let caught: unknown = null
  await openOn(vfs).catch((error: unknown) => (caught = error))
  assert.ok(VarveError.is(caught), `opened, or ${String(caught)}`)
  assert.equal(caught.code, code, caught.message)
  assert.equal(caught.file, file)
  assert.equal(hashDisk(vfs), before, 'nothing was changed')
  return caught
}

test('W01, W02: the last frame is torn at any byte: it is there wholly or not at all', async () => {
  const w = await opened()
  await w.put('first', 100, { sync: true })
  const end = readFile(w.vfs, LOG).length
  await w.batch([{ key: 'a', length: 700 }, { key: 'b', length: 700 }, { key: 'first', length: null }])
  const disk = crashNow(w, 'all')
  const bytes = readFile(disk.vfs, LOG)
  const cuts = Array.from({ length: bytes.length - end }, (_, i) => i + 1).filter((i) => i < 50 || i % 29 === 0)
  for (const cut of drawn('torn frames', cuts)) {
    for (const keepsSize of [false, true]) {
      const torn = keepsSize ? bytes.slice().fill(0, end + cut) : bytes.slice(0, end + cut)
      const copy = { ...withLog(disk, torn), expected: { ...disk.expected, atLeast: 1 } }
      const { matched, db } = await reopen(copy)
      // Zeros in place of zeros are nothing torn.
      assert.equal(matched, Buffer.compare(torn, bytes) === 0 ? 2 : 1)
      await db.put('later', 'x', { sync: true })
      const next = copy.vfs.clone('none', 1)
      const again = await openOn(next)
      assert.equal(String(Buffer.from(again.getSync('later')!)), 'x', 'what came later is found')
      assert.equal(again.getSync('a') === undefined, matched === 1)
    }
  }
})

test('W03: the size survived, the bytes did not: zeros are the end', async () => {
  const w = await opened()
  await w.put('a', 300, { sync: true })
  for (let i = 0; i < 4; i++) await w.put(`u${i}`, 900)
  const { matched, before, events } = await reopen(crashNow(w, 'sizeOnly'))
  assert.equal(matched, 1)
  assert.ok(before.includes(LOG))
  assert.ok(!events.some(({ type }) => type === 'manifestTail'))
})

test('W04: good frames of an older log at the end of a log are not taken for history', async () => {
  const w = await opened()
  for (let i = 0; i < 5; i++) await w.put(`old${i}`, 300)
  const old = readFile(w.vfs, LOG)
  await w.flush()
  await w.put('new', 300, { sync: true })
  const disk = crashNow(w, 'all')
  const bytes = readFile(disk.vfs, '000003.wal')
  const longer = new Uint8Array(old.length)
  longer.set(bytes)
  longer.set(old.subarray(bytes.length), bytes.length)
  assert.equal((await reopen(withLog(disk, longer, '000003.wal'))).matched, 6)
})

/** A log without the zeros that were written ahead. Requires: the last frame needs no padding. */
function withoutZeros(bytes: Uint8Array): Uint8Array {
  return bytes.slice(0, bytes.findLastIndex((byte) => byte !== 0) + 1)
}

async function hundredSynced(): Promise<{ disk: CrashedDisk; bytes: Uint8Array; frameBytes: number }> {
  const w = await opened()
  for (let i = 0; i < 100; i++) await w.put(`k${String(i).padStart(3, '0')}`, 100, { sync: true })
  const disk = crashNow(w, 'all')
  const bytes = withoutZeros(readFile(disk.vfs, LOG))
  return { disk, bytes, frameBytes: (bytes.length - FIRST_BATCH_OFFSET) / 100 }
}

test('W05: a bad byte among synced frames: the open is refused, with file and offset', async () => {
  const { disk, bytes, frameBytes } = await hundredSynced()
  for (const inFrame of [0, 5, 9, 20, 37, 60]) {
    const bad = bytes.slice()
    bad[FIRST_BATCH_OFFSET + 49 * frameBytes + inFrame]! ^= 0x10
    const error = await refuses(withLog(disk, bad).vfs, 'CORRUPTION', LOG)
    assert.equal(error.offset, FIRST_BATCH_OFFSET + 49 * frameBytes)
  }
})

test('W06: a bad byte behind everything that is known synced: history is cut, and it is told', async () => {
  const w = await opened()
  await w.put('synced', 100, { sync: true })
  const end = readFile(w.vfs, LOG).length
  for (let i = 0; i < 6; i++) await w.put(`u${i}`, 100)
  const disk = crashNow(w, 'kill')
  const bytes = readFile(disk.vfs, LOG)
  bytes[end + 10]! ^= 1
  const { matched, events } = await reopen({ ...withLog(disk, bytes), expected: { ...disk.expected, atLeast: 1 } })
  assert.equal(matched, 1)
  const cut = events.find((event) => event.type === 'historyCut')
  assert.deepEqual(cut && [cut.file, cut.offset], [LOG, end])
  assert.ok(cut!.bytes >= bytes.length - end)
})

/** Log 2 is full and synced, log 3 has synced entries whose marks say so. */
async function twoSyncedLogs(): Promise<CrashedDisk> {
  const w = await opened()
  w.vfs.addFault({ kind: 'create', fileClass: 'temp', fault: { do: 'error', code: 'EIO' }, times: Infinity })
  for (let i = 0; i < 8; i++) await w.put(`k${i}`, 9000, { sync: true })
  await w.put('last', 100, { sync: true })
  const disk = crashNow(w, 'none')
  assert.deepEqual(numbersOf(disk.vfs.listSync(DIR), 'log').sort().slice(0, 2), [2, 3])
  disk.vfs.clearFaults()
  return disk
}

test('W07: a log that is not the last ends early, though a later one says that it was synced: refused', async () => {
  const disk = await twoSyncedLogs()
  const bytes = readFile(disk.vfs, LOG)
  await refuses(withLog(disk, bytes.slice(0, 40_000)).vfs, 'CORRUPTION', LOG)
})

test('W08: a log in the middle is missing: refused, with its name', async () => {
  const disk = await twoSyncedLogs()
  disk.vfs.unlinkSync(`${DIR}/${LOG}`)
  await refuses(disk.vfs, 'MISSING_FILE', LOG)
})

test('W09: a log is cut exactly behind a frame: the next log tells that something is missing', async () => {
  const disk = await twoSyncedLogs()
  const bytes = readFile(disk.vfs, LOG)
  const frame = (bytes.length - FIRST_BATCH_OFFSET) / 7
  assert.ok(Number.isInteger(frame))
  await refuses(withLog(disk, bytes.slice(0, FIRST_BATCH_OFFSET + 4 * frame)).vfs, 'CORRUPTION', LOG)
})

test('W10: a synced batch in a new log is not acknowledged before the old log is synced to its end', async () => {
  const w = await opened()
  await w.put('a', 100)
  w.vfs.addFault({ kind: 'dataSync', fault: { do: 'hang' } })
  for (let i = 0; i < 6; i++) await w.put(`k${i}`, 10_000)
  let isAcked = false
  const acked = w.put('in the new log', 10_000, { sync: true }).then(() => (isAcked = true))
  await turns(w, 60)
  assert.equal(isAcked, false)
  for (const way of EVERY_WAY) await reopen(crashNow(w, way))
  w.vfs.releaseHung()
  await acked
  for (const way of EVERY_WAY) assert.equal((await reopen(crashNow(w, way))).matched, 8)
})

test('W11: the name of a new log is durable before anything in it is acknowledged', async () => {
  const w = await opened()
  for (let i = 0; i < 20; i++) {
    await w.put(`k${i}`, 10_000, { sync: true })
    await reopen(crashNow(w, 'dataOnly'))
  }
})

for (const [id, mode] of [['W12', 'lostClean'], ['W13', 'benign'], ['W18', 'revert']] as const) {
  test(`${id}: a log sync fails once (${mode}): its callers are told, nothing more is written there`, async () => {
    const w = await opened({ toleratesErrors: true })
    await w.put('a', 200, { sync: true })
    w.vfs.addFault({ kind: 'dataSync', fault: { do: 'failSync', mode } })
    await Promise.all([w.put('b', 200, { sync: true }), w.put('c', 200, { sync: true })])
    assert.deepEqual(w.errors.splice(0), ['COMMIT_UNKNOWN', 'COMMIT_UNKNOWN'])
    assert.equal(w.db.stats().database.state, 'FAILED')
    const ops = w.vfs.recordOps(DIR)
    await w.put('d', 100, { sync: true })
    await w.put('e', 100)
    assert.deepEqual(w.errors.splice(0), ['BACKGROUND_ERROR', 'BACKGROUND_ERROR'])
    w.checkReads()
    await w.close()
    assert.deepEqual(ops.stop().filter((line) => /^(write|sync|dataSync) .*log/.test(line)), [])
    assert.deepEqual(w.vfs.violations, [])
    for (const way of EVERY_WAY) {
      const disk = crashNow(w, way)
      const { matched } = await reopen({ ...disk, expected: w.oracle.expect('power') })
      if (mode === 'benign') assert.equal(matched, 3, 'what was reported as failed is there, and stays')
    }
  })
}

test('W14: a sync says "ok" and has lost its data: outside the promise, but never wrong data', async () => {
  const w = await opened()
  w.vfs.addFault({ kind: 'dataSync', nth: 2, fault: { do: 'failSync', mode: 'late' } })
  for (let i = 0; i < 3; i++) await w.put(`k${i}`, 900, { sync: true }).catch(() => undefined)
  for (const way of EVERY_WAY) {
    const disk = crashNow(w, way)
    await reopen({ ...disk, expected: { ...disk.expected, atLeast: 0 } }).catch((error: unknown) => {
      assert.ok(VarveError.is(error) && error.code === 'CORRUPTION', String(error))
    })
  }
})

test('W15: short writes are continued before anything is acknowledged', async () => {
  const w = await opened()
  w.vfs.addFault({ kind: 'write', fileClass: 'log', fault: { do: 'short', bytes: 7 }, times: 40 })
  for (let i = 0; i < 4; i++) await w.put(`k${i}`, 500, { sync: true })
  w.putSync('s', 300)
  assert.equal((await reopen(crashNow(w, 'kill'))).matched, 5)
  assert.equal((await reopen(crashNow(w, 'none'))).matched, 4)
})

test('W16: the disk is full in the middle of a frame: refused, reads go on, writes resume in a new log', async () => {
  const w = await opened({ toleratesErrors: true })
  await w.put('a', 300)
  await w.vfs.settled()
  w.vfs.capacityBytes = w.vfs.usedBytes + 100
  await w.put('b', 300)
  await w.put('c', 300, { sync: true })
  assert.deepEqual(w.errors.splice(0), ['NO_SPACE', 'NO_SPACE'])
  w.checkReads()
  for (const way of EVERY_WAY) {
    const disk = crashNow(w, way)
    disk.vfs.capacityBytes = Infinity
    await reopen(disk)
  }
  w.vfs.capacityBytes = Infinity
  await w.vfs.clock.advance(2500)
  const log = w.db.stats().wal.logNum
  assert.ok(log > 2, 'a new log')
  await w.put('d', 300, { sync: true })
  assert.deepEqual(w.errors, [])
  for (const way of EVERY_WAY) await reopen(crashNow(w, way))
})

test('a log or manifest that is larger than one can be is refused before memory is taken for it', async () => {
  const vfs = new SimVfs({ seed: 1 })
  const db = await openOn(vfs)
  await db.put('a', 'b')
  const oversized = (file: VfsFile): VfsFile => new Proxy(file, {
    get: (_, name) => {
      const value: unknown = name === 'sizeSync' ? () => 2 ** 32 : Reflect.get(file, name)
      return typeof value === 'function' ? value.bind(file) : value
    },
  })
  const wrapper = (ending: string) => (inner: Vfs): Vfs => new Proxy(inner, {
    get: (_, name) => {
      const value: unknown = Reflect.get(inner, name)
      if (name !== 'open') return typeof value === 'function' ? value.bind(inner) : value
      return async (...args: Parameters<Vfs['open']>) => {
        const file = await inner.open(...args)
        return args[0].endsWith(ending) ? oversized(file) : file
      }
    },
  })
  const sizes = [['.wal', 'IO_ERROR', /more than a log can have/], ['.manifest', 'CORRUPTION', /too large/]] as const
  for (const [ending, code, message] of sizes) {
    await assert.rejects(openOn(vfs.cloneKilled(1), { wrap: wrapper(ending) }), { code, message })
  }
})

test('writing is resumed only on a disk that syncs a file, and its name', async () => {
  const w = await opened({ toleratesErrors: true })
  await w.put('a', 300, { sync: true })
  w.vfs.addFault({ kind: 'write', fileClass: 'log', fault: { do: 'error', code: 'EIO' } })
  await w.put('b', 300)
  assert.deepEqual(w.errors.splice(0), ['IO_ERROR'])
  for (const kind of ['sync', 'syncDir'] as const) {
    const fault = w.vfs.addFault({ kind, fault: { do: 'error', code: 'EIO' } })
    await assert.rejects(w.db.resume(), { code: 'IO_ERROR' })
    assert.deepEqual([fault.hitCount, w.db.stats().database.state], [1, 'READ_ONLY'], kind)
  }
  await w.db.resume()
  await w.put('c', 300, { sync: true })
  for (const way of EVERY_WAY) await reopen(crashNow(w, way))
})

test('W17: one failed append: the group is refused, resume() takes a new log, nothing is there twice', async () => {
  const w = await opened({ toleratesErrors: true })
  await w.put('a', 300)
  w.vfs.addFault({ kind: 'write', fileClass: 'log', fault: { do: 'error', code: 'EIO', when: 'after' } })
  await Promise.all([w.put('b', 300), w.put('c', 300, { sync: true })])
  assert.deepEqual(w.errors.splice(0), ['IO_ERROR', 'IO_ERROR'])
  await w.put('d', 300)
  assert.deepEqual(w.errors.splice(0), ['BACKGROUND_ERROR'])
  w.checkReads()
  for (const way of EVERY_WAY) await reopen(crashNow(w, way))
  await w.db.resume()
  await w.put('b', 310, { sync: true })
  w.checkReads()
  for (const way of EVERY_WAY) await reopen(crashNow(w, way))
})

test('W19: five crashes in recovery, one after the other, at each step: same state, no more files', async () => {
  const w = await opened()
  for (let i = 0; i < 6; i++) await w.put(`k${i}`, 900, { sync: i === 3 })
  const first = crashNow(w, 'all')
  for (const step of drawn('five crashes in recovery', Array.from({ length: 33 }, (_, i) => i + 1))) {
    let disk = { ...first, vfs: first.vfs.cloneKilled(1) }
    for (let round = 0; round < 5; round++) {
      let next: SimVfs | null = null
      disk.vfs.onEffect = (index) => {
        if (index === step) next = round % 2 === 0 ? disk.vfs.cloneKilled(step) : disk.vfs.clone('random50', step)
      }
      await openOn(disk.vfs)
      await disk.vfs.settled()
      disk = { ...disk, vfs: next ?? disk.vfs.kill(step) }
    }
    const { matched, after } = await reopen(disk)
    assert.equal(matched, 6)
    assert.ok(after.length <= 6, after.join(' '))
  }
})

test('W20: crash, reopen, write, crash: numbers go on, both writes are there', async () => {
  const w = await opened()
  await w.put('k', 100, { sync: true })
  const seq = w.db.stats().database.visibleSeq
  await w.killed()
  await w.put('k', 200, { sync: true })
  assert.ok(w.db.stats().database.visibleSeq > seq)
  await w.lostPower('none')
  assert.equal(w.db.getSync('k')?.length, 200)
})

test('W21: a dozen logs, listed in any order, are replayed by number', async () => {
  const w = await opened({ settings: { immutablesMax: 32 } })
  w.vfs.addFault({ kind: 'create', fileClass: 'temp', fault: { do: 'hang' }, times: Infinity })
  w.vfs.addFault({ kind: 'create', fileClass: 'temp', fault: { do: 'error', code: 'EIO' }, times: Infinity })
  for (let i = 0; i < 72; i++) await w.put(`k${i % 5}`, 10_000)
  assert.ok(numbersOf(w.vfs.listSync(DIR), 'log').length >= 12)
  for (let seed = 0; seed < 5; seed++) {
    const disk = crashNow(w, 'kill', seed)
    disk.vfs.clearFaults()
    assert.equal((await reopen(disk)).matched, 72)
  }
})

test('W22: killed, reopened on what only the page cache holds, written and synced, then power is lost', async () => {
  const w = await opened()
  for (let i = 0; i < 5; i++) await w.put(`u${i}`, 700)
  await w.killed()
  await w.put('synced', 100, { sync: true })
  for (const way of EVERY_WAY) assert.equal((await reopen(crashNow(w, way))).matched, 6)
})

test('W23: a huge length at the end of a log is the end, and nothing is allocated for it', async () => {
  const w = await opened()
  await w.put('a', 300, { sync: true })
  const disk = crashNow(w, 'kill')
  const bytes = readFile(disk.vfs, LOG)
  for (const hasGoodChecksum of [false, true]) {
    const longer = new Uint8Array(bytes.length + 64)
    longer.set(bytes)
    putU32(longer, bytes.length + 4, 0xffff_ffff)
    longer[bytes.length + 12] = 1
    if (hasGoodChecksum) putU32(longer, bytes.length, crc32(longer, bytes.length + 4, bytes.length + 40))
    assert.equal((await reopen(withLog(disk, longer))).matched, 1)
  }
})

test('W24: a batch larger than a slab has a log of its own; each log stays until its own flush', async () => {
  const w = await opened()
  await w.put('small', 500)
  const disks = await crashAfter(w, /unlink \/db\/000002\.wal/, EVERY_WAY, async () => {
    await w.batch([{ key: 'x', length: 90_000 }, { key: 'y', length: 10 }])
    await w.put('behind', 100)
    await w.flush()
  })
  for (const disk of disks) await reopen(disk)
  assert.equal((await reopen(crashNow(w, 'none'))).matched, 3)
})

test('W25: fifty logs without entries: opened, and removed', async () => {
  const w = await opened()
  await w.put('a', 100, { sync: true })
  const disk = crashNow(w, 'kill')
  const header = readFile(disk.vfs, LOG).slice(0, 128)
  for (let i = 0; i < 50; i++) {
    rewriteFile(disk.vfs, `${String(100 + i).padStart(6, '0')}.wal`, header.slice(0, i % 2 === 0 ? 0 : i))
  }
  const { matched, after } = await reopen(disk)
  assert.equal(matched, 1)
  assert.ok(numbersOf(after, 'log').length <= 2)
  assert.ok(Math.min(...numbersOf(after, 'log')) > 149, 'numbers above everything found')
})

test('W26: the caller changes or gives away the buffer after the call: the bytes are those of the call', async () => {
  const w = await opened({ settings: { immutablesMax: 1 } })
  const written: Promise<void>[] = []
  for (let i = 0; i < 24; i++) {
    const value = new Uint8Array(9000).fill(i)
    written.push(w.db.put(`k${i}`, value))
    if (i % 2 === 0) value.fill(0xee)
    else structuredClone(value, { transfer: [value.buffer] })
  }
  await Promise.all(written)
  await w.sync()
  const db = await openOn(w.vfs.clone('none', 1))
  for (let i = 0; i < 24; i++) assert.deepEqual(db.getSync(`k${i}`), new Uint8Array(9000).fill(i))
})
