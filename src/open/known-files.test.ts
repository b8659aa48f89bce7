/** What a reader knows of files from the reading before, where the next one says that less of it is history. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { drawHashSeed, frameBytes, getU32, runSync, SeededRandom } from '../base/index.js'
import { writeHow } from '../commit/index.js'
import { resolveOptions } from '../engine/options.js'
import { SlabPool } from '../slab/index.js'
import { SimVfs } from '../vfs/sim/sim-vfs.js'
import { FIRST_BATCH_OFFSET } from '../wal/log-format.js'
import { FilesRead } from './known-files.js'
import { openEngine } from './open.js'

const DIR = '/db'

test('VIEW-1: a memtable with frames that are void for the log is made anew, and stays for its readers', async () => {
  const vfs = new SimVfs()
  const options = { ...resolveOptions({ writeBufferSize: 64 * 1024, workers: 0 }, 4096), clock: vfs.clock }
  const engine = await openEngine(DIR, vfs, options)
  for (const key of ['a', 'b', 'c']) engine.pipeline.writeOneSync(1, key, `of ${key}`, writeHow(false))
  const { writeBufferSize: roomBytes } = options
  const { log: { fileNum } } = engine.pipeline.current
  const giveWay = function* (): Generator<never> { yield* [] }
  const known = new FilesRead({ vfs, dir: DIR, pool: new SlabPool(roomBytes, 1), roomBytes, giveWay })
  const logs = known.logsOf(engine.setup.origin.databaseId)
  const scan = runSync(logs.scan(fileNum))
  const seed = drawHashSeed(new SeededRandom(1, 'seed'))
  const shown = runSync(logs.memtable(scan, seed))
  assert.equal(shown.entryCount, 3)
  assert.equal(runSync(logs.memtable(scan, seed)), shown, 'nothing is made where nothing has changed')
  let goodEnd = scan.goodEnd
  for (let at = FIRST_BATCH_OFFSET; at < scan.goodEnd; at += frameBytes(getU32(scan.bytes, at + 4))) goodEnd = at
  const anew = runSync(logs.memtable({ ...scan, goodEnd }, seed))
  assert.deepEqual([anew.entryCount, shown.entryCount], [2, 3])
  for (const memtable of [shown, shown, anew]) memtable.release()
  known.forget()
  await engine.close()
})
