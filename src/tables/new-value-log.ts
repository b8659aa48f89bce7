/**
 * What: one value log while it is written: created, filled, synced, closed.
 * Owns: the file; `discard` removes it.
 * Does not own: its number and name (given), which values come, its final name (publish-tables.ts).
 * Thread: worker or main; I/O blocks.
 * States: open → finished (synced in strict mode, closed); discarded from either.
 */
import type { FileHeader } from '../base/index.js'
import type { NewValueLog } from '../manifest/index.js'
import { ValueLogWriter } from '../vlog/index.js'
import { NewFile } from './new-file.js'
import type { NewFileOptions } from './new-file.js'

export class NewValueLogFile extends NewFile {
  readonly writer: ValueLogWriter
  private readonly header: FileHeader

  /** Makes the file. Throws IO_ERROR when the name is taken. */
  constructor(options: NewFileOptions & { header: FileHeader }) {
    super(options)
    this.header = options.header
    this.writer = new ValueLogWriter(this.file, options.fileName, options.header)
  }

  get bytesWritten(): number {
    return this.writer.bytesWritten
  }

  /** What the manifest says of it. Requires: at least one value. */
  finish(): NewValueLog {
    const { writer, header: { fileNum, salt } } = this
    writer.finish()
    this.close()
    return {
      fileNum, isLog: false, bytes: writer.bytes, salt, putCount: writer.valueCount, putBytes: writer.valueBytes,
      namedInLog: 0,
    }
  }
}
