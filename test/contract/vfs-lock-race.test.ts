/**
 * Many processes want one directory; whoever has it is killed with SIGKILL again and again. At no time two
 * hold it, and a killed holder never blocks the next one. Runs itself as the children.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { systemClock, systemRandom, VarveError } from '../../src/base/index.js'
import { lockDirectory } from '../../src/vfs/node/node-lock.js'
import type { LockOptions } from '../../src/vfs/node/node-lock.js'

const RACERS = 4

if (process.argv[2] === 'racer') await race(process.argv[3]!, JSON.parse(process.argv[4]!) as LockOptions)
else registerTests()

/** Takes the lock whenever it can and writes down when it had it; ends by being killed. */
async function race(root: string, options: LockOptions): Promise<void> {
  const note = (what: string, generation: number) =>
    appendFileSync(join(root, 'history'), `${what} ${process.pid} ${generation}\n`)
  for (;;) {
    try {
      const lock = await lockDirectory(join(root, 'db'), options)
      note('start', lock.generation)
      // Sometimes until it is killed, sometimes short.
      const stop = random() < 0.5 ? Infinity : systemClock.nowMs() + random() * 4
      do {
        await sleep(1)
        if (lock.stateSync() !== 'held') note('overtaken', lock.generation)
      } while (systemClock.nowMs() < stop)
      note('end', lock.generation)
      await lock.release()
    } catch (error) {
      if (!VarveError.is(error) || error.code !== 'LOCKED') note(`error ${String(error)}`, 0)
    }
    await sleep(random() * 3)
  }
}

function random(): number {
  return systemRandom.u32() / 2 ** 32
}

interface Hold {
  pid: number
  generation: number
}

/** Follows the history; throws at the first double hold. */
class HistoryCheck {
  holder: Hold | null = null
  private killed = new Set<number>()
  private highest = 0

  follow(line: string): void {
    const [what, first, second] = line.split(' ')
    const [pid, generation] = [Number(first), Number(second)]
    if (what === 'kill') this.killed.add(pid)
    else if (what === 'start') {
      if (this.holder !== null) assert.ok(this.killed.has(this.holder.pid), `double hold: ${line}`)
      assert.ok(generation > this.highest, `generation ${generation} after ${this.highest}`)
      this.highest = generation
      this.holder = { pid, generation }
    } else if (what === 'end') {
      assert.equal(pid, this.holder?.pid, `${line}: was not the holder`)
      this.holder = null
    } else assert.fail(line)
  }
}

async function killHolders(options: LockOptions, kills: number): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), 'varve-race-'))
  mkdirSync(join(root, 'db'))
  const history = join(root, 'history')
  writeFileSync(history, '')
  const racers = new Map<number, ChildProcess>()
  let isOver = false
  const start = () => {
    const args = [fileURLToPath(import.meta.url), 'racer', root, JSON.stringify(options)]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] })
    racers.set(child.pid!, child)
    child.on('exit', () => {
      racers.delete(child.pid!)
      if (!isOver) start()
    })
  }
  for (let i = 0; i < RACERS; i++) start()
  try {
    for (let done = 0; done < kills;) {
      await sleep(10)
      const holder = check(history).holder
      const child = holder === null ? undefined : racers.get(holder.pid)
      if (child === undefined || child.killed) continue
      appendFileSync(history, `kill ${child.pid}\n`)
      child.kill('SIGKILL')
      done++
    }
    // The last one killed does not block the others.
    const { holder } = check(history)
    while (check(history).holder?.generation === holder?.generation) await sleep(5)
  } finally {
    isOver = true
    for (const child of racers.values()) child.kill('SIGKILL')
    while (racers.size > 0) await sleep(5)
    rmSync(root, { recursive: true })
  }
}

function check(history: string): HistoryCheck {
  const state = new HistoryCheck()
  const text = readFileSync(history, 'utf8')
  for (const line of text.slice(0, text.lastIndexOf('\n') + 1).split('\n')) {
    if (line !== '') state.follow(line)
  }
  return state
}

function registerTests(): void {
  test('generation files alone: no double hold while holders are killed', { timeout: 60_000 }, () =>
    killHolders({ useKernelLock: false }, 10))
  test('both layers: no double hold while holders are killed', { timeout: 60_000 }, () =>
    killHolders({}, 4))
}
