/**
 * What: the value logs into which a flush copies large values, one after the other, each ended at about its size.
 * Owns: the files, which `discard` removes, finished or not.
 * Does not own: their numbers and names (given), which values come.
 * Thread: worker or main; I/O blocks. Nothing is allocated per value.
 */
import type { FileHeader } from '../base/index.js'
import type { NewValueLog } from '../manifest/index.js'
import { NewValueLogFile } from '../tables/index.js'
import type { NewFileOptions } from '../tables/index.js'
import type { ValueLogWriter } from '../vlog/index.js'

/** A value log that may be made. */
export interface ValueLogTarget {
  readonly header: FileHeader
  readonly fileName: string
}

export class ValueCopies {
  private readonly place: Omit<NewFileOptions, 'fileName'>
  private readonly targets: readonly ValueLogTarget[]
  private readonly fileBytes: number
  private readonly files: NewValueLogFile[] = []
  private readonly made: NewValueLog[] = []
  private last: NewValueLogFile

  /** Makes the first file. Requires: a target. */
  constructor(place: Omit<NewFileOptions, 'fileName'>, targets: readonly ValueLogTarget[], fileBytes: number) {
    this.place = place
    this.targets = targets
    this.fileBytes = fileBytes
    this.last = this.begin()
  }

  private begin(): NewValueLogFile {
    const file = new NewValueLogFile({ ...this.place, ...this.targets[this.files.length]! })
    this.files.push(file)
    return file
  }

  /** Gives the writer of the next value. A file that has its size is ended when there is another. */
  next(): ValueLogWriter {
    if (this.last.writer.bytes >= this.fileBytes && this.files.length < this.targets.length) {
      this.made.push(this.last.finish())
      this.last = this.begin()
    }
    return this.last.writer
  }

  syncSome(): void {
    this.last.syncSome()
  }

  /** Ends the last file, and gives what the manifest says of all. Requires: at least one value. */
  finish(): NewValueLog[] {
    return [...this.made, this.last.finish()]
  }

  discard(): void {
    for (const file of this.files) file.discard()
  }
}
