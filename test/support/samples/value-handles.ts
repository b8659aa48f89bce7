/** Entries of tables whose values stand in value logs. */
import { EntryKind, putValueHandle, VALUE_HANDLE_BYTES } from '../../../src/base/index.js'
import type { Entry } from './table-samples.js'

/** What a handle says. */
export interface Handle {
  fileNum: number
  offset: number
  length: number
  checksum?: number
}

function handleBytes({ offset, length, checksum = 0x1234abcd, fileNum }: Handle): Uint8Array {
  const bytes = new Uint8Array(VALUE_HANDLE_BYTES)
  putValueHandle(bytes, 0, offset, length, checksum, fileNum)
  return bytes
}

export function handleEntry(key: string, seqNum: number, handle: Handle): Entry {
  return { key: new TextEncoder().encode(key), seqNum, kind: EntryKind.valueHandle, value: handleBytes(handle) }
}
