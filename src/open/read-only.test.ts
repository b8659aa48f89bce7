/**
 * Opening read-only beside a writer that goes on in the middle of it: whatever step it falls between, the
 * reader sees one whole state, at least as new as when it began, and takes no race for damage.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { keepProcess } from '../../test/support/harness/keep-process.js'
import type { Engine } from '../engine/engine.js'
import { rotateIfUsed } from '../engine/flush-all.js'
import { resolveOptions } from '../engine/options.js'
import { PointReader } from '../read/point-read.js'
import { momentAt } from '../read/read-anew.js'
import { MemoryVfs } from '../vfs/index.js'
import type { Vfs } from '../vfs/index.js'
import { openEngine } from './open.js'
import { openReadOnly } from './read-only.js'
import { writeHow } from '../commit/index.js'

keepProcess()

const options = resolveOptions({ writeBufferSize: 64 * 1024, workers: 0 }, 4096)

/** Makes a `vfs` for a reader in which `between` runs before the nth open or list. */
function interrupted(vfs: Vfs, nth: number, between: () => Promise<void>): { vfs: Vfs; hasRun: () => boolean } {
  let calls = 0
  const step = async () => {
    if (++calls === nth) await between()
  }
  const reader = Object.create(vfs) as Vfs
  reader.open = async (path, mode) => {
    await step()
    return vfs.open(path, mode)
  }
  reader.list = async (path) => {
    await step()
    return vfs.list(path)
  }
  return { vfs: reader, hasRun: () => calls >= nth }
}

function write(engine: Engine, key: number): void {
  engine.pipeline.writeOneSync(1, `key ${key}`, 'v', writeHow(false))
}

type GoOn = (engine: Engine, key: () => number, vfs: Vfs) => Promise<void>

async function readBeside(nth: number, goOn: GoOn): Promise<boolean> {
  const vfs = new MemoryVfs()
  const engine = await openEngine('/db', vfs, options)
  let count = 0
  const key = () => count++
  write(engine, key())
  await engine.flush()
  write(engine, key())
  const countBefore = count
  const reader = interrupted(vfs, nth, () => goOn(engine, key, vfs))
  const view = await openReadOnly('/db', reader.vfs, options)
  assert.ok(view.visibleSeqNum >= countBefore, `${view.visibleSeqNum} entries of ${countBefore}`)
  const reads = new PointReader()
  for (let i = 0; i < view.visibleSeqNum; i++) {
    assert.ok(reads.has(momentAt(view, null), `key ${i}`), `key ${i} of ${view.visibleSeqNum}`)
  }
  await view.close()
  await engine.close()
  return reader.hasRun()
}

/** A few more than the calls of one undisturbed open. */
const STEPS = 10

describe('openReadOnly beside a writer', () => {
  it('that flushes in between', async () => {
    let hits = 0
    for (let nth = 1; nth <= STEPS; nth++) {
      const hasRun = await readBeside(nth, async (engine, key) => {
        write(engine, key())
        await engine.flush()
        write(engine, key())
      })
      if (hasRun) hits++
    }
    // The open reads names, manifest, log and table.
    assert.ok(hits >= 4, `only ${hits} steps were interrupted`)
  })

  it('that syncs and rotates in between', async () => {
    for (let nth = 1; nth <= STEPS; nth++) {
      await readBeside(nth, async (engine, key) => {
        write(engine, key())
        await engine.sync()
        await rotateIfUsed(engine)
        write(engine, key())
        await engine.sync()
        write(engine, key())
      })
    }
  })

  it('that closes and opens again in between', async () => {
    for (let nth = 1; nth <= STEPS; nth++) {
      await readBeside(nth, async (engine, key, vfs) => {
        write(engine, key())
        await engine.close()
        const again = await openEngine(engine.dir, vfs, options)
        write(again, key())
        await again.close()
      })
    }
  })
})

describe('openReadOnly', () => {
  it('tells damage that stays, after two readings', async () => {
    const vfs = new MemoryVfs()
    const engine = await openEngine('/db', vfs, options)
    write(engine, 1)
    await engine.flush()
    await engine.close()
    const table = (await vfs.list('/db')).find((name) => name.endsWith('.table'))!
    await vfs.unlink(vfs.join('/db', table))
    let opens = 0
    const reader = Object.create(vfs) as Vfs
    reader.open = (path, mode) => {
      if (path.endsWith(table)) opens++
      return vfs.open(path, mode)
    }
    await assert.rejects(openReadOnly('/db', reader, options), { code: 'MISSING_FILE', file: table })
    assert.equal(opens, 2)
  })
})
