/**
 * What: the program of killed-tools.test.ts: node tool-child.js TOOL SOURCE TARGET. It kills itself as soon as a file
 * stands in the directory that it makes.
 */
import { existsSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { Varve } from '../../src/index.js'

const [tool = '', source = '', target = ''] = process.argv.slice(2)
const pace = { bytesPerSecond: 1_000_000 }

function look(): void {
  const made = `${path.basename(target)}.tmp.`
  for (const name of readdirSync(path.dirname(target))) {
    if (!name.startsWith(made)) continue
    const names = readdirSync(path.join(path.dirname(target), name))
    if (names.some((each) => !each.startsWith('varve.lock'))) process.kill(process.pid, 'SIGKILL')
  }
  if (!existsSync(target)) setImmediate(look)
}

look()
if (tool === 'checkpoint') await Varve.checkpoint(source, target, { mode: 'copy', ...pace })
else if (tool === 'restore') await Varve.restore(source, target, pace)
else await Varve.repair(source, target, pace)
