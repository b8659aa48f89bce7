/** Registers the fates of directories as tests: all, or some, of the moments of a life. */
import fs from 'node:fs'
import { after, test } from 'node:test'
import { destroyWithFate, fates, liveWithFate } from './fate.js'
import type { FateWorld } from './fate.js'
import { memoryWorld, newFateRoot, nodeWorld } from './fate-worlds.js'

const lives = { life: liveWithFate, 'end by destroy': destroyWithFate }

/** Registers the tests. `choose` gets the moments of one test: before the first call, the second and so on. */
export async function registerFates(choose: (name: string, moments: number[]) => number[]): Promise<void> {
  const worlds: [string, () => FateWorld][] = [['by the path, in memory', memoryWorld]]
  if (fs.existsSync('/proc/self/fd')) {
    const root = newFateRoot()
    after(() => fs.rmSync(root, { recursive: true, force: true }))
    worlds.push(['by the descriptor, on disk', () => nodeWorld(root, true)])
  }
  for (const [way, makeWorld] of worlds) {
    for (const [what, live] of Object.entries(lives)) {
      const { callCount } = await live(makeWorld(), null, 0)
      for (const fate of fates) {
        if (fate.needsPlace === true && !makeWorld().hasPlace) continue
        const name = `${what}, ${way}: ${fate.name}`
        test(name, async () => {
          for (const moment of choose(name, Array.from({ length: callCount }, (_, i) => i + 1))) {
            await live(makeWorld(), fate, moment).catch((error: unknown) => {
              throw new Error(`before call ${moment} of ${callCount}: ${String(error)}`, { cause: error })
            })
          }
        })
      }
    }
  }
}
