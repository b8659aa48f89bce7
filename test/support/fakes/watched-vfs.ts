/** A Vfs whose calls a test sees, and may fail, before and after they take effect. */
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
