/** The demo's proof: it must see every way in which a record could be lost. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, describe, it } from 'node:test'
import { Varve } from '../../api/index.js'
import { MemoryVfs } from '../../vfs/index.js'
import { checkAll, proveAcknowledged } from './check.js'
import { readInput, recordAt, recordCount } from './input.js'
import { load } from './load.js'

const root = mkdtempSync(path.join(tmpdir(), 'varve-demo-check-'))
after(() => rmSync(root, { recursive: true, force: true }))
mkdirSync(path.join(root, 'b/empty'), { recursive: true })
for (let i = 0; i < 50; i++) writeFileSync(path.join(root, i % 2 === 0 ? 'b' : '.', `file ${i}`), 'x'.repeat(i))
symlinkSync('b', path.join(root, 'link'))

const input = await readInput(root)
const COUNT = 80

async function loaded(): Promise<{ db: Varve; acknowledged: Set<number> }> {
  const db = await Varve.open('/db', { workers: 0, components: { vfs: new MemoryVfs() } })
  const acknowledged = new Set<number>()
  await load(db, input, { from: 0, to: COUNT, onAcknowledged: (index) => void acknowledged.add(index) })
  return { db, acknowledged }
}

const keyAt = (index: number) => recordAt(input, index).key

describe('the demo', () => {
  it('takes every file, and says what it skipped', () => {
    assert.equal(input.files.length, 50)
    assert.equal(input.symlinkCount, 1)
    assert.equal(input.bytes, 49 * 25)
    assert.equal(recordCount(input), 50 * 64)
    assert.deepEqual([keyAt(0), keyAt(49), keyAt(50)], ['copy1/b/file 0', 'copy1/file 9', 'copy2/b/file 0'])
  })

  it('is content when all is there', async () => {
    const { db, acknowledged } = await loaded()
    assert.equal(acknowledged.size, COUNT)
    assert.equal(await proveAcknowledged(db, input, acknowledged), COUNT)
    acknowledged.delete(COUNT - 1) // in the log, not acknowledged yet
    assert.equal(await proveAcknowledged(db, input, acknowledged), COUNT)
    await checkAll(db, input, COUNT)
    await db.close()
  })

  it('sees a lost record, a hole, a wrong byte, and a record that nobody wrote', async () => {
    const { db, acknowledged } = await loaded()
    await db.del(keyAt(COUNT - 1))
    await assert.rejects(proveAcknowledged(db, input, acknowledged), /^Error: lost: record 79/)
    await assert.rejects(checkAll(db, input, COUNT), /^Error: 1 records are missing/)
    await db.del(keyAt(40))
    await assert.rejects(proveAcknowledged(db, input, acknowledged), /^Error: a hole: record 40/)
    await db.put(keyAt(40), `${await db.get(keyAt(40)) ?? ''}?`)
    await assert.rejects(proveAcknowledged(db, input, acknowledged), /^Error: wrong content: /)
    await assert.rejects(checkAll(db, input, COUNT - 1), /^Error: wrong content: /)
    await db.del(keyAt(40))
    await db.put('copy1/nobody', '')
    await assert.rejects(checkAll(db, input, COUNT), /^Error: a record that nobody wrote: 'copy1\/nobody'/)
    await db.close()
  })

  it('does not go on when a put fails', async () => {
    const { db } = await loaded()
    await db.close()
    const told: number[] = []
    const failing = load(db, input, { from: 0, to: COUNT, onAcknowledged: (index) => void told.push(index) })
    await assert.rejects(failing, { code: 'CLOSED' })
    assert.deepEqual(told, [])
  })
})
