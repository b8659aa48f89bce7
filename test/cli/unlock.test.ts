import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, describe, it } from 'node:test'
import { Varve } from '../../src/index.js'
import { varveHere } from '../support/programs/run-program.js'
import type { ProgramResult } from '../support/programs/run-program.js'

const root = mkdtempSync(path.join(tmpdir(), 'varve-unlock-'))
after(() => rmSync(root, { recursive: true, force: true }))

const unlock = (dir: string): Promise<ProgramResult> => varveHere('unlock', dir)

/** Writes the record of a process in another container that left no proof of its death. */
function plantOwner(dir: string): void {
  for (const name of readdirSync(dir)) if (name.startsWith('varve.lock.')) rmSync(path.join(dir, name))
  const { dev, ino } = statSync(dir, { bigint: true })
  writeFileSync(path.join(dir, 'varve.lock.000000000009'), JSON.stringify({
    pid: 77, state: 'held', startTime: '', bootId: 'other', pidNamespace: 'pid:[1]', host: 'db-0', nonce: '1-2',
    since: '2026-01-02T03:04:05.000Z', kernelLock: '', directory: `${dev}:${ino}`,
  }))
}

describe('varve unlock', () => {
  it('opens the way past an owner that cannot be seen, and tells who it was', async () => {
    const dir = path.join(root, 'unseen')
    await (await Varve.open(dir)).close()
    plantOwner(dir)
    await assert.rejects(Varve.open(dir), { code: 'LOCKED', hint: /varve unlock DIR/ })
    const { code, out, error } = await unlock(dir)
    assert.deepEqual([code, error], [0, ''])
    assert.equal(out, `${dir}: process 77 on db-0, which had it since 2026-01-02T03:04:05.000Z, is taken for dead\n`)
    await (await Varve.open(dir)).close()
    assert.deepEqual(await unlock(dir), { code: 0, out: `${dir}: no lock was in the way\n`, error: '' })
  })

  it('refuses while it is open, and does nothing where there is no lock', async () => {
    const dir = path.join(root, 'open')
    const db = await Varve.open(dir)
    const { code, out, error } = await unlock(dir)
    assert.deepEqual([code, out], [1, ''])
    assert.match(error, /^varve: LOCKED: .* is already open in this process/)
    await db.put('k', 'v')
    await db.close()
    const other = mkdtempSync(path.join(root, 'other-'))
    assert.deepEqual(await unlock(other), { code: 0, out: `${other}: no lock was in the way\n`, error: '' })
    assert.deepEqual(readdirSync(other), [])
    assert.match((await unlock(path.join(root, 'none'))).error, /^varve: NOT_FOUND: /)
  })
})
