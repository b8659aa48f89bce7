/**
 * What: the end of a LevelDB table, 48 bytes: two handles, padded with zeros to 40 bytes, and a magic number.
 * Thread: any.
 */
import { BadBytes, corruption, getU32 } from '../base/index.js'
import { BLOCK_TRAILER_BYTES } from './block-loader.js'
import type { BlockHandle } from './block-loader.js'
import { rocksDbError } from './level-directory.js'
import { FieldReader } from './level-fields.js'
import type { ReadWindow } from './read-window.js'

export const FOOTER_BYTES = 48
const HANDLES_BYTES = 40
const MAGIC = 'db4775248b80fb57'
/** Tables of RocksDB: by blocks, plain and cuckoo. */
const ROCKSDB_MAGICS = ['88e241b785f4cff7', '8242229663bf9564', '926789d0c5f17873']

/**
 * Reads the footer of a table of so many bytes, and gives where its index stands. Throws CORRUPTION, and NOT_SUPPORTED
 * for RocksDB's.
 */
export async function readFooter(window: ReadWindow, tableBytes: number): Promise<BlockHandle> {
  const offset = tableBytes - FOOTER_BYTES
  if (offset < 0) throw corruption(window.name, 0, `${tableBytes} bytes are no table`)
  await window.read(offset, FOOTER_BYTES, tableBytes)
  const magic = magicOf(window.bytes)
  if (ROCKSDB_MAGICS.includes(magic)) throw rocksDbError(window.name)
  if (magic !== MAGIC) throw corruption(window.name, offset + HANDLES_BYTES, 'the end of a table is not there')
  const fields = new FieldReader(window.bytes, 0, HANDLES_BYTES)
  try {
    readHandle(fields, offset)
    return readHandle(fields, offset)
  } catch (error) {
    throw footerError(error, window, offset)
  }
}

function magicOf(footer: Uint8Array): string {
  const [low, high] = [getU32(footer, HANDLES_BYTES), getU32(footer, HANDLES_BYTES + 4)]
  return high.toString(16).padStart(8, '0') + low.toString(16).padStart(8, '0')
}

function footerError(error: unknown, window: ReadWindow, offset: number): unknown {
  return error instanceof BadBytes ? corruption(window.name, offset, `no footer: ${error.message}`) : error
}

/** Reads the handle of a block, which ends before `limit`. Throws BadBytes. */
export function readHandle(fields: FieldReader, limit: number): BlockHandle {
  const at = fields.position
  const [offset, size] = [fields.varint(), fields.varint()]
  if (offset + size + BLOCK_TRAILER_BYTES > limit) throw new BadBytes(at, `a block of ${size} bytes at ${offset}`)
  return { offset, size }
}
