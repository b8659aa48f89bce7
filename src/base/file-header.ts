/**
 * What: the first 128 bytes of every file that has a magic: logs, tables, manifests, export streams, and the files of a
 * blob cache.
 *
 *   offset size
 *        0    8  magic: 'varvelog', 'varvetab', 'varveman', 'varvevlg', 'varvexpt'; 'varveseg', 'varvecat', 'varvebix'
 *        8    4  format version
 *       12   12  feature bits, three words (features.ts)
 *       24   16  database id, random, same in every file of a database
 *       40    8  file number
 *       48    8  salt, random per file
 *       56    8  writer generation: the lock generation of the process that wrote it
 *       64    8  encryption key id, 0 = none
 *       72    8  lineage: the history that wrote the file, random, below 2^53
 *       80   44  zero, reserved
 *      124    4  CRC-32 of bytes 0–123
 *
 * The checksums of everything behind the header are seeded with `fileSeed`: bytes of another file, or of an
 * older file of the same name, never pass.
 */
import { compareBytes } from './bytes.js'
import { crc32 } from './checksum.js'
import { getU32, getU53, putU32, putU53 } from './coding.js'
import { corruption, VarveError } from './errors.js'
import { checkMustKnow, getFeatures, NO_FEATURES, putFeatures } from './features.js'
import type { Features } from './features.js'
import type { FileNum } from './ids.js'
import { NAME_NUMBER_MAX } from './limits.js'
import type { Random } from './random.js'
import { OUTSIDE_FILE_NUM } from './table-facts.js'
import type { TableFacts } from './table-facts.js'

export const FILE_HEADER_BYTES = 128
export const SALT_BYTES = 8
export const FORMAT_VERSION = 2
/** Formats that were never released: format 1, and format 2 while it was not whole. */
const FORMATS_BEFORE_RELEASE: ReadonlySet<number> = new Set([1, 0x8002])
/** Offset of the feature words in the header. */
export const FEATURES_OFFSET = 12
const LINEAGE_OFFSET = 72

export type FileMagic =
  | 'varvelog' | 'varvetab' | 'varveman' | 'varvevlg' | 'varvexpt'
  | 'varveseg' | 'varvecat' | 'varvebix'

/** The bits of the first feature word that this version knows in a header. */
const KNOWN_FEATURES: Readonly<Record<FileMagic, number>> = {
  varvelog: 0, varvetab: 0, varveman: 0, varvevlg: 0, varvexpt: 0,
  varveseg: 0, varvecat: 0, varvebix: 0,
}

export interface FileHeader {
  magic: FileMagic
  features: Features
  databaseId: Uint8Array
  fileNum: FileNum
  salt: Uint8Array
  generation: number
  /** Number of the history; a copy that is written to has its own, though it shares the database id with its source. */
  lineage: number
}

/** What the headers of the files that one process writes have in common. */
export interface FileOrigin {
  databaseId: Uint8Array
  generation: number
  lineage: number
  /** The source of the salts. */
  random: Random
}

/** Makes the header of a new file, with a salt of its own. */
export function newFileHeader(
  magic: FileMagic, { databaseId, generation, lineage, random }: FileOrigin, fileNum: FileNum,
): FileHeader {
  const salt = new Uint8Array(SALT_BYTES)
  random.fill(salt)
  return { magic, features: NO_FEATURES, databaseId, fileNum, salt, generation, lineage }
}

/** Draws the lineage number of a new history. */
export function drawLineage(random: Random): number {
  return (random.u32() >>> 11) * 2 ** 32 + random.u32() || 1
}

/** Writes the header at bytes[0, 128). */
export function encodeFileHeader(header: FileHeader, bytes: Uint8Array): void {
  bytes.fill(0, 0, FILE_HEADER_BYTES)
  for (let i = 0; i < 8; i++) bytes[i] = header.magic.charCodeAt(i)
  putU32(bytes, 8, FORMAT_VERSION)
  putFeatures(bytes, FEATURES_OFFSET, header.features)
  bytes.set(header.databaseId, 24)
  putU53(bytes, 40, header.fileNum)
  bytes.set(header.salt, 48)
  putU53(bytes, 56, header.generation)
  putU53(bytes, LINEAGE_OFFSET, header.lineage)
  putU32(bytes, 124, crc32(bytes, 0, 124))
}

