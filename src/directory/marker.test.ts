/** The marker moves safely when any call fails, before or after it takes effect. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runAsync, runSync, VarveError } from '../base/index.js'
import { MemoryVfs } from '../vfs/index.js'
import type { Vfs } from '../vfs/index.js'
import { expectError } from '../../test/support/harness/expect-error.js'
import {
  sampleBase, sampleGroups, sampleOptions, sampleVersions,
} from '../../test/support/samples/manifest-samples.js'
import { eio, recordCalls, watchedVfs } from '../../test/support/fakes/watched-vfs.js'
import { applyEdits, createManifest, readManifest } from '../manifest/index.js'
import { holdsData, moveMarker, readMarker } from './marker.js'

/** Makes a directory whose marker names manifest 7, with manifest 9 written and synced. */
function movableDirectory(): MemoryVfs {
  const vfs = new MemoryVfs()
  vfs.mkdirSync('/db')
  runSync(createManifest(vfs, '/db', sampleOptions(7), sampleBase))
  runSync(moveMarker(vfs, '/db', 7))
  const next = applyEdits(sampleBase, sampleGroups[0]!)
  runSync(createManifest(vfs, '/db', sampleOptions(9), next))
  return vfs
}

function markersIn(vfs: Vfs): string[] {
  return vfs.listSync('/db').filter((name) => name.startsWith('marker'))
}

test('the highest iteration wins, whatever the order of the names', () => {
  const names = ['marker.000009.000040', 'marker.000010.000011', '000003.wal', 'marker.1.2']
  assert.deepEqual(readMarker(names), { iteration: 10, manifest: 11 })
  assert.deepEqual(readMarker(names.reverse()), { iteration: 10, manifest: 11 })
  assert.equal(readMarker(['000003.wal', 'CURRENT', 'marker.000001.000002~']), null)
})

test('names that tell of data', () => {
  assert.equal(holdsData([]), false)
  assert.equal(holdsData(['varve.lock', 'varve.lock.000000000001', '000001.manifest', 'x.wal', '000002.log']), false)
  for (const name of ['000002.wal', '000002.table', '000002.vlog', '000002.table.tmp.1.2']) {
    assert.equal(holdsData(['000001.manifest', name]), true, name)
  }
})

test('MAN-12: the calls of a move, in order', async () => {
  const calls: string[] = []
  const vfs = recordCalls(movableDirectory(), calls)
  assert.deepEqual(runSync(moveMarker(vfs, '/db', 9)), { iteration: 2, manifest: 9 })
  const expected = [
    'syncDir db', 'list db', 'open create marker.000002.000009',
    'close marker.000002.000009', 'syncDir db', 'list db', 'unlink marker.000001.000007',
  ]
  assert.deepEqual(calls, expected)
  calls.length = 0
  assert.deepEqual(await runAsync(moveMarker(vfs, '/db', 11)), { iteration: 3, manifest: 11 })
  assert.equal(calls.length, expected.length)
  assert.deepEqual(markersIn(vfs), ['marker.000003.000011'])
})

/** Reads what a reopen would find. */
function reopen(vfs: MemoryVfs): number {
  const marker = readMarker(vfs.listSync('/db'))
  assert.ok(marker !== null, 'there is always a marker')
  const { version } = runSync(readManifest(vfs, '/db', marker.manifest))
  assert.deepEqual(version, sampleVersions()[marker.manifest === 7 ? 0 : 1])
  return marker.manifest
}

/** Stands for the end of the process: nothing in Varve catches it. */
class Crash extends Error {}

test('a crash at every call of a move leaves the old manifest or the new one', () => {
  for (const when of ['before', 'after'] as const) {
    const found: number[] = []
    for (let at = 0; at < 8; at++) {
      const memory = movableDirectory()
      let count = 0
      const crash = () => {
        if (count++ >= at) throw new Crash()
      }
      try {
        runSync(moveMarker(watchedVfs(memory, { [when]: crash }), '/db', 9))
        assert.ok(at >= 5, 'only what follows the last sync may be cut off unnoticed')
      } catch (error) {
        if (!(error instanceof Crash) && !VarveError.is(error)) throw error
      }
      found.push(reopen(memory))
      runSync(moveMarker(memory, '/db', 9))
      assert.equal(reopen(memory), 9)
    }
    assert.deepEqual(found, when === 'before' ? [7, 7, 7, 9, 9, 9, 9, 9] : [7, 7, 9, 9, 9, 9, 9, 9])
  }
})

interface Failure {
  call: string
  /** The index of the call among calls of that name, from 0. */
  nth: number
  when: 'before' | 'after'
  result: 'IO_ERROR' | 'COMMIT_UNKNOWN' | 'moved'
}

const failures: Failure[] = [
  { call: 'syncDir', nth: 0, when: 'before', result: 'COMMIT_UNKNOWN' },
  { call: 'list', nth: 0, when: 'before', result: 'IO_ERROR' },
  { call: 'open create', nth: 0, when: 'before', result: 'IO_ERROR' },
  { call: 'open create', nth: 0, when: 'after', result: 'moved' },
  { call: 'syncDir', nth: 1, when: 'before', result: 'COMMIT_UNKNOWN' },
  { call: 'syncDir', nth: 1, when: 'after', result: 'COMMIT_UNKNOWN' },
  { call: 'close', nth: 0, when: 'after', result: 'moved' },
  { call: 'list', nth: 1, when: 'before', result: 'moved' },
  { call: 'unlink', nth: 0, when: 'before', result: 'moved' },
  { call: 'unlink', nth: 0, when: 'after', result: 'moved' },
]
for (const { call: name, nth, when, result } of failures) {
  test(`M08: ${name} ${nth} fails ${when} its effect: ${result}`, () => {
    const memory = movableDirectory()
    let count = 0
    const vfs = watchedVfs(memory, {
      [when]: (call: { name: string, file: string }) => {
        if (call.name === name && count++ === nth) throw eio(call)
      },
    })
    if (result === 'moved') {
      assert.deepEqual(runSync(moveMarker(vfs, '/db', 9)), { iteration: 2, manifest: 9 })
      assert.equal(reopen(memory), 9)
    } else {
      expectError(() => runSync(moveMarker(vfs, '/db', 9)), result)
      const found = reopen(memory)
      if (result === 'IO_ERROR') assert.equal(found, 7)
      assert.ok(memory.statSync('/db/000007.manifest') !== null, 'nothing is removed in doubt')
      assert.ok(memory.listSync('/db').includes('marker.000001.000007'))
    }
  })
}

test('older markers that stay behind change nothing and go with the next move', () => {
  const memory = movableDirectory()
  const stuck = watchedVfs(memory, {
    before: (call) => {
      if (call.name === 'unlink') throw eio(call)
    },
  })
  runSync(moveMarker(stuck, '/db', 9))
  assert.equal(reopen(memory), 9)
  assert.equal(markersIn(memory).length, 2)
  runSync(moveMarker(memory, '/db', 9))
  assert.deepEqual(markersIn(memory), ['marker.000003.000009'])
})
