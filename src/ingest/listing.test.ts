/** How tables become part of a database, beside compactions that are under way. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { resolveOptions } from '../engine/options.js'
import { openEngine } from '../open/open.js'
import type { RunningCompaction } from '../pick/index.js'
import { SimVfs } from '../vfs/sim/sim-vfs.js'
import { loadEntries } from './load.js'

const call = { isSorted: false, abort: null, onProgress: undefined, bytesPerSecond: Infinity }
const LEVELS = 7

async function openOn(vfs: SimVfs) {
  const options = { ...resolveOptions({ writeBufferSize: 64 * 1024, workers: 0 }, 4096), clock: vfs.clock }
  const engine = await openEngine('/db', vfs, options)
  const levelsNow = () => engine.versions.current.levels.map(({ tables }) => tables.length)
  return { engine, reservations: engine.compactor.reservations, levelsNow }
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

/** A compaction that writes the keys from `a` to `m` into the last level. */
const running: RunningCompaction = {
  extent: { lower: bytes('a'), upper: bytes('m'), isUpperInside: true },
  inputs: new Set(), levels: [0], outputLevel: LEVELS - 1, movesValues: false,
}

test('ING-4, COMP-2: tables stay above what a compaction under way writes', async () => {
  const { engine, reservations, levelsNow } = await openOn(new SimVfs())
  const release = reservations.reserve([running])
  await loadEntries(engine, [['b', '1'], ['c', '2']], call)
  assert.deepEqual(levelsNow(), [1, 0, 0, 0, 0, 0, 0])
  await loadEntries(engine, [['x', '1']], call)
  assert.deepEqual(levelsNow(), [1, 0, 0, 0, 0, 0, 1])
  release()
  await engine.close()
})

test('COMP-2: the place of a table is reserved from when it is chosen until the table is listed', async () => {
  const vfs = new SimVfs()
  const { engine, reservations, levelsNow } = await openOn(vfs)
  const seen: number[] = []
  const { versions } = engine
  const append = versions.append.bind(versions)
  versions.append = (edit, tell) => {
    seen.push(...reservations.all.map(({ outputLevel }) => outputLevel))
    return append(edit, tell)
  }
  await loadEntries(engine, [['b', '1'], ['c', '2']], call)
  assert.deepEqual([seen, reservations.all, levelsNow().at(-1)], [[LEVELS - 1], [], 1])
  await engine.close()
})
