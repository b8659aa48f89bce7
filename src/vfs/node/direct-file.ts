/**
 * What: a file that is read from the disk, past the system's page cache: what such a read gives is what the disk has,
 * and nothing that others have in the cache is put out by it. The system wants place, length and memory of such a read
 * in whole pages, so the bytes come through memory of this thread.
 * Owns: the file. Thread: the one that opened it; blocking reads only.
 */
import type { ReadOnlyFile, VfsFile } from '../vfs.js'

/** What systems ask for: the sectors of no disk are larger. */
const PAGE_BYTES = 4096
/** One read. */
const ROOM_BYTES = 1024 * 1024
const WASM_PAGE_BYTES = 64 * 1024

/** What Node gives, and its types for us do not. */
interface Platform {
  WebAssembly?: { Memory: new(size: { initial: number }) => { buffer: ArrayBuffer } }
}

let room: Uint8Array | null = null

/** True where direct reads have memory to read into. */
export function hasDirectRoom(): boolean {
  return (globalThis as Platform).WebAssembly !== undefined
}

/** The memory of this thread. That of WebAssembly begins at a page of the system, which no other memory promises. */
function roomOfThread(): Uint8Array {
  const { Memory } = (globalThis as Platform).WebAssembly!
  return room ??= new Uint8Array(new Memory({ initial: ROOM_BYTES / WASM_PAGE_BYTES }).buffer)
}

export class DirectFile implements ReadOnlyFile {
  readonly path: string
  private readonly file: VfsFile

  /** Takes a file that was opened for such reads. Throws what the system says when it cannot do them. */
  constructor(file: VfsFile) {
    this.path = file.path
    this.file = file
    file.readSync(roomOfThread(), 0, PAGE_BYTES, 0)
  }

  readSync(target: Uint8Array, at: number, length: number, position: number): number {
    const bytes = roomOfThread()
    const start = position - position % PAGE_BYTES
    const end = Math.min(start + ROOM_BYTES, Math.ceil((position + length) / PAGE_BYTES) * PAGE_BYTES)
    const read = this.file.readSync(bytes, 0, end - start, start)
    const count = Math.max(0, Math.min(length, start + read - position))
    target.set(bytes.subarray(position - start, position - start + count), at)
    return count
  }

  async read(target: Uint8Array, at: number, length: number, position: number): Promise<number> {
    return this.readSync(target, at, length, position)
  }

  sizeSync(): number {
    return this.file.sizeSync()
  }

  closeSync(): void {
    this.file.closeSync()
  }
}
