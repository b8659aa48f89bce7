/**
 * The names of the directories above the files: whoever made them, and was killed before they were
 * durable, a write with sync that is acknowledged later does not rest on them.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from '../../src/base/index.js'
import { Varve } from '../../src/index.js'
import { SimVfs } from '../../src/testing.js'
import { Draw } from '../support/harness/share.js'

const DIR = '/a/b/db'

function open(vfs: SimVfs, createIfMissing = true): Promise<Varve> {
  const components = { vfs, clock: vfs.clock, random: new SeededRandom(1) }
  return Varve.open(DIR, { workers: 0, writeBufferSize: 64 * 1024, createIfMissing, components })
}

/** A machine for each change of the disk that an open on this one makes, killed right after it. */
async function killedOpens(vfs: SimVfs): Promise<SimVfs[]> {
  const killed: SimVfs[] = []
  vfs.onEffect = () => killed.push(vfs.cloneKilled(1))
  await open(vfs)
  vfs.onEffect = null
  return killed
}

async function checkSyncedWrite(vfs: SimVfs, where: string): Promise<void> {
  const db = await open(vfs)
  await db.put('k', 'v', { sync: true })
  const fail = (error: Error) => assert.fail(`${where}: ${error.message}`)
  const after = await open(vfs.crash('none', 1), false).catch(fail)
  assert.equal(Buffer.from(after.getSync('k')!).toString(), 'v', where)
}

test('an open that was killed at any moment leaves no name behind that the next one takes for durable', async () => {
  const first = await killedOpens(new SimVfs())
  const deeper = new Draw('killed three times')
  assert.ok(first.length > 12)
  for (const [i, machine] of first.entries()) {
    await checkSyncedWrite(machine.cloneKilled(1), `killed after change ${i + 1}`)
    // The names of three directories, each made by another process.
    for (const [k, again] of (await killedOpens(machine)).slice(0, 8).entries()) {
      await checkSyncedWrite(again.cloneKilled(1), `killed after changes ${i + 1} and ${k + 1}`)
      if (!deeper.takes()) continue
      for (const third of (await killedOpens(again)).slice(0, 5)) await checkSyncedWrite(third, 'killed three times')
    }
  }
})

test('a directory of the user is no different, and one whose parent may not be read is accepted', async () => {
  const vfs = new SimVfs()
  for (const path of ['/a', '/a/b', DIR]) vfs.mkdirSync(path)
  vfs.syncDirSync('/')
  vfs.syncDirSync('/a')
  await checkSyncedWrite(vfs, 'made by the user')

  for (const code of ['EACCES', 'EPERM', 'ERR_ACCESS_DENIED']) {
    const closed = new SimVfs()
    for (const path of ['/a', '/a/b', DIR]) closed.mkdirSync(path)
    closed.addFault({ kind: 'syncDir', path: '/a/b', fault: { do: 'error', code }, times: Infinity })
    await (await open(closed)).close()
  }
  const failing = new SimVfs()
  for (const path of ['/a', '/a/b', DIR]) failing.mkdirSync(path)
  failing.addFault({ kind: 'syncDir', path: '/a/b', fault: { do: 'error', code: 'EIO' } })
  await assert.rejects(open(failing), { code: 'IO_ERROR' })
})

test('where a database is, opening it does not touch the parent', async () => {
  const vfs = new SimVfs()
  await (await open(vfs)).close()
  vfs.onEffect = (_, text) => assert.doesNotMatch(text, /^syncDir \/a\/b$/)
  await (await open(vfs)).close()
})
