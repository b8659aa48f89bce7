/** Ingests: what they do, what they refuse, and who sees what of them when. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FILE_HEADER_BYTES, parseFileName } from '../../src/base/index.js'
import { VarveError } from '../../src/index.js'
import type { ErrorCode, EngineEvent } from '../../src/index.js'
import { SimVfs } from '../../src/testing.js'
import {
  bytesOf, entriesOf, hashOf, makeFile, USER_DIR, writeBytes,
} from '../support/databases/outside-files.js'
import { openSim, readAllText, SIM_DIR, textOf } from '../support/databases/simulated.js'
import { drawnNumbers } from '../support/harness/share.js'

const STYLES = ['leveled', 'tiered', 'lazy', 'simple', 'fifo', 'none'] as const

async function rejects(promise: Promise<unknown>, code: ErrorCode, what: RegExp = /./): Promise<void> {
  await assert.rejects(promise, (error: VarveError) => {
    assert.deepEqual([error.code, what.test(error.message)], [code, true], error.message)
    return true
  })
}

const tablesIn = (vfs: SimVfs) => vfs.listSync(SIM_DIR).filter((name) => parseFileName(name)?.kind === 'table').sort()

async function settle(vfs: SimVfs): Promise<void> {
  await vfs.clock.advance(12_000)
  await vfs.settled()
}

describe('an ingest', () => {
  it('puts entries and range deletes over what there is, and under what comes', async () => {
    const vfs = new SimVfs()
    const file = await makeFile(vfs, 'a', { entries: entriesOf('bcd'), ranges: [{ gte: 'c', lt: 'g' }] })
    const db = await openSim(vfs)
    for (const key of 'abcdefgh') await db.put(key, `old ${key}`)
    const { seqNum, levels } = await db.ingest([file])
    assert.deepEqual([seqNum, levels.length], [9, 1])
    await db.put('d', 'new d')
    const wanted = [
      ['a', 'old a'], ['b', 'outside b'], ['c', 'outside c'], ['d', 'new d'], ['g', 'old g'], ['h', 'old h'],
    ]
    assert.deepEqual([...readAllText(db)], wanted)
    await db.compact()
    assert.deepEqual([...readAllText(db)], wanted, 'compactions write the number that counts')
    await db.close()
    const again = await openSim(vfs)
    assert.deepEqual([...readAllText(again)], wanted)
    assert.equal(again.hasSync('e'), false)
    await again.close()
  })

  it('ING-3: of several that wait for a barrier one raises the next, and writes see each as a whole', async () => {
    const vfs = new SimVfs()
    const files: string[] = []
    for (const key of 'abcdef') files.push(await makeFile(vfs, key, { entries: entriesOf(key) }))
    const db = await openSim(vfs)
    const puts: Promise<void>[] = []
    for (let round = 0; round < 5; round++) {
      puts.push(db.put('x', `${round}`))
      const results = await Promise.all(files.map((file) => db.ingest([file])))
      assert.equal(new Set(results.map(({ seqNum }) => seqNum)).size, files.length, 'each has a number of its own')
    }
    await Promise.all(puts)
    assert.deepEqual([...readAllText(db).keys()].join(''), 'abcdefx')
    await db.close()
    const again = await openSim(vfs)
    assert.deepEqual([...readAllText(again).keys()].join(''), 'abcdefx')
    await again.close()
  })

  for (const style of STYLES) {
    it(`ING-4: style ${style}: as deep as nothing is in the way; the same file comes twice`, async () => {
      const vfs = new SimVfs()
      const compaction = style === 'fifo' ? { style, maxBytes: 1 << 30 } : { style }
      const files = [
        await makeFile(vfs, 'm', { entries: entriesOf('mno') }),
        await makeFile(vfs, 'a', { entries: entriesOf('abc') }),
      ]
      const db = await openSim(vfs, { compaction })
      const deep = style === 'fifo' ? 0 : 6
      assert.deepEqual((await db.ingest(files)).levels, [deep, deep])
      await db.put('b', 'mine')
      await db.flush()
      const [ofM, ofA] = (await db.ingest(files)).levels as [number, number]
      // What has its keys is the same file at the last level; of the other one, what was flushed since, too.
      assert.ok(style === 'fifo' ? ofM + ofA === 0 : ofM >= 5 && ofA < 5, `${ofM} and ${ofA}`)
      assert.equal(textOf(await db.get('b')), 'outside b')
      for (let i = 0; i < 3; i++) {
        await db.put('c', `mine ${i}`)
        await db.ingest([files[1]!])
        assert.equal(textOf(await db.get('c')), 'outside c')
      }
      await db.compact()
      assert.deepEqual([...readAllText(db).keys()].join(''), 'abcmno')
      await db.close()
      const again = await openSim(vfs, { compaction })
      assert.ok([...readAllText(again).values()].every((value) => value.startsWith('outside')))
      await again.close()
    })
  }

  it('ING-3: a snapshot, a walk and a read from before see nothing of it, whatever is compacted since', async () => {
    const vfs = new SimVfs()
    const file = await makeFile(vfs, 'a', { entries: entriesOf('abcdef'), ranges: [{ gte: 'w' }] })
    const db = await openSim(vfs)
    for (const key of 'bdwx') await db.put(key, `old ${key}`)
    const snapshot = db.snapshot()
    const walk = db.entries()[Symbol.asyncIterator]()
    const first = await walk.next()
    const [started, seen] = [[...'bdwx'].map((key) => `old ${key}`), [first.value!] as [Uint8Array, Uint8Array][]]
    await db.ingest([file])
    await db.compact()
    for (let i = 0; i < 40; i++) await db.put(`big${i}`, 'x'.repeat(4000))
    await db.compact()
    for (let next = await walk.next(); next.done !== true; next = await walk.next()) seen.push(next.value)
    assert.deepEqual(seen.map(([, value]) => textOf(value)), started)
    const old = [...db.entriesSync({ snapshot })].map(([, value]) => textOf(value))
    assert.deepEqual(old, started)
    assert.equal(db.getSync('a', { snapshot }), undefined)
    assert.equal(textOf(db.getSync('w', { snapshot })), 'old w')
    assert.equal(db.getSync('w'), undefined)
    snapshot.release()
    await db.close()
  })

  it('ING-5: a walk over nothing but deleted keys makes nobody jump over keys that came from outside', async () => {
    const vfs = new SimVfs()
    const keys = Array.from({ length: 400 }, (_, i) => `k${String(i).padStart(4, '0')}`)
    const file = await makeFile(vfs, 'a', { entries: [['k0100', 'outside']] })
    const later = await makeFile(vfs, 'b', { entries: [['k0050', 'outside']] })
    const db = await openSim(vfs, { compaction: { style: 'none' } })
    for (const key of keys) await db.put(key, 'old')
    await db.put('z', 'end')
    const snapshot = db.snapshot() // keeps the tombstones
    for (const key of keys) await db.del(key)
    await db.flush()
    const firstKey = () => textOf([...db.keysSync({ gte: 'k', limit: 1 })][0])
    assert.equal(firstKey(), 'z')
    const walk = db.keys({ gte: 'k' })[Symbol.asyncIterator]()
    await db.ingest([file])
    assert.equal(firstKey(), 'k0100', 'a stretch that was noted before is forgotten')
    assert.equal(textOf((await walk.next()).value), 'z')
    assert.equal(firstKey(), 'k0100', 'one that a walk from before notes later does not count')
    await db.ingest([later])
    assert.equal(firstKey(), 'k0050')
    snapshot.release()
    await db.close()
  })

  it('ING-2: no source is written, whatever the mode; move removes it when the database has it', async () => {
    const vfs = new SimVfs()
    for (const mode of ['link', 'copy', 'move'] as const) {
      const file = await makeFile(vfs, `of ${mode}`, { entries: entriesOf(mode[0]!) })
      const hash = hashOf(vfs, file)
      const db = await openSim(vfs)
      const before = vfs.statSync(file)!.identity
      const { sourcesLeft } = await db.ingest([file], { mode })
      assert.deepEqual(sourcesLeft, [])
      const inside = tablesIn(vfs).map((name) => vfs.statSync(vfs.join(SIM_DIR, name))!.identity)
      assert.equal(inside.includes(before), mode !== 'copy')
      if (mode === 'move') assert.equal(vfs.statSync(file), null)
      else assert.equal(hashOf(vfs, file), hash)
      await db.compact()
      await db.close()
      if (mode !== 'move') assert.equal(hashOf(vfs, file), hash, 'also when the table has gone')
    }
    const db = await openSim(vfs)
    assert.deepEqual([...readAllText(db).keys()], ['c', 'l', 'm'])
    await db.close()
  })

  it('copies where a file cannot have a second name: on another volume', async () => {
    for (const errno of ['EXDEV', 'EPERM', 'ENOTSUP'] as const) {
      const vfs = new SimVfs()
      const file = await makeFile(vfs, 'a', { entries: entriesOf('abc') })
      const db = await openSim(vfs)
      const fault = vfs.addFault({ kind: 'link', fault: { do: 'error', code: errno } })
      await db.ingest([file], { mode: 'move' })
      assert.equal(fault.hitCount, 1)
      assert.equal(vfs.statSync(file), null)
      assert.equal(readAllText(db).size, 3)
      await db.close()
      assert.equal(tablesIn(vfs).length, 1)
    }
  })

  it('goes on with values that expire, and with large ones, which stay in the table', async () => {
    const vfs = new SimVfs()
    const now = Date.now()
    const large = new Uint8Array(200_000).fill(7)
    const file = await makeFile(vfs, 'a', {
      entries: [['a', 'x', { expiresAt: 1 }], ['b', 'y', { expiresAt: now + 1e12 }], ['c', large], ['d', '']],
      compression: 'lz4', blockSize: 1024,
    })
    const db = await openSim(vfs, { ttlGraceMs: 0 })
    await db.ingest([file])
    assert.deepEqual([...readAllText(db).keys()].join(''), 'bcd')
    await db.compact({}, { expired: true })
    assert.deepEqual([...readAllText(db).keys()].join(''), 'bcd')
    assert.deepEqual(Buffer.from(db.getSync('c')!), Buffer.from(large))
    assert.equal(db.stats().valueLog.fileCount, 0)
    await db.close()
  })

  it('of no files does nothing; of a closed or read-only database it is refused', async () => {
    const vfs = new SimVfs()
    const file = await makeFile(vfs, 'a', { entries: entriesOf('a') })
    const db = await openSim(vfs)
    await db.put('k', 'v')
    assert.deepEqual(await db.ingest([]), { seqNum: 1, levels: [], sourcesLeft: [] })
    await db.close()
    await rejects(db.ingest([file]), 'CLOSED')
    const view = await openSim(vfs, { readOnly: true })
    await rejects(view.ingest([file]), 'READ_ONLY')
    await view.close()
  })
})

describe('an ingest is refused, and nothing has changed,', () => {
  /** A database, and what must be so afterwards. */
  async function scene() {
    const vfs = new SimVfs()
    const file = await makeFile(vfs, 'good', { entries: entriesOf('abcdefgh'), ranges: [{ gte: 'x' }] })
    const db = await openSim(vfs)
    await db.put('k', 'v')
    await db.flush()
    await settle(vfs)
    const names = tablesIn(vfs)
    const check = async () => {
      await settle(vfs)
      assert.deepEqual([...readAllText(db)], [['k', 'v']])
      assert.deepEqual(tablesIn(vfs), names)
      assert.deepEqual(vfs.listSync(SIM_DIR).filter((name) => name.includes('.tmp.')), [])
    }
    return { vfs, db, file, check }
  }

  it('when an argument is wrong', async () => {
    const { db, file, check } = await scene()
    await rejects(db.ingest(file as never), 'INVALID_ARGUMENT', /array/)
    await rejects(db.ingest([1 as never]), 'INVALID_ARGUMENT', /path/)
    await rejects(db.ingest([file], { mode: 'steal' as never }), 'INVALID_ARGUMENT', /link, copy, move/)
    await rejects(db.ingest([file], { verify: 1 as never }), 'INVALID_ARGUMENT', /verify/)
    await rejects(db.ingest([file], { modes: 1 } as never), 'INVALID_ARGUMENT', /modes/)
    await rejects(db.ingest([file], { signal: AbortSignal.abort(new VarveError('ABORTED', 'no')) }), 'ABORTED')
    await rejects(db.ingest([`${file}x`]), 'NOT_FOUND')
    await rejects(db.ingest([file, file]), 'INVALID_ARGUMENT', /twice/)
    await check()
    await db.close()
  })

  it('when files share keys, by entries or by range deletes', async () => {
    const { vfs, db, file, check } = await scene()
    const others = [
      { entries: entriesOf('h') }, { entries: entriesOf('z') }, { ranges: [{ gte: 'a', lt: 'b' }] },
      { entries: entriesOf('A'), ranges: [{ gte: 'g' }] },
    ]
    for (const [i, content] of others.entries()) {
      const other = await makeFile(vfs, `other ${i}`, content)
      for (const files of [[file, other], [other, file]]) {
        await rejects(db.ingest(files), 'INVALID_ARGUMENT', /share keys/)
      }
    }
    const beside = await makeFile(vfs, 'beside', { ranges: [{ gte: 'A', lt: 'a' }] })
    await check()
    await db.ingest([file, beside])
    await db.close()
  })

  it('when a file is a table of a database, or of another kind, or empty', async () => {
    const { vfs, db, file, check } = await scene()
    const own = vfs.join(SIM_DIR, tablesIn(vfs)[0]!)
    await rejects(db.ingest([own]), 'INVALID_ARGUMENT', /directory of the database/)
    const stolen = vfs.join(USER_DIR, 'stolen')
    writeBytes(vfs, stolen, bytesOf(vfs, own))
    await rejects(db.ingest([stolen]), 'INVALID_ARGUMENT', /is table \d+ of a database/)
    for (const bytes of [new Uint8Array(0), new Uint8Array(5000), bytesOf(vfs, file).subarray(0, 300)]) {
      writeBytes(vfs, stolen, bytes)
      for (const mode of ['link', 'copy'] as const) {
        const refused = { code: 'CORRUPTION', hint: /no file that Varve.tableWriter has made/ }
        await assert.rejects(db.ingest([stolen], { mode }), refused)
      }
    }
    await check()
    await db.close()
  })

  it('when any byte of a file is another one', async () => {
    const { vfs, db, file, check } = await scene()
    const good = bytesOf(vfs, file)
    const bad = vfs.join(USER_DIR, 'bad')
    for (const at of drawnNumbers('bytes of an ingested file', good.length)) {
      const bytes = good.slice()
      bytes[at]! ^= 1 << (at % 8)
      writeBytes(vfs, bad, bytes)
      const mode = at % 3 === 0 ? 'copy' : 'link'
      await assert.rejects(db.ingest([bad], { mode }), (error: VarveError) => {
        const isNewer = at < FILE_HEADER_BYTES && error.code === 'UNSUPPORTED_FORMAT'
        return isNewer || error.code === 'CORRUPTION' || error.code === 'INVALID_ARGUMENT'
      }, `byte ${at}`)
    }
    await check()
    await db.ingest([file])
    await db.close()
  })
})

