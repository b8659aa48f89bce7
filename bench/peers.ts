/** What: which engines take part in a run. The peers are not dependencies of Varve: the first run installs them. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { engines } from './engines/index.js'
import { rootDir } from './store.js'
import type { EngineAdapter } from './store.js'

export function chooseEngines(names: readonly string[]): EngineAdapter[] {
  return names.map((wanted) => {
    const engine = engines.find(({ name }) => name === wanted)
    if (engine === undefined) throw new Error(`unknown engine ${wanted}: see --help`)
    return engine
  })
}

export function installPeers(chosen: readonly EngineAdapter[]): void {
  const benchDir = path.join(rootDir, 'bench')
  const isThere = ({ packageName }: EngineAdapter): boolean =>
    packageName === undefined || existsSync(path.join(benchDir, 'node_modules', packageName))
  if (chosen.every(isThere)) return
  console.log('Installing the other databases: `npm ci --prefix bench`; compiling one takes minutes.')
  const isWindows = process.platform === 'win32'
  const { status } = spawnSync('npm', ['ci', '--prefix', benchDir], { stdio: 'inherit', shell: isWindows })
  if (status !== 0) throw new Error('the other databases could not be installed; `--engines varve` needs none of them')
}