/**
 * Reads bytes[0, 128) of `file`.
 * Throws CORRUPTION when it is not a good header of this kind, UNSUPPORTED_FORMAT when it is newer.
 * A caller that is going to write must check the features too (`checkMayWrite`).
 */
export function decodeFileHeader(bytes: Uint8Array, magic: FileMagic, file: string): FileHeader {
  if (bytes.length < FILE_HEADER_BYTES) throw corruption(file, bytes.length, 'file header is cut short')
  if (getU32(bytes, 124) !== crc32(bytes, 0, 124)) throw corruption(file, 124, 'file header checksum differs')
  for (let i = 0; i < 8; i++) {
    if (bytes[i] !== magic.charCodeAt(i)) throw corruption(file, i, `magic is not ${magic}`)
  }
  checkFormat(bytes, file)
  const features = getFeatures(bytes, FEATURES_OFFSET)
  checkMustKnow(features, KNOWN_FEATURES[magic], { file, offset: FEATURES_OFFSET })
  const fileNum = getU53(bytes, 40)
  const generation = getU53(bytes, 56)
  if (!(fileNum <= NAME_NUMBER_MAX && generation <= NAME_NUMBER_MAX)) {
    throw corruption(file, fileNum <= NAME_NUMBER_MAX ? 56 : 40, 'number of 2^48 or more')
  }
  if (getU53(bytes, 64) !== 0) {
    throw new VarveError('UNSUPPORTED_FORMAT', `${file} is encrypted`, { file, offset: 64 })
  }
  const lineage = getU53(bytes, LINEAGE_OFFSET)
  if (Number.isNaN(lineage)) throw corruption(file, LINEAGE_OFFSET, 'lineage of 2^53 or more')
  return { magic, features, databaseId: bytes.slice(24, 40), fileNum, salt: bytes.slice(48, 56), generation, lineage }
}

function checkFormat(bytes: Uint8Array, file: string): void {
  const version = getU32(bytes, 8)
  if (version === FORMAT_VERSION) return
  if (FORMATS_BEFORE_RELEASE.has(version)) {
    throw new VarveError('UNSUPPORTED_FORMAT', `${file} has format ${version}, made before the first release`, {
      file, offset: 8, hint: 'read it with the Varve that wrote it, and write it anew with this one',
    })
  }
  throw new VarveError(
    'UNSUPPORTED_FORMAT',
    `${file} has format ${version}; this Varve reads format ${FORMAT_VERSION}`,
    { file, offset: 8, hint: 'open it with a newer Varve' },
  )
}

/** What tells a file from all others of its database; of a table that was ingested, what its header says instead. */
type FileIdentity = Pick<FileHeader, 'fileNum' | 'salt'> & Pick<TableFacts, 'origin'>

/** Throws CORRUPTION when the header is not that of the file of this number, salt and database. */
export function checkFileIdentity(
  file: string, header: FileHeader, facts: FileIdentity, databaseId: Uint8Array,
): void {
  const { salt, origin } = facts
  const fileNum = origin ? OUTSIDE_FILE_NUM : facts.fileNum
  if (compareBytes(header.databaseId, origin?.databaseId ?? databaseId) !== 0) {
    throw corruption(file, 24, 'it belongs to another database')
  }
  if (header.fileNum !== fileNum) throw corruption(file, 40, `it is file number ${header.fileNum}`)
  if (compareBytes(header.salt, salt) !== 0) throw corruption(file, 48, 'another file of this number')
}

/** The seed of every checksum in the file. It differs with the file number and the salt. */
export function fileSeed(header: Pick<FileHeader, 'fileNum' | 'salt'>): number {
  const bytes = new Uint8Array(16)
  putU53(bytes, 0, header.fileNum)
  bytes.set(header.salt, 8)
  return crc32(bytes, 0, 16)
}

/** Gives the seed from bytes[0, 128) as they are, also when the header is damaged elsewhere. */
export function fileSeedOf(bytes: Uint8Array): number {
  return crc32(bytes, 40, 56)
}