describe('the barrier of an ingest', () => {
  it('holds writes back until readers see the tables, and lets them go on in order', async () => {
    const vfs = new SimVfs()
    const file = await makeFile(vfs, 'a', { entries: entriesOf('abc') })
    const events: EngineEvent[] = []
    const during: Promise<void>[] = []
    const db = await openSim(vfs, {
      onEvent: (event) => {
        events.push(event)
        if (event.type !== 'stallBegin' || event.reason !== 'ingest') return
        during.push(db.put('a', 'later'), db.batch([{ type: 'put', key: 'd', value: 'later' }], { sync: true }))
        during.push(db.flush())
      },
    })
    await db.put('a', 'before')
    const { seqNum } = await db.ingest([file])
    assert.ok(during.length > 0, 'it was told')
    await Promise.all(during)
    assert.equal(textOf(await db.get('a')), 'later')
    assert.equal(seqNum, 2)
    assert.deepEqual([...readAllText(db).keys()].join(''), 'abcd')
    assert.ok(events.some(({ type }) => type === 'stallEnd'))
    await db.close()
  })

  it('a call that blocks drives it, also past a sync of the log that is in flight', async () => {
    for (const isHung of [false, true]) {
      const vfs = new SimVfs()
      const file = await makeFile(vfs, 'a', { entries: entriesOf('abc') })
      const seen: string[] = []
      const db = await openSim(vfs, {
        onEvent: (event) => {
          if (event.type === 'stallBegin' && event.reason === 'ingest' && !isHung) block()
        },
      })
      const block = () => {
        db.putSync('b', 'blocked')
        seen.push(textOf(db.getSync('b')), textOf(db.getSync('a')))
      }
      await db.put('a', 'before')
      await db.flush()
      if (isHung) vfs.addFault({ kind: 'dataSync', fileClass: 'log', fault: { do: 'hang' }, times: Infinity })
      const ingest = db.ingest([file])
      for (let turns = 0; isHung && turns < 500 && seen.length === 0; turns++) {
        if (db.stats().writeStall.reason?.includes('outside') === true) block()
        else await new Promise((resolve) => setImmediate(resolve))
      }
      vfs.clearFaults()
      vfs.releaseHung()
      await ingest
      assert.deepEqual(seen, ['blocked', 'outside a'], isHung ? 'hung' : 'jobs')
      await db.close()
    }
  })
})

