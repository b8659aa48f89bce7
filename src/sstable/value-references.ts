/**
 * What: what the handles of one table point to, file by file, counted while its entries go by.
 * Thread: any, no sharing. Nothing is allocated per handle.
 */
import { handleFileNum, handleLength, VALUE_HANDLE_BYTES } from '../base/index.js'
import type { FileNum, ValueFileReference } from '../base/index.js'

export class ValueReferences {
  /** Handles in all. */
  count = 0
  /** Bytes of the values that handles name, less the bytes of the handles: entries have these, values count. */
  extraBytes = 0
  private readonly files = new Map<FileNum, ValueFileReference>()
  /** The one counted last: neighbours often point to one file. */
  private last: ValueFileReference = { fileNum: 0, valueCount: 0, valueBytes: 0 }

  /** Counts the handle at bytes[at]. */
  add(bytes: Uint8Array, at: number): void {
    const fileNum = handleFileNum(bytes, at)
    const length = handleLength(bytes, at)
    if (fileNum !== this.last.fileNum) this.last = this.find(fileNum)
    this.last.valueCount++
    this.last.valueBytes += length
    this.count++
    this.extraBytes += length - VALUE_HANDLE_BYTES
  }

  private find(fileNum: FileNum): ValueFileReference {
    let file = this.files.get(fileNum)
    if (file === undefined) {
      file = { fileNum, valueCount: 0, valueBytes: 0 }
      this.files.set(fileNum, file)
    }
    return file
  }

  /** Numbers ascending. */
  list(): ValueFileReference[] {
    return [...this.files.values()].sort((a, b) => a.fileNum - b.fileNum)
  }
}
