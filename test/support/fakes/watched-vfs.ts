/** A Vfs whose calls a test sees, and may fail, before and after they take effect; one whose reads wait. */
import { FileSystemError } from '../../../src/vfs/index.js'
import type { Vfs, VfsFile } from '../../../src/vfs/index.js'

export interface WatchedCall {
  /** The name of the blocking form without `Sync`, with the open mode: `open create`. */
  name: string
  /** The last part of the path. */
  file: string
}

export interface Watcher {
  /** Throws to fail the call before it has an effect. */
  before?(call: WatchedCall): void
  /** Throws to fail the call although it was done. */
  after?(call: WatchedCall): void
}

function lastPart(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

const unwatched = new Set(['join', 'parent', 'size', 'identity', 'lock'])

function watch<T extends object>(target: T, watcher: Watcher, ownPath: string | null): T {
  return new Proxy(target, {
    get(_, property) {
      const value = Reflect.get(target, property, target)
      const name = String(property).replace(/Sync$/, '')
      if (typeof value !== 'function') return value
      if (unwatched.has(name)) return value.bind(target)
      return (...args: unknown[]) => {
        const file = lastPart(ownPath ?? String(args[0]))
        const call = { name: name === 'open' ? `open ${args[1]}` : name, file }
        watcher.before?.(call)
        const finish = (result: unknown) => {
          watcher.after?.(call)
          return name === 'open' ? watch(result as VfsFile, watcher, String(args[0])) : result
        }
        const result: unknown = Reflect.apply(value, target, args)
        return result instanceof Promise ? result.then(finish) : finish(result)
      }
    },
  })
}

export function watchedVfs(vfs: Vfs, watcher: Watcher): Vfs {
  return watch(vfs, watcher, null)
}

/** Records `name file` of each call. */
export function recordCalls(vfs: Vfs, calls: string[]): Vfs {
  return watchedVfs(vfs, { before: ({ name, file }) => void calls.push(`${name} ${file}`) })
}

export function eio(call: WatchedCall): FileSystemError {
  return new FileSystemError('EIO', call.name, call.file)
}

/** Lets asynchronous reads of some files wait until the test lets them go. */
export class SlowReads {
  /** Those that wait: offset and length. */
  readonly waiting: { position: number; length: number; go: () => void }[] = []
  /** The most that waited at one time. */
  most = 0
  count = 0
  isOpen = false
  private readonly pattern: RegExp

  /** `pattern`: the files whose reads wait. */
  constructor(pattern: RegExp) {
    this.pattern = pattern
  }

  around(vfs: Vfs): Vfs {
    const wrap = (file: VfsFile): VfsFile => (this.pattern.test(file.path) ? this.wrapFile(file) : file)
    return new Proxy(vfs, {
      get: (target, property) => {
        const value: unknown = Reflect.get(target, property, target)
        if (typeof value !== 'function') return value
        if (property === 'openSync') return (path: string, mode: 'read') => wrap(target.openSync(path, mode))
        if (property === 'open') return async (path: string, mode: 'read') => wrap(await target.open(path, mode))
        return value.bind(target) as unknown
      },
    })
  }

  /** Makes reads wait; as a real file does, this one stays open until they have ended. */
  private wrapFile(file: VfsFile): VfsFile {
    const inFlight = new Set<Promise<number>>()
    const ended = (): Promise<unknown> => Promise.allSettled(inFlight)
    return new Proxy(file, {
      get: (target, property) => {
        const value: unknown = Reflect.get(target, property, target)
        if (property === 'read') {
          return (bytes: Uint8Array, at: number, length: number, position: number) => {
            const read = this.turn(position, length).then(() => target.readSync(bytes, at, length, position))
              .finally(() => inFlight.delete(read))
            inFlight.add(read)
            return read
          }
        }
        if (property === 'close') return () => ended().then(() => target.close())
        if (property === 'closeSync') {
          return () => (inFlight.size > 0 ? void ended().then(() => target.closeSync()) : target.closeSync())
        }
        return typeof value === 'function' ? (value.bind(target) as unknown) : value
      },
    })
  }

  private turn(position: number, length: number): Promise<void> {
    this.count++
    if (this.isOpen) return Promise.resolve()
    return new Promise((resolve) => {
      this.waiting.push({ position, length, go: resolve })
      this.most = Math.max(this.most, this.waiting.length)
    })
  }

  /** Lets those go that wait. */
  go(): void {
    for (const { go } of this.waiting.splice(0)) go()
  }

  /** None waits from now on. */
  open(): void {
    this.isOpen = true
    this.go()
  }
}
