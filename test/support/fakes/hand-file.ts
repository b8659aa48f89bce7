/**
 * A file whose awaited operations end when a test says so; blocking ones end at once. Everything is
 * recorded in `calls`.
 */
import { FileSystemError } from '../../../src/vfs/index.js'
import type { VfsFile } from '../../../src/vfs/index.js'

interface HeldCall {
  name: string
  finish: () => void
  fail: (error: unknown) => void
}

export class HandFile implements VfsFile {
  readonly path: string
  readonly calls: string[]
  bytes = new Uint8Array(0)
  size = 0
  /** Operations in flight, oldest first. */
  held: HeldCall[] = []
  /** The errno with which blocking calls of a name fail. */
  failing = new Map<string, string>()
  /** The most bytes that one write takes. */
  writeBytesMax = Infinity
  /** The bytes until the disk is full. */
  spaceBytes = Infinity

  constructor(path: string, calls: string[] = []) {
    this.path = path
    this.calls = calls
  }

  /** Lets the oldest operation in flight succeed. */
  finish(): void {
    this.held.shift()!.finish()
  }

  fail(errno = 'EIO'): void {
    const { name, fail } = this.held.shift()!
    fail(new FileSystemError(errno, name, this.path))
  }

  private blocking<T>(name: string, effect: () => T): T {
    this.calls.push(`${name} ${this.path}`)
    const errno = this.failing.get(name)
    if (errno !== undefined) throw new FileSystemError(errno, name, this.path)
    return effect()
  }

  private hold<T>(name: string, effect: () => T): Promise<T> {
    this.calls.push(`${name} ${this.path} begins`)
    return new Promise<T>((resolve, reject) => {
      const finish = () => {
        this.calls.push(`${name} ${this.path} ends`)
        resolve(effect())
      }
      this.held.push({ name, finish, fail: reject })
    })
  }

  private put(source: Uint8Array, at: number, length: number, position: number): number {
    if (this.spaceBytes === 0) throw new FileSystemError('ENOSPC', 'write', this.path)
    const count = Math.min(length, this.writeBytesMax, this.spaceBytes)
    this.spaceBytes -= count
    const end = position + count
    if (end > this.bytes.length) {
      const grown = new Uint8Array(end * 2)
      grown.set(this.bytes)
      this.bytes = grown
    }
    this.bytes.set(source.subarray(at, at + count), position)
    this.size = Math.max(this.size, end)
    return count
  }

  writeSync(source: Uint8Array, at: number, length: number, position: number): number {
    return this.blocking('write', () => this.put(source, at, length, position))
  }

  write(source: Uint8Array, at: number, length: number, position: number): Promise<number> {
    return this.hold('pool write', () => this.put(source, at, length, position))
  }

  dataSyncSync(): void {
    this.blocking('datasync', () => undefined)
  }

  dataSync(): Promise<void> {
    return this.hold('pool datasync', () => undefined)
  }

  syncSync(): void {
    this.blocking('sync', () => undefined)
  }

  sync(): Promise<void> {
    return this.hold('pool sync', () => undefined)
  }

  truncateSync(size: number): void {
    this.blocking('truncate', () => void (this.size = size))
  }

  truncate(size: number): Promise<void> {
    return this.hold('pool truncate', () => void (this.size = size))
  }

  readSync(target: Uint8Array, at: number, length: number, position: number): number {
    const part = this.bytes.subarray(position, Math.min(position + length, this.size))
    target.set(part, at)
    return part.length
  }

  async read(target: Uint8Array, at: number, length: number, position: number): Promise<number> {
    return this.readSync(target, at, length, position)
  }

  identitySync(): string {
    return 'hand'
  }

  sizeSync(): number {
    return this.size
  }

  closeSync(): void {
    this.blocking('close', () => undefined)
  }

  async close(): Promise<void> {
    this.closeSync()
  }
}
