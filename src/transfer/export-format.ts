/**
 * What: the varve stream: what an export writes and an import reads, from the first byte to the last, without a seek.
 *
 *   file header      128 bytes   magic 'varvexpt', file number 0
 *   frames of type 7             entries; at most 1 MiB each, header and padding included
 *   a frame of type 8            the end: a stream without it was cut off
 *
 * The first sequence number of a frame is the number of entries that began before it, its count that of the entries
 * that begin in it. Entries stand one behind the other, and none reaches over the end of its frame, but for one that is
 * too large for any: it is alone, and its value goes on in the next frames, whose count is 0.
 *
 *   offset size   entry
 *        0    4   keyspace id, 0
 *        4    2   flags (EntryFlag)
 *        6    4   key bytes
 *       10    4   value bytes
 *       14    8   sequence number, only with its flag
 *        …    8   time of expiry, ms since 1970, only with its flag
 *        …  4+n   name of the file that it was found in: length, UTF-8; only with its flag
 *        …  4+n   reason why it is here: length, UTF-8; only with its flag
 *        …        key, value
 *
 *   offset size   body of the end
 *        0    8   entries in the stream
 *        8    8   bytes before this frame
 *       16    4   CRC-32 of all bytes before this frame
 *       20    4   zero
 *
 * Thread: any (pure).
 */
import {
  BadBytes, ByteReader, ByteWriter, FRAME_HEADER_BYTES, getU32, getU53, KEY_BYTES_MAX, MiB, putU32, putU53,
  SEQ_NUM_MAX, VALUE_BYTES_MAX,
} from '../base/index.js'

/** Bytes of the largest frame, header and padding included. */
export const EXPORT_FRAME_BYTES_MAX = MiB
export const EXPORT_BODY_BYTES_MAX = EXPORT_FRAME_BYTES_MAX - FRAME_HEADER_BYTES
export const END_BODY_BYTES = 24
const HEAD_BYTES = 14
/** The longest text of an entry, in characters and in bytes. */
const TEXT_LENGTH_MAX = 16_384
const TEXT_BYTES_MAX = 3 * TEXT_LENGTH_MAX

/** Flags of an entry. They are on disk: do not change these numbers. */
export const EntryFlag = { seqNum: 1, expiry: 2, source: 4, reason: 8 } as const
const KNOWN_FLAGS = EntryFlag.seqNum | EntryFlag.expiry | EntryFlag.source | EntryFlag.reason

/** What may be said of an entry besides its key and value. */
export interface EntryFacts {
  /** When the value expires, in milliseconds since 1970; 0 for never. */
  expiryMs: number
  /** The number of the write that put it; 0 where it was left out. */
  seqNum: number
  /** The file that a repair found it in; null otherwise. */
  source: string | null
  /** Why a repair put it aside; null otherwise. */
  reason: string | null
}

const PLAIN: EntryFacts = { expiryMs: 0, seqNum: 0, source: null, reason: null }

/** Gives what stands before the key of an entry. */
export function encodeHead(keyBytes: number, valueBytes: number, facts: Partial<EntryFacts>): Uint8Array {
  const { expiryMs, seqNum, source, reason } = { ...PLAIN, ...facts }
  const flags = (seqNum === 0 ? 0 : EntryFlag.seqNum) | (expiryMs === 0 ? 0 : EntryFlag.expiry) |
    (source === null ? 0 : EntryFlag.source) | (reason === null ? 0 : EntryFlag.reason)
  const writer = new ByteWriter(HEAD_BYTES + 16)
  writer.u32(0).u16(flags).u32(keyBytes).u32(valueBytes)
  if (seqNum !== 0) writer.u53(seqNum)
  if (expiryMs !== 0) writer.u53(expiryMs)
  if (source !== null) writer.text(source.slice(0, TEXT_LENGTH_MAX))
  if (reason !== null) writer.text(reason.slice(0, TEXT_LENGTH_MAX))
  return writer.finish()
}

/** Bytes before the key of an entry of which only its expiry is told, or nothing. */
export function plainHeadBytes(expiryMs: number): number {
  return expiryMs === 0 ? HEAD_BYTES : HEAD_BYTES + 8
}

