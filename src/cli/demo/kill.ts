/**
 * What: runs the loading child, kills it in the middle, gives what it had acknowledged.
 */
import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { systemClock, systemRandom } from '../../base/index.js'
import type { ChildMessage } from './child.js'
import type { Input } from './input.js'
import { recordCount } from './input.js'
import type { LoadProgress } from './load.js'

/** A slow machine is killed after this time, before half of the load, so that the whole ends in time. */
const LOAD_MS_MAX = 15_000
/** Something hangs when there was no acknowledgement for this long. */
const SILENCE_MS_MAX = 30_000

export interface KilledLoad {
  pid: number
  /** Indexes of acknowledged records. */
  acknowledged: Set<number>
  durationMs: number
}

export function loadUntilKilled(
  input: Input, dir: string, onProgress: (progress: LoadProgress) => void,
): Promise<KilledLoad> {
  const child = fork(fileURLToPath(new URL('./child.js', import.meta.url)), [input.root, dir])
  return new KillRun(child, input, onProgress).result()
}

class KillRun {
  private readonly child: ChildProcess
  /** The number of acknowledgements after which it is killed; drawn, so that each run dies somewhere else. */
  private readonly killCount: number
  private readonly onProgress: (progress: LoadProgress) => void
  private readonly acknowledged = new Set<number>()
  private readonly startMs = systemClock.nowMs()
  private lastMs = systemClock.nowMs()
  private isKilled = false
  private failure: string | null = null

  constructor(child: ChildProcess, input: Input, onProgress: (progress: LoadProgress) => void) {
    this.child = child
    this.killCount = Math.ceil(recordCount(input) * (0.5 + (0.1 * systemRandom.u32()) / 2 ** 32))
    this.onProgress = onProgress
  }

  result(): Promise<KilledLoad> {
    const { child } = this
    child.on('message', (message) => this.receive(message as ChildMessage))
    this.watch()
    // 'close' comes when the process is gone and everything it sent was received.
    return new Promise((resolve, reject) => {
      child.on('error', reject)
      child.on('close', (code, signal) => {
        const { acknowledged, isKilled, failure } = this
        if (failure !== null) reject(new Error(failure))
        else if (!isKilled) reject(new Error(`the loading process ended by itself: ${signal ?? code}`))
        else resolve({ pid: child.pid!, acknowledged, durationMs: systemClock.nowMs() - this.startMs })
      })
    })
  }

  private receive(message: ChildMessage): void {
    if (message.type === 'progress') {
      if (!this.isKilled) this.onProgress(message.progress)
      return
    }
    this.lastMs = systemClock.nowMs()
    for (const index of message.indexes) this.acknowledged.add(index)
    if (this.acknowledged.size >= this.killCount) this.kill()
  }

  private watch(): void {
    const nowMs = systemClock.nowMs()
    if (nowMs - this.lastMs > SILENCE_MS_MAX) {
      this.failure = `the loading process acknowledged nothing for ${SILENCE_MS_MAX / 1000} s`
      this.kill()
    } else if (nowMs - this.startMs > LOAD_MS_MAX && this.acknowledged.size > 0) this.kill()
    if (!this.isKilled) systemClock.after(200, () => this.watch())
  }

  private kill(): void {
    if (this.isKilled) return
    this.isKilled = true
    this.child.kill('SIGKILL')
  }
}
