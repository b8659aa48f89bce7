/**
 * What: a file system that leaves out one class of syncs and says that they were done. A sweep over a
 * database on it must fail: that is the check of the sweep.
 *
 * Which sync it is follows from the file, and for directories from what the opening process did last.
 */
import { parseFileName } from '../../src/base/index.js'
import type { Vfs, VfsFile } from '../../src/vfs/index.js'

export type SyncClass =
  | 'database directory' | 'log header' | 'log name' | 'log data' | 'table' | 'table name'
  | 'manifest edit' | 'new manifest' | 'manifest name' | 'manifest mark' | 'marker' | 'marker name'
  | 'replayed log' | 'recovered names' | 'replayed table' | 'replayed table name'
  | 'held table' | 'held table name'

type Method = (...args: unknown[]) => unknown

/** What one process on the mutant has done so far. */
interface Progress {
  /** What open is at: the next directory sync is about this. */
  phase: 'recovery' | 'manifest' | 'marker' | 'running'
  /** The last blocking call, with the kind of its file. */
  last: string
}

export interface Mutant {
  wrap: (vfs: Vfs) => Vfs
  /** How many syncs were left out. */
  readonly dropCount: () => number
}

/** Each call of `wrap` is a new process. */
export function mutantWithout(dropped: SyncClass, dir: string): Mutant {
  let dropCount = 0
  const isDropped = (found: SyncClass) => found === dropped && ++dropCount > 0
  const wrap = (vfs: Vfs) => {
    const progress: Progress = { phase: 'recovery', last: '' }
    return intercept(vfs, (name, call, args) => {
      const path = String(args[0])
      const isBlocking = name.endsWith('Sync')
      if (name === 'syncDir' || name === 'syncDirSync') {
        return isDropped(directoryClass(path === dir, isBlocking, progress)) ? nothing(isBlocking) : call()
      }
      note(name, args, progress)
      if (name !== 'open' && name !== 'openSync') return call()
      const wrapFile = (file: unknown) => {
        const isNew = args[1] === 'create'
        return interceptFile(file as VfsFile, isNew, progress, isDropped)
      }
      const file = call()
      return file instanceof Promise ? file.then(wrapFile) : wrapFile(file)
    })
  }
  return { wrap, dropCount: () => dropCount }
}

function interceptFile(
  file: VfsFile, isNew: boolean, progress: Progress, isDropped: (found: SyncClass) => boolean,
): VfsFile {
  let syncCount = 0
  return intercept(file, (name, call) => {
    const kind = /^(sync|dataSync)(Sync)?$/.exec(name)
    if (kind === null) return call()
    const isBlocking = kind[2] !== undefined
    if (isBlocking) progress.last = `sync ${kindOf(file.path)}`
    const which = { isNew, isFirst: ++syncCount === 1, isData: kind[1] === 'dataSync' }
    const found = fileClass(kindOf(file.path), which, progress)
    return isDropped(found) ? nothing(isBlocking) : call()
  })
}

function intercept<T extends object>(
  target: T, around: (name: string, call: () => unknown, args: unknown[]) => unknown,
): T {
  return new Proxy(target, {
    get(_, property) {
      const value: unknown = Reflect.get(target, property, target)
      if (typeof value !== 'function') return value
      return (...args: unknown[]) => around(String(property), () => (value as Method).apply(target, args), args)
    },
  })
}

function nothing(isBlocking: boolean): unknown {
  return isBlocking ? undefined : Promise.resolve()
}

function kindOf(path: string): string {
  return parseFileName(path.slice(path.lastIndexOf('/') + 1))?.kind ?? ''
}

function note(name: string, args: unknown[], progress: Progress): void {
  const kind = kindOf(String(args[0]))
  if (args[1] === 'create' && kind === 'manifest') progress.phase = 'manifest'
  if (args[1] === 'create' && kind === 'marker') progress.phase = 'marker'
  if (name.endsWith('Sync') && name !== 'listSync') progress.last = `${name} ${kind}`
}

function fileClass(
  kind: string, { isNew, isFirst, isData }: { isNew: boolean; isFirst: boolean; isData: boolean }, { phase }: Progress,
): SyncClass {
  if (kind === 'temp') return phase === 'recovery' ? 'replayed table' : 'table'
  if (kind === 'table') return 'held table'
  if (kind === 'marker') return 'marker'
  if (kind === 'log') return isData ? 'log data' : isNew ? 'log header' : 'replayed log'
  if (kind === 'manifest') return !isNew ? 'manifest edit' : isFirst ? 'new manifest' : 'manifest mark'
  throw new Error(`sync of an unexpected file: ${kind}`)
}

function directoryClass(isDatabase: boolean, isBlocking: boolean, progress: Progress): SyncClass {
  if (!isDatabase) return 'database directory'
  const { phase, last } = progress
  if (phase === 'recovery') return isBlocking ? 'replayed table name' : 'recovered names'
  if (phase === 'manifest') return 'manifest name'
  if (phase === 'marker') {
    progress.phase = 'running'
    return 'marker name'
  }
  if (!isBlocking || last === 'sync log') return 'log name'
  return last === 'sync table' ? 'held table name' : 'table name'
}
