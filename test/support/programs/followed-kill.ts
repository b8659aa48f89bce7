/**
 * What: views that follow a writing process which is killed again and again, on the real file system: each refresh
 * shows what was acknowledged before it, no half batch, and never an earlier moment.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Varve } from '../../../src/index.js'
import type { SeededRandom } from '../../../src/base/index.js'
import { directoryState } from '../databases/directory-state.js'
import { checkHistory } from './kill-history.js'

const child = fileURLToPath(new URL('../../crash/kill-child.js', import.meta.url))

export interface FollowedKills {
  rounds: number
  mode: 'strict' | 'fast'
  random: SeededRandom
  /** The most milliseconds that a process lives. */
  lifeMs: number
}

class Life {
  readonly told: string[] = []
  isOver = false
  readonly ended: Promise<void>
  readonly begun: Promise<void>
  private readonly process

  constructor(args: string[]) {
    this.process = spawn(process.execPath, [child, ...args], { stdio: ['ignore', 'inherit', 'inherit', 'pipe'] })
    let rest = ''
    let begin = (): void => undefined
    this.begun = new Promise((resolve) => (begin = resolve))
    this.process.stdio[3]!.on('data', (data: Buffer) => {
      const lines = (rest + data.toString('latin1')).split('\n')
      rest = lines.pop()!
      this.told.push(...lines)
      begin()
    })
    this.ended = new Promise((resolve) => this.process.on('close', () => {
      this.isOver = true
      begin()
      resolve()
    }))
  }

  kill(): void {
    this.process.kill('SIGKILL')
  }
}

/** Gives how many refreshes there were. */
export async function followKills(directory: string, { rounds, mode, random, lifeMs }: FollowedKills): Promise<number> {
  await (await Varve.open(directory)).close()
  const views = await Promise.all([0, 1].map(() => Varve.open(directory, { readOnly: true })))
  let refreshCount = 0
  for (let round = 0; round < rounds; round++) {
    const life = new Life([directory, String(round), mode])
    await life.begun
    const timer = setTimeout(() => life.kill(), random.below(lifeMs))
    while (!life.isOver) {
      for (const view of views) await refreshed(view, life.told)
      refreshCount += views.length
      await new Promise((resolve) => setTimeout(resolve, random.below(10)))
    }
    clearTimeout(timer)
    await life.ended
    await compareAtRest(directory, views)
  }
  for (const view of views) await view.close()
  return refreshCount
}

async function refreshed(view: Varve, told: readonly string[]): Promise<void> {
  const acknowledged = told.slice(-50)
  const before = view.stats().database.visibleSeq
  const { seqNum } = await view.refresh()
  assert.ok(seqNum >= before)
  assert.deepEqual(checkHistory(view, acknowledged), [])
}

/** The writer is dead: nothing moves, and a fresh open sees the same. */
async function compareAtRest(directory: string, views: readonly Varve[]): Promise<void> {
  const state = directoryState(directory)
  const fresh = await Varve.open(directory, { readOnly: true })
  const all = (db: Varve): string[] => [...db.entriesSync()].map((entry) => entry.map(String).join('='))
  for (const view of views) {
    await view.refresh()
    assert.equal(view.stats().database.visibleSeq, fresh.stats().database.visibleSeq)
    assert.deepEqual(all(view), all(fresh))
    assert.equal((await view.refresh()).changed, false)
  }
  await fresh.close()
  assert.deepEqual(directoryState(directory), state)
}
