/** Every long call tells how far it has come in one shape, never back, and to its end; who throws harms nothing. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { Varve } from '../../src/index.js'
import type { Progress } from '../../src/index.js'
import { newDirectory, SMALL } from '../support/databases/databases.js'

type OnProgress = (progress: Progress) => void

/** What a call may use: a database with tables and a log, and places beside it. */
interface Scene {
  dir: string
  /** Open unless the case says that it is not. */
  db: Varve
  at(name: string): string
}

interface Case {
  call(scene: Scene, onProgress: OnProgress): Promise<unknown>
  /** Runs before the call. */
  prepare?(scene: Scene): Promise<void>
  /** The directory is worked on while nobody has it open. */
  isClosed?: true
  /** How much there is to do is not known: what a step leaves to the next one shows when it is done. */
  hasNoTotal?: true
  /** What is thrown is ignored: the compactions are done anyhow, and whoever waits for them wants the rest. */
  ignores?: true
  /** What must not be there after a call that was ended. */
  leftovers?: string
}

async function damage({ dir, db, at }: Scene): Promise<void> {
  await db.checkpoint(at('backup'), { logs: 'flush', mode: 'copy' })
  await db.close()
  const table = path.join(dir, readdirSync(dir).find((name) => name.endsWith('.table'))!)
  const bytes = readFileSync(table)
  bytes[100]! ^= 255
  writeFileSync(table, bytes)
}

const CASES: Record<string, Case> = {
  open: {
    isClosed: true,
    call: async ({ dir }, onProgress) => (await Varve.open(dir, { ...SMALL, onProgress })).close(),
  },
  compact: { hasNoTotal: true, ignores: true, call: ({ db }, onProgress) => db.compact({}, { onProgress }) },
  collectGarbage: { hasNoTotal: true, ignores: true, call: ({ db }, onProgress) => db.collectGarbage({ onProgress }) },
  checkpoint: { leftovers: 'copy', call: ({ db, at }, onProgress) => db.checkpoint(at('copy'), { onProgress }) },
  'checkpoint from outside': {
    leftovers: 'copy', call: ({ dir, at }, onProgress) => Varve.checkpoint(dir, at('copy'), { onProgress }),
  },
  backup: { call: ({ db, at }, onProgress) => Varve.backup(db, at('set'), { onProgress }) },
  restore: {
    leftovers: 'restored', prepare: async ({ db, at }) => void await db.checkpoint(at('copy')),
    call: ({ at }, onProgress) => Varve.restore(at('copy'), at('restored'), { onProgress }),
  },
  verify: { call: ({ dir }, onProgress) => Varve.verify(dir, { onProgress }) },
  'verify, deep': { isClosed: true, call: ({ dir }, onProgress) => Varve.verify(dir, { level: 'deep', onProgress }) },
  scrub: { call: ({ db }, onProgress) => db.scrub({ onProgress }) },
  heal: {
    isClosed: true, prepare: damage,
    call: ({ dir, at }, onProgress) => Varve.heal(dir, { from: [at('backup')], onProgress }),
  },
  repair: {
    isClosed: true, leftovers: 'repaired',
    call: ({ dir, at }, onProgress) => Varve.repair(dir, at('repaired'), { onProgress }),
  },
  export: {
    leftovers: 'all.varve',
    call: ({ db, at }, onProgress) => db.export(at('all.varve'), { format: 'varve', onProgress }),
  },
  import: {
    leftovers: 'imported', prepare: async ({ db, at }) => void await db.export(at('all.varve'), { format: 'varve' }),
    call: ({ at }, onProgress) => Varve.import(at('imported'), at('all.varve'), { onProgress }),
  },
  load: {
    call: ({ db }, onProgress) => db.load(Array.from({ length: 500 }, (_, i) => [`load ${i}`, 'v'] as const), {
      onProgress,
    }),
  },
  ingest: {
    prepare: async ({ at }) => {
      const table = await Varve.tableWriter(at('table'))
      for (let i = 100; i < 400; i++) table.add(`table ${i}`, 'v')
      await table.finish()
    },
    call: ({ db, at }, onProgress) => db.ingest([at('table')], { onProgress }),
  },
}

