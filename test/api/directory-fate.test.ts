/**
 * The directory of an open database is removed, moved or replaced. Whoever has it next is not touched, and what was
 * moved stays whole.
 */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { Varve, VarveError } from '../../src/index.js'
import type { VarveOptions } from '../../src/index.js'
import { NodeVfs } from '../../src/vfs/index.js'

function root(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'varve-fate-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

async function fill(db: Varve, name: string): Promise<void> {
  for (let i = 0; i < 50; i++) await db.put(`${name}${i}`, 'x'.repeat(100), { sync: i % 25 === 0 })
}

async function keysOf(dir: string): Promise<number> {
  const db = await Varve.open(dir, { createIfMissing: false })
  try {
    return [...db.keysSync()].length
  } finally {
    await db.close()
  }
}

/** Whether the loss was found before the call or by it. */
function tellsLoss(error: unknown): boolean {
  const told = VarveError.is(error) && error.code === 'BACKGROUND_ERROR' ? error.cause : error
  return VarveError.is(told) && told.code === 'LOCKED'
}

const hasPlaces = existsSync('/proc/self/fd')
/** Small parts, so that every step of a life happens. */
const small: VarveOptions = { writeBufferSize: 65536, syncIntervalMs: 5 }

for (const workers of [0, 1]) {
  for (const way of hasPlaces ? ['descriptor', 'path'] : ['path']) {
    const options = (): VarveOptions => {
      return { ...small, workers, components: { vfs: new NodeVfs({ usePlace: way === 'descriptor' }) } }
    }

    test(`removed, and made anew by another: by ${way}, ${workers} workers`, async (t) => {
      const dir = join(root(t), 'db')
      const a = await Varve.open(dir, options())
      await fill(a, 'a')
      rmSync(dir, { recursive: true })
      const b = await Varve.open(dir, options())
      await fill(b, 'b')
      await assert.rejects(a.flush(), tellsLoss)
      assert.equal(a.stats().database.state, 'FAILED')
      await fill(b, 'c')
      await a.close().catch(() => undefined)
      await b.close()
      assert.equal(await keysOf(dir), 100)
    })

    test(`moved, and made anew by another: by ${way}, ${workers} workers`, async (t) => {
      const dir = join(root(t), 'db')
      const a = await Varve.open(dir, options())
      await fill(a, 'a')
      renameSync(dir, dir + '.moved')
      const b = await Varve.open(dir, options())
      await fill(b, 'b')
      if (way === 'descriptor') {
        await a.flush()
        await fill(a, 'c')
        await a.close()
      } else {
        await assert.rejects(a.flush(), tellsLoss)
        await a.close().catch(() => undefined)
      }
      await b.close()
      assert.equal(await keysOf(dir), 50)
      assert.equal(await keysOf(dir + '.moved'), way === 'descriptor' ? 100 : 50)
    })
  }
}
