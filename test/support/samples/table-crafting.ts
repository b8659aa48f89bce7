/** Tables with bytes changed under right checksums: an attacker can write such tables, or a later version. */
import { crc32, decodeFileHeader, fileSeed, putU32, runSync } from '../../../src/base/index.js'
import { readParts } from '../../../src/sstable/read/table-open.js'
import type { TableParts } from '../../../src/sstable/read/table-open.js'
import { contentBytes, FOOTER_BYTES, putTrailer } from '../../../src/sstable/table-format.js'
import type { Codec, Extent } from '../../../src/sstable/table-format.js'
import { bytesOf, newFile, sampleEntries, TABLE_NAME, writeTable } from './table-samples.js'

/** The sample has columns; tests that look into blocks know it. */
export const sample = writeTable(sampleEntries(), { blockBytes: 1024, layout: 'columns' })
export const good = bytesOf(sample.file)

/** The seed of all checksums in the sample. */
export const seed = seedOf(good)

/** Every piece of the sample: header, blocks, sections, footer. */
export const pieces: Piece[] = findPieces(good)

export function sampleParts(): TableParts {
  return partsOf(good)
}

export function partsOf(table: Uint8Array): TableParts {
  return runSync(readParts({ file: newFile(table), name: TABLE_NAME }, { pointHash: true, filter: 'always' }))
}

function seedOf(table: Uint8Array): number {
  return fileSeed(decodeFileHeader(table, 'varvetab', TABLE_NAME))
}

/** A part of the file under one checksum: bytes [offset, offset + bytes), and how to set it right again. */
interface Piece {
  offset: number
  bytes: number
  seal: (file: Uint8Array) => void
}

export function findPieces(table: Uint8Array): Piece[] {
  const tableSeed = seedOf(table)
  const { footer, index } = partsOf(table)
  const extents = footer.sections.filter((section) => section.bytes > 0)
  for (let i = 0; i < index.blockCount; i++) extents.push({ offset: index.offset(i), bytes: index.bytes(i) })
  const found: Piece[] = extents.map(({ offset, bytes }) => ({
    offset,
    bytes: contentBytes(bytes),
    seal: (file) => {
      const end = offset + contentBytes(bytes)
      putTrailer(file, offset, end, offset, tableSeed, table[end] as Codec)
    },
  }))
  const footerAt = table.length - FOOTER_BYTES
  const sealFooter = (file: Uint8Array): void => {
    putU32(file, footerAt + 116, crc32(file, footerAt, footerAt + 116, (tableSeed ^ footerAt) >>> 0))
  }
  found.push({ offset: 0, bytes: 124, seal: (file) => putU32(file, 124, crc32(file, 0, 124)) })
  found.push({ offset: footerAt, bytes: 116, seal: sealFooter })
  return found.sort((a, b) => a.offset - b.offset)
}

/** Makes a copy of the sample whose piece at `offset` was changed and sealed. */
export function craft(offset: number, change: (content: Uint8Array) => void): Uint8Array {
  return craftPiece(good, pieces, offset, change)
}

/** The sample with rows. */
export const rowsSample = writeTable(sampleEntries(), { blockBytes: 1024 })
export const goodRows = bytesOf(rowsSample.file)
export const rowsPieces: Piece[] = findPieces(goodRows)

/** Makes a copy of any table, likewise. */
export function craftIn(table: Uint8Array, offset: number, change: (content: Uint8Array) => void): Uint8Array {
  return craftPiece(table, findPieces(table), offset, change)
}

function craftPiece(
  table: Uint8Array, of: readonly Piece[], offset: number, change: (content: Uint8Array) => void,
): Uint8Array {
  const file = table.slice()
  const piece = of.find((each) => each.offset === offset)!
  change(file.subarray(offset, offset + piece.bytes))
  piece.seal(file)
  return file
}

/** A copy of a table with another codec at a block or section. */
export function craftCodec(table: Uint8Array, { offset, bytes }: Extent, codec: number): Uint8Array {
  const file = table.slice()
  const end = offset + bytes
  file[offset + contentBytes(bytes)] = codec
  putU32(file, end - 4, crc32(file, offset, end - 4, (seedOf(table) ^ offset) >>> 0))
  return file
}