const KEYS = 200

async function inScene(one: Case, run: (scene: Scene) => Promise<void>): Promise<void> {
  const dir = newDirectory()
  const options = { ...SMALL, valueThreshold: 2048, flushOnClose: false, workers: 0 }
  const db = await Varve.open(dir, options)
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < KEYS; i++) db.putSync(`key ${i}`, new Uint8Array(i % 50 === 0 ? 5000 : 50).fill(round))
    if (round < 2) await db.flush()
  }
  const scene: Scene = { dir, db, at: (name) => path.join(path.dirname(dir), name) }
  await one.prepare?.(scene)
  if (one.isClosed) await db.close()
  try {
    await run(scene)
  } finally {
    await db.close()
  }
}

const isWhole = (db: Varve): boolean =>
  Array.from({ length: KEYS }, (_, i) => db.getSync(`key ${i}`)?.[0]).every((round) => round === 2)

for (const [name, one] of Object.entries(CASES)) {
  test(`${name} tells of its progress, never back, and to its end`, () => inScene(one, async (scene) => {
    const heard: Progress[] = []
    await one.call(scene, (progress) => heard.push(progress))
    assert.ok(heard.length > 0, 'it is told of')
    let before: Progress = { doneBytes: 0, totalBytes: null, doneCount: 0, totalCount: null }
    for (const progress of heard) {
      const { doneBytes, totalBytes, doneCount, totalCount } = progress
      for (const done of [doneBytes, doneCount]) assert.ok(Number.isSafeInteger(done) && done >= 0)
      assert.ok(doneBytes >= before.doneBytes && doneCount >= before.doneCount, JSON.stringify(heard))
      for (const [done, total] of [[doneBytes, totalBytes], [doneCount, totalCount]] as const) {
        assert.ok(total === null || (Number.isSafeInteger(total) && done <= total), JSON.stringify(heard))
      }
      before = progress
    }
    const { doneBytes, totalBytes, doneCount, totalCount } = before
    if (name !== 'collectGarbage') assert.ok(doneBytes > 0 || doneCount > 0)
    if (one.hasNoTotal) assert.deepEqual([totalBytes, totalCount], [null, null])
    else assert.equal(totalBytes, doneBytes)
    if (totalCount !== null) assert.equal(doneCount, totalCount)
  }))

  for (const [when, after] of [['first', 1], ['last', Infinity]] as const) {
    test(`${name}: who throws at the ${when} word of it harms nothing`, () => inScene(one, async (scene) => {
      let count = 0
      let last = after
      if (after === Infinity) {
        // Of a call that is told of once, the first word is the last one.
        last = await countOf(one)
      }
      const enough = new Error('enough')
      const called = one.call(scene, () => {
        if (++count >= last) throw enough
      })
      const failure = await called.then(() => null, (error: unknown) => error)
      assert.ok(failure === null || failure === enough, String(failure))
      if (one.ignores) assert.equal(failure, null)
      if (failure !== null && one.leftovers !== undefined) assert.ok(!existsSync(scene.at(one.leftovers)))
      const beside = readdirSync(path.dirname(scene.dir)).filter((file) => file.includes('.tmp'))
      assert.deepEqual(beside, [])
      const { files: { holds }, operations } = scene.db.stats()
      assert.deepEqual([holds, operations], [[], []])
      if (one.prepare === damage) return
      if (one.isClosed) {
        const again = await Varve.open(scene.dir, SMALL)
        assert.ok(isWhole(again))
        await again.close()
      } else {
        assert.ok(isWhole(scene.db))
        // The same call is done when nobody throws.
        if (failure !== null) await one.call(scene, () => undefined)
      }
    }))
  }
}

/** How often a call of this kind tells, when nobody throws. */
async function countOf(one: Case): Promise<number> {
  let count = 0
  await inScene(one, async (scene) => {
    await one.call(scene, () => void count++)
    rmSync(path.dirname(scene.dir), { recursive: true, force: true })
  })
  return count
}
