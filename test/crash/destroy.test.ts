/** Power is lost while a database is destroyed, and right after. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseFileName } from '../../src/base/index.js'
import { Varve } from '../../src/index.js'
import { SimVfs, survivalPolicies } from '../../src/testing.js'
import { DIR, openOn } from '../support/model/workload.js'

/** Crashes at each change of the disk and in each way: enough for each name to stay alone. */
const SEEDS = 8

async function filled(): Promise<SimVfs> {
  const vfs = new SimVfs({ seed: 1 })
  const db = await openOn(vfs)
  await db.put('a', 'in a table')
  await db.flush()
  await db.put('b', 'in a log')
  await db.close()
  return vfs
}

/** Names of ours but the lock's. */
function dataNames(vfs: SimVfs): string[] {
  if (vfs.statSync(DIR) === null) return []
  return vfs.listSync(DIR).filter((name) => !['lock', undefined].includes(parseFileName(name)?.kind))
}

test('a power loss during destroy leaves what the next destroy finds and removes', async () => {
  const vfs = await filled()
  const crashed: SimVfs[] = []
  vfs.onEffect = (index) => {
    for (const policy of survivalPolicies) {
      for (let seed = 0; seed < SEEDS; seed++) crashed.push(vfs.clone(policy, SEEDS * index + seed))
    }
  }
  await Varve.destroy(DIR, { vfs })
  vfs.onEffect = null
  assert.ok(crashed.length > 5 * SEEDS * survivalPolicies.length)
  for (const machine of crashed) {
    if (dataNames(machine).length === 0) continue
    await Varve.destroy(DIR, { vfs: machine })
    assert.deepEqual(dataNames(machine), [])
  }
})

test('what was destroyed does not come back with a power loss', async () => {
  const vfs = await filled()
  await Varve.destroy(DIR, { vfs })
  for (const policy of survivalPolicies) assert.deepEqual(dataNames(vfs.clone(policy, 1)), [], policy)
})
