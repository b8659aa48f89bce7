/** An open that fails, at any of its calls, leaves no descriptor, and no file unless a new manifest may name it. */
import assert from 'node:assert/strict'
import { VarveError } from '../../src/index.js'
import type { OpKind } from '../../src/testing.js'
import { DIR, openOn, Workload } from '../support/model/workload.js'
import { heavyTest } from '../support/harness/share.js'

const KINDS: OpKind[] = ['create', 'write', 'sync', 'link', 'rename', 'syncDir', 'open', 'list']

/** Names that an open left which failed at call `op`; null: it did not fail. */
async function leftBy(op: number, code: string, times: number): Promise<string[] | null> {
  const w = new Workload({ seed: 3 })
  await w.open()
  await w.put('a', 300)
  await w.db.flush()
  await w.put('b', 300)
  const vfs = w.vfs.kill(5)
  const before = vfs.listSync(DIR)
  const fault = vfs.addFault({ kind: KINDS, op: vfs.opCount + op, times, fault: { do: 'error', code } })
  try {
    const db = await openOn(vfs, { settings: w.settings })
    fault.remove()
    await db.close().catch(() => undefined)
    return null
  } catch (error) {
    await vfs.settled()
    fault.remove()
    assert.equal(vfs.openFileCount, 0)
    const left = vfs.listSync(DIR).filter((name) => !before.includes(name))
    const isMoved = left.some((name) => name.startsWith('marker.'))
    const mayCount = isMoved || (VarveError.is(error) && error.code === 'COMMIT_UNKNOWN')
    const db = await openOn(vfs, { settings: w.settings })
    assert.equal([...db.keysSync()].length, 2)
    await db.close()
    return mayCount ? [] : left
  }
}

heavyTest('each call of an open fails, once or from then on: nothing is left', async () => {
  let failed = 0
  for (const [code, times] of [['ENOSPC', 1], ['ENOSPC', Infinity], ['EMFILE', Infinity]] as const) {
    for (let op = 1; op < 60; op++) {
      const left = await leftBy(op, code, times)
      if (left === null) continue
      failed++
      assert.deepEqual(left, [], `call ${op}, ${code}`)
    }
  }
  assert.ok(failed > 60, `${failed}`)
})
