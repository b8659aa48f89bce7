/** What: kills a writing process again and again, on the real file system, and looks what is left. */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Varve } from '../../../src/index.js'
import type { SeededRandom } from '../../../src/base/index.js'
import { checkHistory } from './kill-history.js'

const child = fileURLToPath(new URL('../../crash/kill-child.js', import.meta.url))

/** Lives one life: SIGKILL up to `afterMs` behind its first acknowledgement. Returns what was acknowledged. */
async function liveAndDie(args: string[], afterMs: number): Promise<string[]> {
  const process_ = spawn(process.execPath, [child, ...args], { stdio: ['ignore', 'inherit', 'inherit', 'pipe'] })
  let text = ''
  const ended = new Promise<void>((resolve) => process_.on('close', () => resolve()))
  const begun = new Promise<void>((resolve) => {
    process_.stdio[3]!.on('data', (data: Buffer) => {
      text += data.toString('latin1')
      resolve()
    })
  })
  await Promise.race([begun, ended])
  await new Promise((resolve) => setTimeout(resolve, afterMs))
  process_.kill('SIGKILL')
  await ended
  // A name without its line feed was being written when the process died.
  return text.split('\n').slice(0, -1)
}

/** Gives all problems of `rounds` lives in one directory, and how many batches were acknowledged. */
export async function killAgainAndAgain(
  directory: string, options: { rounds: number; mode: 'strict' | 'fast'; random: SeededRandom },
): Promise<{ problems: string[]; acknowledged: number }> {
  const acknowledged: string[] = []
  const problems: string[] = []
  for (let round = 0; round < options.rounds && problems.length === 0; round++) {
    const told = await liveAndDie([directory, String(round), options.mode], options.random.below(300))
    acknowledged.push(...told)
    const db = await Varve.open(directory)
    // Every life's batches are checked right after it; all of them at the end.
    problems.push(...checkHistory(db, round === options.rounds - 1 ? acknowledged : told))
    await db.close()
  }
  return { problems, acknowledged: acknowledged.length }
}