/** Writes what stands before the key of such an entry. */
export function putPlainHead(
  bytes: Uint8Array, at: number, keyBytes: number, valueBytes: number, expiryMs: number,
): void {
  putU32(bytes, at, 0)
  bytes[at + 4] = expiryMs === 0 ? 0 : EntryFlag.expiry
  bytes[at + 5] = 0
  putU32(bytes, at + 6, keyBytes)
  putU32(bytes, at + 10, valueBytes)
  if (expiryMs !== 0) putU53(bytes, at + HEAD_BYTES, expiryMs)
}

/** An entry up to its value. */
export interface EntryHead {
  keyStart: number
  facts: EntryFacts
  valueStart: number
  valueBytes: number
}

/** Reads an entry up to its value, where its key ends. Throws BadBytes, whose offset is a place in `bytes`. */
export function readHead(bytes: Uint8Array, at: number, end: number): EntryHead {
  if (end - at < HEAD_BYTES) throw new BadBytes(at, `an entry needs ${HEAD_BYTES} bytes, ${end - at} are left`)
  const flags = bytes[at + 4]! | (bytes[at + 5]! << 8)
  const [keyBytes, valueBytes] = [getU32(bytes, at + 6), getU32(bytes, at + 10)]
  if (getU32(bytes, at) !== 0) throw new UnknownPart(at, `an entry of keyspace ${getU32(bytes, at)}`)
  if ((flags & ~KNOWN_FLAGS) !== 0) throw new UnknownPart(at + 4, `an entry with flags ${flags}`)
  if (keyBytes > KEY_BYTES_MAX) throw new BadBytes(at + 6, `a key of ${keyBytes} bytes`)
  if (valueBytes > VALUE_BYTES_MAX) throw new BadBytes(at + 10, `a value of ${valueBytes} bytes`)
  let [facts, keyStart] = [PLAIN, at + HEAD_BYTES]
  if (flags !== 0) {
    const reader = new ByteReader(bytes, keyStart, end)
    facts = readFacts(reader, flags)
    keyStart = reader.position
  }
  const valueStart = keyStart + keyBytes
  if (valueStart > end) throw new BadBytes(keyStart, `a key of ${keyBytes} bytes, ${end - keyStart} are left`)
  return { keyStart, valueStart, valueBytes, facts }
}

/** A view of bytes[start, end): what `subarray` gives, in half of the time. */
export function viewOf(bytes: Uint8Array, start: number, end: number): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start)
}

function readFacts(reader: ByteReader, flags: number): EntryFacts {
  const at = reader.position
  const seqNum = flags & EntryFlag.seqNum ? reader.u53() : 0
  const expiryMs = flags & EntryFlag.expiry ? reader.u53() : 0
  const source = flags & EntryFlag.source ? reader.text(TEXT_BYTES_MAX) : null
  const reason = flags & EntryFlag.reason ? reader.text(TEXT_BYTES_MAX) : null
  if ((flags & EntryFlag.seqNum) !== 0 && !(seqNum > 0 && seqNum <= SEQ_NUM_MAX)) {
    throw new BadBytes(at, `the sequence number ${seqNum}`)
  }
  if ((flags & EntryFlag.expiry) !== 0 && expiryMs === 0) throw new BadBytes(at, 'an expiry of 0')
  return { seqNum, expiryMs, source, reason }
}

/** The entry has something that this version does not know. */
export class UnknownPart extends BadBytes {}

/** What the end of a stream says of all before it. */
export interface StreamEnd {
  count: number
  bytes: number
  checksum: number
}

export function putEnd(bytes: Uint8Array, at: number, end: StreamEnd): void {
  putU53(bytes, at, end.count)
  putU53(bytes, at + 8, end.bytes)
  putU32(bytes, at + 16, end.checksum)
  putU32(bytes, at + 20, 0)
}

export function readEnd(bytes: Uint8Array, at: number): StreamEnd {
  return { count: getU53(bytes, at), bytes: getU53(bytes, at + 8), checksum: getU32(bytes, at + 16) }
}
