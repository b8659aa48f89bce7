/**
 * What: tables leave by their age while the machine may die after every change of its disk: whatever the next open
 * finds, and in whatever style it opens, is all from some key on to the last that was synced.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimVfs } from '../../src/testing.js'
import { atLeast, Draw } from '../support/harness/share.js'
import { openOn } from '../support/model/workload.js'
import type { Settings } from '../support/model/workload.js'
import { text } from '../support/databases/databases.js'

const KEYS = Array.from({ length: 24 }, (_, i) => `key ${String(i).padStart(2, '0')}`)

interface Image {
  readonly vfs: SimVfs
  /** The keys whose put was synced by then. */
  readonly synced: number
}

async function keysOn(vfs: SimVfs, settings: Settings): Promise<string[]> {
  const db = await openOn(vfs, { settings })
  const keys = [...db.keysSync()].map((key) => text(key)!)
  await db.close()
  return keys
}

for (const manifestSync of [true, false]) {
  test(`COMP-7: power is lost and processes die while tables leave, ${manifestSync ? 'strict' : 'fast'}`, async () => {
    const settings: Settings = { manifestSync, compaction: { style: 'fifo', maxBytes: 20_000 } }
    const draw = new Draw(`fifo ${manifestSync}`)
    const images: Image[] = []
    let synced = 0
    const vfs = new SimVfs({ seed: 3 })
    vfs.onEffect = () => {
      for (const way of ['kill', 'none', 'all', 'reverse'] as const) {
        if (draw.takes()) images.push({ vfs: way === 'kill' ? vfs.cloneKilled(1) : vfs.clone(way, 1), synced })
      }
    }
    const db = await openOn(vfs, { settings })
    for (const [at, key] of KEYS.entries()) {
      await db.put(key, Buffer.alloc(3000, at), { sync: true })
      synced = at + 1
      if (at % 2 === 1) await db.flush()
      await vfs.settled()
    }
    assert.ok(db.stats().compaction.aged > 3)
    vfs.onEffect = null
    assert.ok(images.length >= atLeast(100), String(images.length))
    for (const [at, image] of images.entries()) {
      const other: Settings = at % 2 === 0 ? settings : { ...settings, compaction: { style: 'tiered' } }
      const found = await keysOn(image.vfs, other)
      const last = found.length === 0 ? 0 : KEYS.indexOf(found.at(-1)!) + 1
      assert.ok(last >= image.synced, `${last} of ${image.synced} synced`)
      assert.deepEqual(found, KEYS.slice(last - found.length, last), 'all from some key on')
    }
  })
}
