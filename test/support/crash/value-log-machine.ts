/** A machine whose database has large values in value logs, and every different disk that a crash could leave of it. */
import { SimVfs } from '../../../src/testing.js'
import type { SurvivalPolicy } from '../../../src/testing.js'
import { SIM_DIR } from '../databases/simulated.js'
import { makeDatabase } from '../databases/value-databases.js'
import type { MadeEntry } from '../databases/value-databases.js'
import { hashDisk } from './crash-image.js'

const WAYS: readonly (SurvivalPolicy | 'kill')[] = ['kill', 'none', 'all', 'namesOnly', 'dataOnly', 'reverse']

/** A disk that a crash could leave. */
export interface Crash<State> {
  vfs: SimVfs
  what: string
  /** The state of the program when the disk was so. */
  state: State
}

/** Makes a machine with the database, all of it durable. */
export function newMachine(entries: MadeEntry[]): SimVfs {
  const vfs = new SimVfs({ seed: 5 })
  vfs.mkdirSync(SIM_DIR)
  makeDatabase(vfs, SIM_DIR, { entries })
  for (const name of vfs.listSync(SIM_DIR)) {
    const file = vfs.openSync(vfs.join(SIM_DIR, name), 'write')
    file.syncSync()
    file.closeSync()
  }
  vfs.syncDirSync(SIM_DIR)
  vfs.syncDirSync('/')
  return vfs
}

/** Runs the program, and gives each different disk that a crash after a change of the disk could leave. */
export async function crashesOf<State>(
  vfs: SimVfs, stateNow: () => State, program: () => Promise<void>,
): Promise<Crash<State>[]> {
  const crashes = new Map<string, Crash<State>>()
  vfs.onEffect = (index, description) => {
    const state = stateNow()
    for (const way of WAYS) {
      const image = way === 'kill' ? vfs.cloneKilled(index) : vfs.clone(way, index)
      const key = `${hashDisk(image)} ${String(state)} ${way === 'kill' ? hashDisk(image.clone('none', 1)) : ''}`
      const what = `effect ${index}: ${description}, then ${way}`
      if (!crashes.has(key)) crashes.set(key, { vfs: image, what, state })
    }
  }
  await program()
  vfs.onEffect = null
  return [...crashes.values()]
}

export const valueLogsIn = (vfs: SimVfs): string[] =>
  vfs.listSync(SIM_DIR).filter((name) => name.endsWith('.vlog') || name === '000012.wal').sort()