describe('a follower', () => {
  it('hears of an ingest at its place, or gets an error when it does not ask for it', async () => {
    const vfs = new SimVfs()
    const a = await makeFile(vfs, 'a', { entries: entriesOf('abc') })
    const b = await makeFile(vfs, 'b', { entries: entriesOf('x'), ranges: [{ gte: 'w' }] })
    const db = await openSim(vfs)
    await db.pins.acquire('f')
    await db.put('k', '1')
    const { seqNum } = await db.ingest([b, a])
    await db.put('k', '2')
    const read = async (options: { after?: number; ingested?: boolean }) => {
      const seen: unknown[] = []
      for await (const batch of db.pins.read('f', options)) {
        const ranges = batch.ingested?.map(({ gte, lt, lte, entryCount }) =>
          [textOf(gte), lt === undefined ? '' : textOf(lt), lte === undefined ? '' : textOf(lte), entryCount])
        seen.push([batch.seqNum, ranges ?? batch.operations.length])
      }
      return seen
    }
    const all = [[1, 1], [seqNum, [['a', '', 'c', 3], ['w', '', '', 1]]], [seqNum + 1, 1]]
    assert.deepEqual(await read({ ingested: true }), all)
    await rejects(read({}), 'NOT_SUPPORTED', /number 2/)
    assert.deepEqual(await read({ after: seqNum }), [[3, 1]])
    await db.close()
    const again = await openSim(vfs)
    await again.put('k', '3')
    const later: unknown[] = []
    for await (const { seqNum: each } of again.pins.read('f', { ingested: true })) later.push(each)
    assert.deepEqual(later, [1, 2, 3, 4])
    await again.close()
  })
})
