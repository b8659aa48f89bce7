/** The order of the calls that the manifest writer makes; a failed manifest takes nothing more. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runAsync, runSync, VarveError } from '../base/index.js'
import { FileSystemError, MemoryVfs } from '../vfs/index.js'
import { SimVfs } from '../vfs/testing.js'
import { expectError } from '../../test/support/harness/expect-error.js'
import {
  databaseId, sampleBase, sampleGroups, sampleOptions, sampleTable, sampleVersions,
  writeSampleManifest,
} from '../../test/support/samples/manifest-samples.js'
import { eio, recordCalls, watchedVfs } from '../../test/support/fakes/watched-vfs.js'
import type { WatchedCall } from '../../test/support/fakes/watched-vfs.js'
import { appendGroup, createManifest } from './manifest-log.js'
import { readManifest } from './manifest-reader.js'
import { applyEdits } from './version-builder.js'
import type { VersionEdit } from './version-edit.js'

function newDirectory(): MemoryVfs {
  const vfs = new MemoryVfs()
  vfs.mkdirSync('/db')
  return vfs
}

test('every version comes back, blocking and awaited', async () => {
  const { vfs, log } = writeSampleManifest()
  const contents = runSync(readManifest(vfs, '/db', 7))
  assert.deepEqual(contents.version, sampleVersions().at(-1))
  assert.deepEqual(contents.databaseId, databaseId)
  assert.equal(contents.generation, 3)
  assert.equal(contents.groups, 1 + sampleGroups.length)
  assert.equal(contents.goodBytes, log.bytes)
  assert.equal(contents.tornBytes, 0)
  assert.equal(contents.isClosed, false)
  assert.deepEqual(await runAsync(readManifest(vfs, '/db', 7)), contents)
})

test('the calls, in order: each group is synced before the next is written', async () => {
  const expected = [
    'open create 000007.manifest', 'write 000007.manifest', 'sync 000007.manifest',
    'write 000007.manifest', 'sync 000007.manifest',
    'write 000007.manifest', 'sync 000007.manifest',
    'write 000007.manifest', 'close 000007.manifest', // The mark needs no sync, since nothing depends on it.
  ]
  const calls: string[] = []
  const recorded = recordCalls(newDirectory(), calls)
  const log = runSync(createManifest(recorded, '/db', sampleOptions(), sampleBase))
  runSync(log.append(sampleGroups[0]!))
  runSync(log.appendUnsynced(sampleGroups[1]!))
  runSync(log.sync())
  runSync(log.sync())
  runSync(log.closeClean())
  assert.deepEqual(calls.splice(0), expected)
  const vfs = recordCalls(newDirectory(), calls)
  const awaited = await runAsync(createManifest(vfs, '/db', sampleOptions(), sampleBase))
  await runAsync(awaited.append(sampleGroups[0]!))
  await runAsync(awaited.append(sampleGroups[1]!))
  await runAsync(awaited.closeClean())
  assert.deepEqual(calls, expected)
})

test('a group may be written by another thread: plain data out, the answer back', () => {
  const { vfs, log } = writeSampleManifest()
  const calls: string[] = []
  const group = structuredClone(log.beginGroup([{ logPointer: 16 }]))
  expectError(() => runSync(log.append([{ logPointer: 17 }])), 'INTERNAL')
  const zerosEnd = runSync(appendGroup(recordCalls(vfs, calls), '/db', group))
  assert.deepEqual(calls, [
    'open write 000007.manifest', 'write 000007.manifest', 'sync 000007.manifest', 'close 000007.manifest',
    'open write 000007.manifest', 'write 000007.manifest', 'close 000007.manifest', // zeros, which no sync waits for
  ])
  assert.equal(log.endGroup(group, { ok: true, output: zerosEnd }), null)
  runSync(log.append([{ logPointer: 17 }]))
  assert.equal(runSync(readManifest(vfs, '/db', 7)).version.logPointer, 17)
})

test('a group that another thread could not write ends the manifest', () => {
  const { log } = writeSampleManifest()
  const { bytes } = log
  const group = log.beginGroup([{ logPointer: 16 }])
  const failure = log.endGroup(group, { ok: false, error: new FileSystemError('EIO', 'fsync', '000007.manifest') })
  assert.equal(failure?.code, 'COMMIT_UNKNOWN')
  assert.equal(log.bytes, bytes)
  expectError(() => log.beginGroup([{ logPointer: 17 }]), 'BACKGROUND_ERROR')
})

test('on a full disk groups find their room in the zeros that were written ahead, and more zeros are no must', () => {
  const vfs = new SimVfs({ seed: 1 })
  vfs.mkdirSync('/db')
  const log = runSync(createManifest(vfs, '/db', sampleOptions(), sampleBase))
  const append = (logPointer: number): void => {
    const group = log.beginGroup([{ logPointer }])
    assert.equal(log.endGroup(group, { ok: true, output: runSync(appendGroup(vfs, '/db', group)) }), null)
  }
  let logPointer = sampleBase.logPointer
  for (let i = 0; i < 500; i++) append(++logPointer)
  const { usedBytes } = vfs
  vfs.capacityBytes = usedBytes
  for (let i = 0; i < 80; i++) append(++logPointer)
  assert.equal(vfs.usedBytes, usedBytes)
  const contents = runSync(readManifest(vfs, '/db', 7))
  assert.deepEqual([contents.version.logPointer, contents.tornBytes], [logPointer, 0])
  vfs.capacityBytes = usedBytes + 100_000
  for (let i = 0; i < 200; i++) append(++logPointer)
  assert.ok(vfs.usedBytes > usedBytes, 'zeros are written ahead again')
  assert.equal(runSync(readManifest(vfs, '/db', 7)).version.logPointer, logPointer)
})

test('a manifest is made on a disk without room for zeros', () => {
  const vfs = new SimVfs({ seed: 1 })
  vfs.mkdirSync('/db')
  vfs.capacityBytes = vfs.usedBytes + 2000
  runSync(createManifest(vfs, '/db', sampleOptions(), sampleBase))
  assert.deepEqual(runSync(readManifest(vfs, '/db', 7)).version, sampleBase)
})

test('MAN-10: a second group before the first is synced is a bug', () => {
  const log = runSync(createManifest(newDirectory(), '/db', sampleOptions(), sampleBase))
  runSync(log.appendUnsynced(sampleGroups[0]!))
  expectError(() => runSync(log.append(sampleGroups[1]!)), 'INTERNAL')
})

test('two appends at a time are a bug', async () => {
  const log = runSync(createManifest(newDirectory(), '/db', sampleOptions(), sampleBase))
  const first = runAsync(log.append(sampleGroups[0]!))
  expectError(() => runSync(log.append(sampleGroups[1]!)), 'INTERNAL')
  await first
  runSync(log.append(sampleGroups[1]!))
})

test('short writes are completed', () => {
  const vfs = newDirectory()
  const create = vfs.openSync.bind(vfs)
  vfs.openSync = (path, mode) => {
    const file = create(path, mode)
    const write = file.writeSync.bind(file)
    file.writeSync = (source, at, length, position) =>
      write(source, at, Math.min(7, length), position)
    return file
  }
  const log = runSync(createManifest(vfs, '/db', sampleOptions(), sampleBase))
  for (const group of sampleGroups) runSync(log.append(group))
  assert.deepEqual(runSync(readManifest(vfs, '/db', 7)).version, sampleVersions().at(-1))
})

test('a number that is taken is never overwritten', () => {
  const vfs = newDirectory()
  vfs.openSync('/db/000007.manifest', 'create').closeSync()
  const error = expectError(() => {
    runSync(createManifest(vfs, '/db', sampleOptions(), sampleBase))
  }, 'IO_ERROR')
  assert.equal((error.cause as FileSystemError).code, 'EEXIST')
  assert.equal(vfs.statSync('/db/000007.manifest')!.size, 0)
})

test('a manifest that could not be created is removed, and the error says it was not done', () => {
  for (const failed of ['open create', 'write', 'sync']) {
    const calls: string[] = []
    const vfs = recordCalls(watchedVfs(newDirectory(), {
      before: (call) => {
        if (call.name === failed) throw new FileSystemError('ENOSPC', call.name, call.file)
      },
    }), calls)
    expectError(() => {
      runSync(createManifest(vfs, '/db', sampleOptions(), sampleBase))
    }, 'NO_SPACE')
    const last = failed === 'open create' ? [failed] : ['close', 'unlink']
    assert.deepEqual(calls.slice(-last.length), last.map((name) => `${name} 000007.manifest`))
  }
})

for (const failed of ['write', 'sync']) {
  for (const when of ['before', 'after'] as const) {
    test(`MAN-11: a failed ${failed} (error ${when} its effect) ends the manifest`, () => {
      let isFailing = false
      const calls: string[] = []
      const fail = (call: WatchedCall) => {
        if (isFailing && call.name === failed) throw eio(call)
      }
      const memory = newDirectory()
      const vfs = recordCalls(watchedVfs(memory, { [when]: fail }), calls)
      const log = runSync(createManifest(vfs, '/db', sampleOptions(), sampleBase))
      isFailing = true
      const first = expectError(() => runSync(log.append(sampleGroups[0]!)), 'COMMIT_UNKNOWN')
      assert.equal(first.file, '000007.manifest')
      assert.equal(log.failure, first)
      isFailing = false
      calls.length = 0
      for (const steps of [
        () => log.append(sampleGroups[0]!),
        () => log.appendUnsynced(sampleGroups[0]!),
        () => log.sync(),
      ]) {
        const later = expectError(() => runSync(steps()), 'BACKGROUND_ERROR')
        assert.equal(later.cause, first)
      }
      runSync(log.closeClean())
      runSync(log.close())
      assert.deepEqual(calls, ['close 000007.manifest'], 'a failed file only sees close')
      const { version } = runSync(readManifest(memory, '/db', 7))
      const index = failed === 'write' && when === 'before' ? 0 : 1
      assert.deepEqual(version, sampleVersions()[index])
    })
  }
}

test('an edit without a right encoding is refused before anything is written', () => {
  const { vfs, log } = writeSampleManifest()
  const bytes = log.bytes
  const bad: VersionEdit[] = [
    { settings: 'x'.repeat(2 ** 20 + 1) },
    { removePins: ['p'.repeat(256)] },
    { addTables: [{ level: 64, facts: sampleTable(30) }] },
    { addTables: [{ level: 0, facts: sampleTable(30, 'a-b', { salt: new Uint8Array(7) }) }] },
    { removeValueLogs: [3, 3] },
  ]
  for (const edit of bad) expectError(() => runSync(log.append([edit])), 'INTERNAL')
  assert.equal(vfs.statSync('/db/000007.manifest')!.size, bytes)
  assert.equal(log.failure, null)
  runSync(log.append([{ logPointer: 16 }]))
})

test('a closed manifest takes nothing more, and says that it was closed', () => {
  const { vfs, log } = writeSampleManifest()
  const { bytes } = log
  runSync(log.closeClean())
  runSync(log.closeClean())
  expectError(() => runSync(log.append(sampleGroups[0]!)), 'INTERNAL')
  const contents = runSync(readManifest(vfs, '/db', 7))
  assert.equal(contents.isClosed, true)
  assert.equal(contents.goodBytes, bytes + 40)
  assert.deepEqual(contents.version, sampleVersions().at(-1))
})

test('last words stand before the mark: torn they are no loss, and what was synced is closed all the same', () => {
  const { vfs, log } = writeSampleManifest()
  const { bytes } = log
  const last = sampleVersions().at(-1)!
  runSync(log.closeClean({ flushStats: 'last words' }))
  const { version, isClosed } = runSync(readManifest(vfs, '/db', 7))
  assert.deepEqual([version, isClosed], [{ ...last, flushStats: 'last words' }, true])
  const file = vfs.openSync('/db/000007.manifest', 'write')
  const end = file.sizeSync()
  file.writeSync(new Uint8Array([0xff]), 0, 1, bytes + 41)
  const torn = runSync(readManifest(vfs, '/db', 7))
  assert.deepEqual([torn.version, torn.goodBytes, torn.tornBytes], [last, bytes, end - bytes])
  file.writeSync(new Uint8Array([0xff]), 0, 1, bytes - 20)
  expectError(() => runSync(readManifest(vfs, '/db', 7)), 'CORRUPTION')
})

test('a clean close syncs a group that waits for it', () => {
  const vfs = newDirectory()
  const log = runSync(createManifest(vfs, '/db', sampleOptions(), sampleBase))
  runSync(log.appendUnsynced(sampleGroups[0]!))
  runSync(log.closeClean())
  assert.deepEqual(runSync(readManifest(vfs, '/db', 7)).version, sampleVersions()[1])
})

test('a manifest says when it is long', () => {
  const log = runSync(createManifest(newDirectory(), '/db', sampleOptions(), sampleBase))
  const settings = 'x'.repeat(1024 * 1024)
  for (let i = 0; i < 4; i++) {
    assert.equal(log.isLong, false)
    runSync(log.append([{ settings }]))
  }
  assert.equal(log.isLong, true)
})

test('a version of ten thousand tables goes through a file', () => {
  const tables = Array.from({ length: 10_000 }, (_, i) => {
    const key = String(i).padStart(5, '0')
    return { level: 6, facts: sampleTable(i + 20, `${key}-${key}~`) }
  })
  const version = applyEdits(sampleBase, [{ addTables: tables }])
  const vfs = newDirectory()
  const log = runSync(createManifest(vfs, '/db', sampleOptions(), version))
  assert.deepEqual(runSync(readManifest(vfs, '/db', 7)).version, version)
  assert.ok(log.bytes < 2.5 * 2 ** 20)
  assert.ok(!VarveError.is(log.failure))
})
