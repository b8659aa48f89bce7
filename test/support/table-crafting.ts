/** The sample table with bytes changed under right checksums: an attacker can write such tables. */
import { crc32, decodeFileHeader, fileSeed, putU32, runSync } from '../../src/base/index.js'
import { readParts } from '../../src/sstable/read/table-open.js'
import type { TableParts } from '../../src/sstable/read/table-open.js'
import { FOOTER_BYTES, putTrailer, TRAILER_BYTES } from '../../src/sstable/table-format.js'
import { bytesOf, sampleEntries, TABLE_NAME, writeTable } from './table-samples.js'

export const sample = writeTable(sampleEntries(), { blockBytes: 1024 })
export const good = bytesOf(sample.file)

export function sampleParts(): TableParts {
  return runSync(readParts({ file: sample.file, name: TABLE_NAME }, { pointHash: true, filter: 'always' }))
}

/** A part of the file under one checksum: bytes [offset, offset + bytes), and how to set it right again. */
interface Piece {
  offset: number
  bytes: number
  seal: (file: Uint8Array) => void
}

/** The seed of all checksums in the sample. */
export const seed = fileSeed(decodeFileHeader(good, 'varvetab', TABLE_NAME))

/** Every piece of the sample: header, blocks, sections, footer. */
export const pieces: Piece[] = findPieces()

function findPieces(): Piece[] {
  const { footer, index } = sampleParts()
  const extents = footer.sections.filter((section) => section.bytes > 0)
  for (let i = 0; i < index.blockCount; i++) {
    extents.push({ offset: index.offsets[i]!, bytes: index.offsets[i + 1]! - index.offsets[i]! })
  }
  const found: Piece[] = extents.map(({ offset, bytes }) => ({
    offset,
    bytes: bytes - TRAILER_BYTES,
    seal: (file) => putTrailer(file, offset, offset + bytes - TRAILER_BYTES, offset, seed),
  }))
  const footerAt = good.length - FOOTER_BYTES
  const sealFooter = (file: Uint8Array): void => {
    putU32(file, footerAt + 116, crc32(file, footerAt, footerAt + 116, (seed ^ footerAt) >>> 0))
  }
  found.push({ offset: 0, bytes: 124, seal: (file) => putU32(file, 124, crc32(file, 0, 124)) })
  found.push({ offset: footerAt, bytes: 116, seal: sealFooter })
  return found.sort((a, b) => a.offset - b.offset)
}

/** Makes a copy of the sample whose piece at `offset` was changed and sealed. */
export function craft(offset: number, change: (content: Uint8Array) => void): Uint8Array {
  const file = good.slice()
  const piece = pieces.find((each) => each.offset === offset)!
  change(file.subarray(offset, offset + piece.bytes))
  piece.seal(file)
  return file
}
