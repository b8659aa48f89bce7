/** A database on a simulated machine: small buffers, virtual time, background work on the caller's thread. */
import { parseFileName, SeededRandom } from '../../../src/base/index.js'
import type { DataFileKind } from '../../../src/base/index.js'
import { Varve } from '../../../src/index.js'
import type { EngineEvent, VarveOptions } from '../../../src/index.js'
import { SimVfs } from '../../../src/testing.js'

export const SIM_DIR = '/db'

export interface SimOpenOptions extends Omit<VarveOptions, 'components'> {
  onEvent?: (event: EngineEvent) => void
}

/** Opens a database whose timers fire only when a test moves the clock. */
export function openSim(vfs: SimVfs, { onEvent, ...options }: SimOpenOptions = {}): Promise<Varve> {
  const random = new SeededRandom(1, 'engine')
  const components = { vfs, clock: vfs.clock, random, ...(onEvent === undefined ? {} : { onEvent }) }
  const sizes = { writeBufferSize: 64 * 1024, blockCacheSize: 64 * 1024 }
  return Varve.open(SIM_DIR, { workers: 0, ...sizes, ...options, components })
}

/** Gives the numbers of the files of one kind, ascending. */
export function fileNums(vfs: SimVfs, kind: DataFileKind): number[] {
  return vfs.listSync(SIM_DIR)
    .flatMap((name) => {
      const parsed = parseFileName(name)
      return parsed?.kind === kind ? [parsed.fileNum] : []
    })
    .sort((a, b) => a - b)
}

/** Gives all entries, as text. */
export function readAllText(db: Varve): Map<string, string> {
  const entries = new Map<string, string>()
  for (const [key, value] of db.entriesSync()) entries.set(textOf(key), textOf(value))
  return entries
}

export function textOf(bytes: Uint8Array | undefined | null): string {
  return bytes === undefined || bytes === null ? String(bytes) : new TextDecoder().decode(bytes)
}
