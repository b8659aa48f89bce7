/**
 * A program does not end in the middle of an `await`, whatever the call waits for; and it ends by itself when it has
 * nothing to wait for, whatever goes on in the background.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { describe, test } from 'node:test'
import { Varve } from '../../src/index.js'
import { newDirectory } from '../support/databases/databases.js'
import { drawn } from '../support/harness/share.js'
import { leavings } from './waiting-child.js'

const child = JSON.stringify(new URL('./waiting-child.js', import.meta.url).href)

/**
 * Ways to run a program. In a module an unsettled `await` at the top ends with exit code 13; in CommonJS nothing shows
 * it.
 */
const programs = {
  module: (call: string) => ['module', `
    const child = await import(${child})
    await child.${call}
    console.log('done')
  `],
  commonjs: (call: string) => ['commonjs', `
    import(${child}).then(async (child) => {
      await child.${call}
      console.log('done')
    })
  `],
}

interface Ending {
  code: number | null
  out: string
}

function run([type, text]: string[]): Promise<Ending> {
  const args = [`--input-type=${type}`, '-e', text!]
  const process_ = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'], timeout: 60_000 })
  let out = ''
  process_.stdout.setEncoding('utf8').on('data', (chunk: string) => (out += chunk))
  return new Promise((resolve) => process_.on('close', (code) => resolve({ code, out })))
}

async function keysIn(dir: string): Promise<string[]> {
  const db = await Varve.open(dir)
  const keys = [...db.keysSync()].map((key) => Buffer.from(key).toString())
  await db.close()
  return keys
}

describe('a program that waits', { concurrency: true }, () => {
  for (const [type, platform, valueThreshold] of drawn('programs that wait', [
    ['module', 'loose', 0], ['module', 'loose', 4096], ['module', 'threads', 0], ['module', 'threads', 4096],
    ['commonjs', 'loose', 4096],
  ] as const)) {
    const program = programs[type]
    test(`a ${type} program waits for every call to be answered: ${platform}, ${valueThreshold}`, async () => {
      const dir = newDirectory()
      const { code, out } = await run(program(`waitForAll(${JSON.stringify(dir)}, '${platform}', ${valueThreshold})`))
      assert.equal(code, 0, `ended in: ${out}`)
      assert.match(out, /done\n$/)
      const counts = new Map<string, number>()
      for (const key of await keysIn(dir)) {
        const [name] = key.split(' ') as [string]
        counts.set(name, (counts.get(name) ?? 0) + 1)
      }
      const expected = { stopped: 60, oneByOne: 60, pool: 5, larger: 1, backOffOfFlush: 40, synced: 1 }
      for (const [name, count] of Object.entries(expected)) assert.equal(counts.get(name), count, name)
    })
  }
})

describe('a program that leaves a database', { concurrency: true }, () => {
  for (const name of Object.keys(leavings)) {
    test(`${name} ends by itself, and loses nothing`, async () => {
      const dir = newDirectory()
      const { code, out } = await run(programs.module(`leavings.${name}(${JSON.stringify(dir)})`))
      assert.deepEqual([code, out], [0, 'done\n'])
      const counts: Record<string, number> = { idle: 0, unsynced: 1, busy: 100, sliced: 100, stuck: 10 }
      assert.equal((await keysIn(dir)).length, counts[name])
    })
  }
})
