/**
 * The least that a log of values can take: each value is copied and summed up once, those of one turn are written with
 * one call, and 8 MiB at a time are synced behind the writers. Nothing is ordered, and no space comes back.
 */
import { closeSync, fdatasync, mkdirSync, openSync, readSync, writeSync } from 'node:fs'
import path from 'node:path'
import { crc32, unfilledBytes } from '../../src/base/index.js'
import type { EngineAdapter, Key, Store } from '../store.js'
import { WRITE_BUFFER_BYTES } from '../store.js'

const SYNC_BYTES = 8 * 2 ** 20
/** Bytes in front of a value, about what a frame, an entry and a key take. */
const FRONT_BYTES = 64

class LogFloor {
  private readonly dir: string
  private readonly places = new Map<string, { fd: number; at: number; length: number }>()
  private readonly fds: number[] = []
  private buffer = Buffer.from(new SharedArrayBuffer(WRITE_BUFFER_BYTES))
  private end = 0
  private writtenEnd = 0
  private unsyncedBytes = 0
  private isSyncing = false
  private waiting: (() => void)[] = []

  constructor(dir: string) {
    this.dir = dir
    mkdirSync(dir, { recursive: true })
    this.begin(0)
  }

  put(key: Key, value: Buffer): Promise<void> {
    if (this.end + FRONT_BYTES + value.length > this.buffer.length) this.begin(value.length)
    const at = this.end + FRONT_BYTES
    value.copy(this.buffer, at)
    this.end = at + value.length
    crc32(this.buffer, at, this.end)
    this.places.set(String(key), { fd: this.fd, at, length: value.length })
    if (this.waiting.length === 0) queueMicrotask(() => this.write())
    return new Promise((resolve) => this.waiting.push(resolve))
  }

  get(key: Key): Uint8Array {
    const { fd, at, length } = this.places.get(String(key))!
    const value = unfilledBytes(length)
    readSync(fd, value, 0, length, at)
    crc32(value, 0, length)
    return value
  }

  close(): void {
    for (const fd of this.fds) closeSync(fd)
  }

  private get fd(): number {
    return this.fds.at(-1)!
  }

  /** Begins another file, in the memory of the last one if a value of this length has room there. */
  private begin(bytes: number): void {
    if (this.waiting.length > 0) this.write()
    if (this.fds.length > 0) fdatasync(this.fd, () => undefined)
    if (FRONT_BYTES + bytes > this.buffer.length) {
      this.buffer = Buffer.from(new SharedArrayBuffer(FRONT_BYTES + bytes))
    }
    this.fds.push(openSync(path.join(this.dir, String(this.fds.length)), 'w+'))
    this.end = 0
    this.writtenEnd = 0
  }

  private write(): void {
    while (this.writtenEnd < this.end) {
      const bytes = writeSync(this.fd, this.buffer, this.writtenEnd, this.end - this.writtenEnd, this.writtenEnd)
      this.writtenEnd += bytes
      this.unsyncedBytes += bytes
    }
    for (const resolve of this.waiting.splice(0)) resolve()
    this.sync()
  }

  private sync(): void {
    if (this.isSyncing || this.unsyncedBytes < SYNC_BYTES) return
    this.isSyncing = true
    this.unsyncedBytes = 0
    fdatasync(this.fd, () => {
      this.isSyncing = false
      this.sync()
    })
  }
}

export const logFloor: EngineAdapter = {
  name: 'log-floor',
  role: 'ceiling',
  areas: ['large'],
  version: () => process.versions.node,
  async open({ dir }): Promise<Store> {
    const floor = new LogFloor(dir)
    const none = (): never => {
      throw new Error('the floor has no such call')
    }
    return {
      put: (key, value) => floor.put(key, value),
      get: async (key) => floor.get(key),
      getMany: async (keys) => keys.map((key) => floor.get(key)),
      batch: none, putDurable: none, scan: none, seek: none,
      settle: () => undefined,
      close: async () => floor.close(),
    }
  },
}
