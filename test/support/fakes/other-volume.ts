/**
 * What: a file system in which what begins with one path stands on another volume: no link and no rename leads there,
 * and its calls are counted, may fail, and may have something happen right before them.
 */
import { FileSystemError } from '../../../src/vfs/index.js'
import type { FileInfo, Vfs, VfsFile } from '../../../src/vfs/index.js'

type Call = (...given: unknown[]) => unknown

/** A call that fails: before it has done anything, or after. */
export interface VolumeFault {
  /** The number of the call, from 1 on. */
  at: number
  code: string
  when: 'before' | 'after'
}

export class OtherVolume {
  readonly vfs: Vfs
  /** The calls to the volume so far, as text. */
  readonly calls: string[] = []
  fault: VolumeFault | null = null
  onCall: ((number: number) => void) | null = null
  /** True: links and renames from elsewhere fail with EXDEV. */
  isApart = true
  private readonly prefix: string

  constructor(inner: Vfs, prefix: string) {
    this.prefix = prefix
    this.vfs = new Proxy(inner, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target)
        return typeof value === 'function' ? this.door(target, String(name), value as Call) : value
      },
    })
  }

  private isHere(path: unknown): boolean {
    return typeof path === 'string' && path.startsWith(this.prefix)
  }

  private door(target: object, name: string, call: Call): Call {
    if (['join', 'parent', 'lock'].includes(name)) return call.bind(target)
    return (...given) => {
      const paths = given.filter((one) => typeof one === 'string' && one.startsWith('/'))
      const here = paths.filter((path) => this.isHere(path))
      if (here.length === 0) return call.apply(target, given)
      const kind = name.replace(/Sync$/, '')
      const isSync = name.endsWith('Sync')
      return this.run(`${kind} ${paths.join(' ')}`, isSync, () => {
        if (this.isApart && here.length < paths.length) return refuse(isSync, 'EXDEV', name)
        return wrap(isSync, call.apply(target, given), (result) => this.dress(kind, result, here[0] as string))
      })
    }
  }

  private dress(kind: string, result: unknown, path: string): unknown {
    if (kind === 'open') return this.file(result as VfsFile, path)
    if (kind !== 'stat' || result === null || !this.isApart) return result
    return { ...(result as FileInfo), identity: `other ${(result as FileInfo).identity}` }
  }

  private file(file: VfsFile, path: string): VfsFile {
    return new Proxy(file, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target)
        if (typeof value !== 'function') return value
        return (...given: unknown[]) => {
          const kind = String(name).replace(/Sync$/, '')
          const isSync = String(name).endsWith('Sync')
          const isCounted = ['read', 'write', 'sync', 'dataSync', 'close'].includes(kind)
          const call = (): unknown => (value as Call).apply(target, given)
          return isCounted ? this.run(`${kind} ${path}`, isSync, call) : call()
        }
      },
    })
  }

  private run(text: string, isSync: boolean, call: () => unknown): unknown {
    this.calls.push(text)
    this.onCall?.(this.calls.length)
    const fault = this.fault?.at === this.calls.length ? this.fault : null
    if (fault === null) return call()
    if (fault.when === 'before') return refuse(isSync, fault.code, text)
    return wrap(isSync, call(), () => {
      throw new FileSystemError(fault.code, text, this.prefix)
    })
  }
}

function refuse(isSync: boolean, code: string, what: string): never | Promise<never> {
  const error = new FileSystemError(code, what, 'the other volume')
  if (isSync) throw error
  return Promise.reject(error)
}

function wrap(isSync: boolean, result: unknown, change: (result: unknown) => unknown): unknown {
  return isSync ? change(result) : (result as Promise<unknown>).then(change)
}
