/** Schedules in which views that follow a writer have gone wrong elsewhere, and directories that become others. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { manifestFileName, parseFileName, runSync, SeededRandom } from '../../src/base/index.js'
import { moveMarker, readMarker } from '../../src/directory/index.js'
import { readManifest } from '../../src/manifest/index.js'
import { MemoryVfs, SimVfs } from '../../src/testing.js'
import { writeManifest } from '../../src/versions/manifest-roll.js'
import { text } from '../support/databases/databases.js'
import { append, DIR, logsIn, pair, sameAsFresh, viewOn, writerOn } from '../support/databases/followed-pair.js'
import { takeImage } from '../support/databases/vfs-image.js'
import { recordCalls, watchedVfs } from '../support/fakes/watched-vfs.js'
import type { WatchedCall } from '../support/fakes/watched-vfs.js'
import { keepProcess } from '../support/harness/keep-process.js'
import { SwitchedVfs } from '../support/model/followed-life.js'

keepProcess()

describe('schedules', () => {
  it('F1: a flush moved what a memtable had, again after a reopen: the newest version answers', async () => {
    const { vfs, writer, view } = await pair()
    await writer.put('k', '1')
    await view.refresh()
    await writer.put('k', '2')
    await writer.flush()
    await view.refresh()
    assert.equal(text(view.getSync('k')), '2')
    await writer.close()
    const again = await writerOn(vfs)
    await again.put('k', '3')
    await view.refresh()
    await again.flush()
    await again.put('k', '4')
    await view.refresh()
    assert.deepEqual(await sameAsFresh(view, vfs), ['k=4'])
    await again.close()
    await view.close()
  })

  it('F2: the manifest is another one, twice, between two refreshes', async () => {
    const { vfs, writer, view } = await pair()
    await writer.put('a', '1')
    await view.refresh()
    let last = writer
    for (let i = 0; i < 2; i++) {
      await last.close()
      last = await writerOn(vfs)
      await last.put(`b${i}`, 'x')
      await last.flush()
      await last.put(`c${i}`, 'x')
    }
    await view.refresh()
    assert.equal((await sameAsFresh(view, vfs)).length, 5)
    await last.close()
    await view.close()
  })

  it('F3: a log that is newer than the manifest as it was read', async () => {
    const vfs = new MemoryVfs()
    const writer = await writerOn(vfs)
    await writer.put('a', '1')
    let count = 0
    const after = ({ name, file }: WatchedCall): void => {
      if (name !== 'read' || parseFileName(file)?.kind !== 'manifest' || count > 40) return
      for (let i = 0; i < 30; i++) writer.putSync(`n${count++}`, 'x'.repeat(5000))
    }
    const view = await viewOn(watchedVfs(vfs, { after }))
    const seen = view.stats().database.visibleSeq
    assert.ok((await view.refresh()).seqNum >= seen)
    while ((await view.refresh()).seqNum < count + 1) await writer.flush()
    await sameAsFresh(view, vfs)
    await writer.close()
    await view.close()
  })

  it('F4, VIEW-3: a manifest or a table that is listed is gone: told after two readings', async () => {
    for (const kind of ['manifest', 'table'] as const) {
      const calls: string[] = []
      const { vfs, writer, view } = await pair({}, (inner) => recordCalls(inner, calls))
      await writer.put('a', '1')
      await view.refresh()
      await writer.flush()
      await writer.close()
      const again = await writerOn(vfs)
      await again.close()
      const names = vfs.listSync(DIR)
      const gone = kind === 'table'
        ? names.find((name) => name.endsWith('.table'))!
        : manifestFileName(readMarker(names)!.manifest)
      vfs.unlinkSync(`${DIR}/${gone}`)
      calls.length = 0
      await assert.rejects(view.refresh(), { code: 'MISSING_FILE', file: gone })
      assert.ok(calls.filter((call) => call.startsWith('list')).length <= 3, 'bounded')
      assert.equal(text(view.getSync('a')), '1')
      await view.close()
    }
  })

  it('F5: several views beside a writer that never rests, each at its own pace, see the same in the end', async () => {
    const { vfs, writer, view } = await pair()
    const views = [view, await viewOn(vfs), await viewOn(vfs)]
    const last = [0, 0, 0]
    for (let i = 0; i < 120; i++) {
      await writer.put(`${i % 31}`, 'x'.repeat(i * 37 % 5000))
      for (const [n, each] of views.entries()) {
        if (i % (2 * n + 1) !== 0) continue
        const { seqNum } = await each.refresh()
        assert.ok(seqNum >= Math.max(i + 1, last[n]!))
        last[n] = seqNum
        assert.equal(each.getSync(`${i % 31}`)!.length, i * 37 % 5000)
      }
    }
    for (const each of views) {
      await each.refresh()
      await sameAsFresh(each, vfs)
      await each.close()
    }
    await writer.close()
  })

  it('F6: frames that were shown are void for the log that follows: that memtable is made anew', async () => {
    for (const isCut of [true, false]) {
      const sim = new SimVfs({})
      const seen = new SwitchedVfs(sim)
      const before = ({ name }: WatchedCall): void => {
        if (name === 'truncate') seen.machine = sim.cloneKilled(1)
      }
      const writer = await writerOn(watchedVfs(sim, { before }))
      await writer.put('a', '1')
      const view = await viewOn(seen.vfs)
      await view.refresh()
      // The frame gets to the file, but the call says that it failed: the writer cuts it off.
      sim.addFault({ kind: 'write', fileClass: 'log', fault: { do: 'error', code: 'EIO', when: 'after' } })
      await assert.rejects(writer.put('void', 'x'))
      assert.notEqual(seen.machine, sim)
      const { seqNum } = await view.refresh()
      assert.equal(text(view.getSync('void')), 'x', 'shown: nobody can tell yet')
      const snapshot = view.snapshot()
      if (isCut) {
        seen.machine = sim
        await assert.rejects(view.refresh(), { code: 'SNAPSHOT_GONE' }, 'until the next log says what was given out')
      } else uncut(sim, seen.machine)
      seen.machine = sim
      await writer.resume()
      await writer.put('b', '2')
      assert.ok((await view.refresh()).seqNum >= seqNum)
      assert.deepEqual(await sameAsFresh(view, sim), ['a=1', 'b=2'])
      assert.equal(text(view.getSync('void', { snapshot })), 'x', 'a snapshot sees what it saw')
      await view.close()
      await writer.close()
    }
  })

  it('F6, VIEW-2: a power loss cut what was shown: the view is refused, and stays as it was, also later', async () => {
    for (const hasGoneOn of [false, true]) {
      const disk = new SwitchedVfs(new SimVfs({}))
      const first = await writerOn(disk.machine, { syncIntervalMs: 60_000 })
      await first.put('a', '1', { sync: true })
      for (let i = 0; i < 5; i++) await first.put(`b${i}`, 'lost')
      const view = await viewOn(disk.vfs)
      await view.refresh()
      disk.machine = disk.machine.clone('none', 1)
      if (hasGoneOn) {
        const writer = await writerOn(disk.machine)
        for (let i = 0; i < 9; i++) await writer.put(`c${i}`, 'other')
      }
      for (let i = 0; i < 2; i++) await assert.rejects(view.refresh(), { code: 'SNAPSHOT_GONE' })
      assert.equal(text(view.getSync('b3')), 'lost')
      assert.equal([...view.keysSync()].length, 6)
      await view.close()
    }
  })

  it('VIEW-2: another database, an older copy, or one of another lineage takes its place', async () => {
    for (const what of ['other', 'older', 'lineage', 'none'] as const) {
      const { vfs, writer, view } = await pair()
      await writer.put('a', '1')
      await writer.flush()
      const older = takeImage(vfs, DIR)
      await writer.put('b', '2')
      await writer.flush()
      await view.refresh()
      await writer.close()
      const names = (): string[] => vfs.listSync(DIR)
      if (what === 'lineage') giveLineage(vfs)
      else for (const name of names()) vfs.unlinkSync(`${DIR}/${name}`)
      if (what === 'other') {
        const other = await writerOn(vfs)
        for (let i = 0; i < 9; i++) await other.put(`${i}`, 'other')
        await other.close()
      }
      if (what === 'older') for (const [name, bytes] of older) place(vfs, name, bytes)
      await assert.rejects(view.refresh(), { code: what === 'none' ? 'NOT_FOUND' : 'SNAPSHOT_GONE' }, what)
      assert.deepEqual([...view.entriesSync()].map(([key]) => text(key)), ['a', 'b'])
      await view.close()
    }
  })
})

/** The newest log gets back what was cut off, as if the cut had not come to the disk. */
function uncut(sim: SimVfs, before: SimVfs): void {
  const log = sim.listSync(DIR).filter((name) => name.endsWith('.wal')).sort()
    .find((name) => sim.statSync(`${DIR}/${name}`)!.size < before.statSync(`${DIR}/${name}`)!.size)!
  const file = before.openSync(`${DIR}/${log}`, 'read')
  const bytes = new Uint8Array(file.sizeSync())
  file.readSync(bytes, 0, bytes.length, 0)
  file.closeSync()
  const { size } = sim.statSync(`${DIR}/${log}`)!
  append(sim, log, bytes.subarray(size), size)
}

function place(vfs: MemoryVfs, name: string, bytes: Uint8Array): void {
  const file = vfs.openSync(`${DIR}/${name}`, 'create')
  file.writeSync(bytes, 0, bytes.length, 0)
  file.closeSync()
}

/** Makes the closed database a copy that goes its own way. */
function giveLineage(vfs: MemoryVfs): void {
  const random = new SeededRandom(1, 'lineage')
  const { manifest } = readMarker(vfs.listSync(DIR))!
  const { version, databaseId, generation } = runSync(readManifest(vfs, DIR, manifest))
  const lineage = { own: 12345, parent: version.lineage.own, partedSeqNum: version.lastSeqNum }
  const logPointer = version.nextFileNum + 1
  const copy = { ...version, lineage, logPointer, nextFileNum: logPointer + 1, logs: new Map() }
  for (const name of logsIn(vfs)) vfs.unlinkSync(`${DIR}/${name}`)
  const origin = { databaseId, generation, lineage: lineage.own, random }
  runSync(runSync(writeManifest({ ...origin, vfs, dir: DIR }, version.nextFileNum, copy)).closeClean())
  if (readMarker(vfs.listSync(DIR))!.manifest === manifest) runSync(moveMarker(vfs, DIR, version.nextFileNum))
}
