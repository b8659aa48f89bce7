/** How many syncs a short life takes, and which: docs/design/0030-syncs-of-a-short-life.md. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryVfs } from '../../src/testing.js'
import { Varve } from '../../src/index.js'
import type { VarveOptions } from '../../src/index.js'
import { recordCalls } from '../support/fakes/watched-vfs.js'

const calls: string[] = []

/** What was synced since the last call: kinds of files, and directories. */
function synced(): string {
  const kinds = calls.splice(0).flatMap((call) => {
    const [, name] = /^(?:sync|data(?:Sync)?|syncDir) (.*)$/.exec(call) ?? []
    return name === undefined ? [] : [name === '' ? '/' : name.replace(/^\d+\./, '').replace(/\.tmp.*$/, '')]
  })
  return kinds.join(' ')
}

async function life(vfs: MemoryVfs, options: VarveOptions, isWritten = true): Promise<string[]> {
  const components = { vfs: recordCalls(vfs, calls) }
  const db = await Varve.open('/parent/db', { ...options, components })
  const told = [synced()]
  if (isWritten) await db.put('k', 'v', { sync: true })
  if (isWritten) told.push(synced())
  await db.close()
  told.push(synced())
  return told
}

const OPEN = 'wal manifest db db'

test('a short life syncs what its promises need', async () => {
  const vfs = new MemoryVfs()
  const options: VarveOptions = { compaction: { style: 'none' } }
  assert.deepEqual(await life(vfs, options), [`/ parent ${OPEN}`, 'wal', 'table db manifest'])
  assert.deepEqual(await life(vfs, options), [OPEN, 'wal', 'table db manifest'])
  assert.deepEqual(await life(vfs, options, false), [OPEN, ''])
  // The log is synced already: where it ends goes into the manifest.
  assert.deepEqual(await life(vfs, { ...options, flushOnClose: false }), [OPEN, 'wal', 'manifest'])
})
