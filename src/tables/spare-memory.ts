/**
 * What: the memory of a job that writes tables, kept for the next one. Without it each job would leave megabytes that
 * only a collection of old objects frees, which a thread with little garbage sees late.
 * Owns: the memory between two jobs. Thread: a worker; not the main thread, where jobs come and go.
 */
import { BuildBuffer } from '../sstable/index.js'

export class SpareMemory {
  private kept: BuildBuffer | null = null

  /** Gives the spare buffer, or makes one. Two jobs may ask before one gives back. */
  take(blockBytes: number | undefined, moreBytes: number): BuildBuffer {
    const { kept } = this
    this.kept = null
    return kept?.reuse(blockBytes, moreBytes) === true ? kept : new BuildBuffer(blockBytes, moreBytes)
  }

  /** Keeps memory that no job uses any more. */
  give(memory: BuildBuffer): void {
    this.kept = memory
  }
}

/** The context of jobs that write tables: the file system, and what they may get beside it. */
export interface TableJobContext {
  readonly spare?: SpareMemory | undefined
}
