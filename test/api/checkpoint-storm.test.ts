/** Copies from outside, beside a process that writes, flushes and merges as fast as it can. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Varve } from '../../src/index.js'
import { newDirectory } from '../support/databases/databases.js'
import { drawnNumbers } from '../support/harness/share.js'

const program = fileURLToPath(new URL('../support/programs/steady-writer.js', import.meta.url))
const COPIES = 24

/** Checks that a database holds the first so many keys, and gives how many. */
async function countKeys(dir: string): Promise<number> {
  const db = await Varve.open(dir, { readOnly: true })
  let count = 0
  for (const [key, value] of db.entriesSync()) {
    assert.equal(Buffer.from(key).toString(), `key ${String(count).padStart(7, '0')}`)
    assert.ok(Buffer.from(value).toString().startsWith(`${count} v`))
    count++
  }
  await db.close()
  return count
}

for (const mode of ['strict', 'fast']) {
  test(`C16: ${mode}: each copy from outside a live writer is a moment, none is refused`, async () => {
    const dir = newDirectory()
    const writer = spawn(process.execPath, [program, dir, mode], { stdio: ['pipe', 'pipe', 'inherit'] })
    const ended = new Promise((resolve) => writer.on('close', resolve))
    let acknowledged = 0
    const begun = new Promise<void>((resolve) => {
      writer.stdout.setEncoding('utf8').on('data', (told: string) => {
        acknowledged = Number(told.trim().split('\n').at(-1))
        resolve()
      })
    })
    try {
      await Promise.race([begun, ended])
      assert.ok(acknowledged > 0)
      for (const i of drawnNumbers(`storm ${mode}`, COPIES)) {
        const target = `${dir}-${i}`
        const atLeast = acknowledged
        const { seqNum } = await Varve.checkpoint(dir, target, { mode: i % 4 === 0 ? 'copy' : 'auto' })
        assert.ok(seqNum >= atLeast, `${seqNum} of ${atLeast}`)
        assert.equal(await countKeys(target), seqNum)
        rmSync(target, { recursive: true })
      }
    } finally {
      writer.stdin.end()
      await ended
    }
    assert.ok(await countKeys(dir) >= acknowledged)
  })
}
