/** A Vfs whose asynchronous reads of some files wait until the test lets them go. */
import type { Vfs, VfsFile } from '../../src/vfs/index.js'

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

  private wrapFile(file: VfsFile): VfsFile {
    return new Proxy(file, {
      get: (target, property) => {
        const value: unknown = Reflect.get(target, property, target)
        if (property === 'read') {
          return async (bytes: Uint8Array, at: number, length: number, position: number) => {
            await this.turn(position, length)
            return target.readSync(bytes, at, length, position)
          }
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
