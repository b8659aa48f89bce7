/**
 * What: a file system that leaves out one class of syncs and says that they were done. A sweep over a database on it
 * must fail: that is the check of the sweep.
 *
 * The class of a sync follows from the file, and for directories from what the opening process did last.
 */
import { parseFileName } from '../../../src/base/index.js'
import type { Vfs, VfsFile } from '../../../src/vfs/index.js'

export type SyncClass =
  | 'database directory' | 'log header' | 'log name' | 'log data' | 'table' | 'table name'
  | 'manifest edit' | 'new manifest' | 'manifest name' | 'manifest mark' | 'marker' | 'marker name'
  | 'replayed log' | 'replayed table' | 'replayed table name'
  | 'held table' | 'held table name' | 'compaction table' | 'compaction table name'

type Method = (...args: unknown[]) => unknown

/** The work that one process on the mutant has done so far. */
interface Progress {
  /** The stage that an open has reached: the next directory sync belongs to it. */
  phase: 'recovery' | 'manifest' | 'marker' | 'running'
  /** The last blocking call, with the kind of its file. */
  last: string
  /** Tables opened for reading so far. */
  readonly opened: Set<string>
  /** Tables that were opened again since an output was last created, as only a compaction does. */
  inputs: string[]
  /** Outputs of compactions by the name they were created with, and the tables they were made from. */
  readonly outputs: Map<string, readonly string[]>
  /** True when the last name was given to such an output. */
  isOutputNamed: boolean
}

function newProgress(): Progress {
  return { phase: 'recovery', last: '', opened: new Set(), inputs: [], outputs: new Map(), isOutputNamed: false }
}

export interface Mutant {
  wrap: (vfs: Vfs) => Vfs
  /** Gives how many syncs were left out. */
  readonly dropCount: () => number
}

/** Makes a mutant; each call of its `wrap` is a new process. */
export function mutantWithout(dropped: SyncClass, dir: string): Mutant {
  let dropCount = 0
  const isDropped = (found: SyncClass) => found === dropped && ++dropCount > 0
  const wrap = (vfs: Vfs) => {
    const progress = newProgress()
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

/**
 * Makes a mutant whose compactions unlink their inputs as soon as their output has its name, before the edit is
 * written.
 */
export function mutantThatDeletesEarly(): Mutant {
  let dropCount = 0
  const wrap = (vfs: Vfs) => {
    const progress = newProgress()
    return intercept(vfs, (name, call, args) => {
      const inputs = progress.outputs.get(String(args[0])) ?? []
      note(name, args, progress)
      const answer = call()
      const isNamed = name === 'linkSync' || (name === 'openSync' && args[1] === 'read')
      if (isNamed) for (const path of inputs) dropCount += unlinkOnce(vfs, path)
      return answer
    })
  }
  return { wrap, dropCount: () => dropCount }
}

function unlinkOnce(vfs: Vfs, path: string): number {
  if (vfs.statSync(path) === null) return 0
  vfs.unlinkSync(path)
  return 1
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
    const found = progress.outputs.has(file.path)
      ? 'compaction table'
      : fileClass(kindOf(file.path), which, progress)
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
  const path = String(args[0])
  const kind = kindOf(path)
  if (kind === 'table' && args[1] === 'read') {
    if (progress.opened.has(path)) progress.inputs.push(path)
    progress.opened.add(path)
  }
  if (args[1] === 'create' && (kind === 'temp' || kind === 'table')) {
    if (progress.inputs.length > 0) progress.outputs.set(path, progress.inputs)
    progress.inputs = []
  }
  if (name === 'linkSync') progress.isOutputNamed = progress.outputs.has(path)
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
  if (phase === 'recovery') return 'replayed table name'
  if (phase === 'manifest') return 'manifest name'
  if (phase === 'marker') {
    progress.phase = 'running'
    return 'marker name'
  }
  if (!isBlocking || last === 'sync log') return 'log name'
  if (last === 'sync table') return 'held table name'
  return progress.isOutputNamed ? 'compaction table name' : 'table name'
}
