/**
 * What: how a long job hears of its caller while it runs, and tells how far it has come, through shared memory: four
 * words, [0] is not 0 when the job is to end, [1] counts the KiB that it has read or written, [2] is how many it may.
 * Owns: nothing. Thread: any; the caller has the other end (ingest/watched-job.ts).
 */
import { VarveError } from '../base/index.js'
import type { ReadableFile } from '../vfs/index.js'

const CONTROL_BYTES = 16
/** The word [2] when there is no limit. */
const NO_LIMIT = 2 ** 31 - 1
const Word = { isEnded: 0, doneKiB: 1, allowedKiB: 2, mayBlock: 3 } as const
/** A wait ends after this long, to look whether the job is to end. */
const WAIT_MS = 20

export class JobControl {
  private readonly words: Int32Array
  private bytes = 0

  constructor(memory: SharedArrayBuffer) {
    this.words = new Int32Array(memory)
  }

  /** Makes the memory. `mayBlock`: the job has a thread of its own. */
  static begin(mayBlock: boolean, isLimited: boolean): JobControl {
    const control = new JobControl(new SharedArrayBuffer(CONTROL_BYTES))
    control.words[Word.allowedKiB] = isLimited ? 0 : NO_LIMIT
    control.words[Word.mayBlock] = mayBlock ? 1 : 0
    return control
  }

  get memory(): SharedArrayBuffer {
    return this.words.buffer as SharedArrayBuffer
  }

  get doneBytes(): number {
    return Atomics.load(this.words, Word.doneKiB) * 1024
  }

  end(): void {
    Atomics.store(this.words, Word.isEnded, 1)
    Atomics.notify(this.words, Word.allowedKiB)
  }

  allow(bytes: number): void {
    Atomics.store(this.words, Word.allowedKiB, Math.min(NO_LIMIT - 1, Math.floor(bytes / 1024)))
    Atomics.notify(this.words, Word.allowedKiB)
  }

  /** Counts bytes that the job has read or written. */
  add(bytes: number): void {
    this.bytes += bytes
    Atomics.store(this.words, Word.doneKiB, Math.floor(this.bytes / 1024))
  }

  /** Counts on to so many bytes in all. */
  addUpTo(bytes: number): void {
    if (bytes > this.bytes) this.add(bytes - this.bytes)
  }

  /** Rests while the job is ahead of what it may do. Throws ABORTED when it is to end. */
  *rest(): Generator<undefined, void, unknown> {
    const { words } = this
    for (;;) {
      if (Atomics.load(words, Word.isEnded) !== 0) throw new VarveError('ABORTED', 'the job was given up')
      const allowed = Atomics.load(words, Word.allowedKiB)
      if (Atomics.load(words, Word.doneKiB) <= allowed) break
      if (words[Word.mayBlock] !== 0) Atomics.wait(words, Word.allowedKiB, allowed, WAIT_MS)
      else yield
    }
    yield
  }

  /** Runs work with a rest at each of its pauses. */
  *paced<T>(work: Generator<undefined, T, unknown>): Generator<undefined, T, unknown> {
    for (let turn = work.next(); ; turn = work.next()) {
      if (turn.done === true) return turn.value
      yield* this.rest()
    }
  }

  /** Gives the file; what is read from it is counted. */
  counting(file: ReadableFile): ReadableFile {
    const count = (bytes: number): number => {
      this.add(bytes)
      return bytes
    }
    return {
      path: file.path,
      readSync: (target, at, length, position) => count(file.readSync(target, at, length, position)),
      read: async (target, at, length, position) => count(await file.read(target, at, length, position)),
      sizeSync: () => file.sizeSync(),
    }
  }
}
