/**
 * What: the one place that decides which frames of a log a reader understands: types, flags, extensions, entries.
 * A code that is not known is refused by name with UNSUPPORTED_FORMAT; bytes that no version writes are CORRUPTION.
 * Recovery and followers throw what is found here, a dump prints it.
 * Thread: any (pure). Nothing is allocated for a frame that is understood.
 * Invariants: REC-7 a code that is not known is refused by name, never taken for an end.
 */
import { alignUp, compareRanges } from './bytes.js'
import { getU32 } from './coding.js'
import {
  EncodingFlag, encodingFlags, ENTRY_BYTES_MIN, entryEndWithin, entryKeyEnd, entryKeyStart, entryKind, entryValueEnd,
  expiryOf, frontBytes, KIND_MASK, kindOf, VersionFlag,
} from './entry.js'
import { corruption, unsupportedFormat } from './errors.js'
import type { VarveError } from './errors.js'
import { FILE_HEADER_BYTES } from './file-header.js'
import {
  EXTENSION_HEADER_BYTES, ExtensionType, FRAME_HEADER_BYTES, FrameFlag, FrameType, PREDECESSOR_BODY_BYTES,
  PREDECESSOR_ZEROS_AT, SECOND_FRAME_OFFSET,
} from './frame.js'
import type { FrameHeader, KnownFrames } from './frame.js'
import { EntryKind } from './ids.js'
import { BATCH_COUNT_MAX, KEY_BYTES_MAX, POSITION_BYTES_MAX } from './limits.js'
import { handleProblem } from './value-handle.js'

/** Extensions of this type and above say nothing that a reader must know. */
const EXTENSION_SKIPPED_MIN = 128
/** The version flags that readers take. */
const VERSION_FLAGS_KNOWN = VersionFlag.expiry
const VERSION_FLAGS_DEFINED = VersionFlag.expiry | VersionFlag.packed

/** The name that a format gives to a code. */
export function codeName(names: Readonly<Record<string, number>>, code: number): string | undefined {
  return Object.keys(names).find((name) => names[name] === code)
}

function named(names: Readonly<Record<string, number>>, code: number, shown = String(code)): string {
  const name = codeName(names, code)
  return name === undefined ? shown : `${shown} (${name})`
}

/** Makes the error for a frame whose header is right, but whose type or flags a reader of this file does not know. */
export function unknownFrame(file: string, offset: number, frame: FrameHeader, known: KnownFrames): VarveError {
  const { type, flags } = frame
  const knownFlags = known[type]
  if (knownFlags === undefined) return unsupportedFormat(file, offset, `frame type ${named(FrameType, type)}`)
  const what = `frame flag ${named(FrameFlag, lowestBit(flags & ~knownFlags))} of type ${named(FrameType, type)}`
  return unsupportedFormat(file, offset, what)
}

function lowestBit(flags: number): number {
  return flags & -flags
}

/**
 * Tells why a good frame of a log or value log cannot be taken, or null. The frame stands at bytes[at]; its offset in
 * the file is `shift` more. Requires: the frame's checksums were right.
 */
export function frameProblem(
  bytes: Uint8Array, at: number, frame: FrameHeader, file: string, shift = 0,
): VarveError | null {
  const start = at + FRAME_HEADER_BYTES
  if (frame.extensionBytes > 0) {
    const problem = extensionsProblem(bytes, start, start + frame.extensionBytes, file, shift)
    if (problem !== null) return problem
  }
  if (frame.type === FrameType.batch) return entriesProblem(bytes, at, frame, file, shift)
  if (frame.type === FrameType.values) return valuesProblem(bytes, at, frame, file, shift)
  if (frame.type === FrameType.ingestNote) return noteProblem(at + shift, frame, file)
  if (frame.type !== FrameType.predecessor) return null
  if (at + shift !== FILE_HEADER_BYTES) return corruption(file, at + shift, 'predecessor frame behind other frames')
  if (frame.bodyBytes !== PREDECESSOR_BODY_BYTES || frame.extensionBytes !== 0) {
    return unsupportedFormat(file, at + shift, `predecessor frame with a body of ${frame.bodyBytes} bytes`)
  }
  if (getU32(bytes, start + PREDECESSOR_ZEROS_AT) === 0) return null
  return unsupportedFormat(file, start + PREDECESSOR_ZEROS_AT + shift, 'predecessor frame with more than zeros')
}

/** What stands in the body of a note, who reads it checks (wal/ingest-note.ts). */
function noteProblem(offset: number, { extensionBytes }: FrameHeader, file: string): VarveError | null {
  if (offset !== SECOND_FRAME_OFFSET) return corruption(file, offset, 'ingest note behind other frames')
  return extensionBytes === 0 ? null : unsupportedFormat(file, offset, 'ingest note with extensions')
}

function extensionsProblem(
  bytes: Uint8Array, start: number, end: number, file: string, shift: number,
): VarveError | null {
  let lastType = -1
  for (let at = start; at < end;) {
    if (end - at < EXTENSION_HEADER_BYTES) return corruption(file, at + shift, 'extension runs over its frame')
    const type = bytes[at]!
    const length = bytes[at + 2]! | (bytes[at + 3]! << 8)
    const next = alignUp(at + EXTENSION_HEADER_BYTES + length - start, 4) + start
    if (next > end) return corruption(file, at + shift, 'extension runs over its frame')
    if (type <= lastType) return corruption(file, at + shift, `extension ${type} behind extension ${lastType}`)
    if (type !== ExtensionType.position && type < EXTENSION_SKIPPED_MIN) {
      return unsupportedFormat(file, at + shift, `extension ${named(ExtensionType, type)}`)
    }
    if (type < EXTENSION_SKIPPED_MIN && bytes[at + 1] !== 0) {
      return unsupportedFormat(file, at + shift, `extension ${named(ExtensionType, type)} with flags ${bytes[at + 1]}`)
    }
    if (type === ExtensionType.position && length > POSITION_BYTES_MAX) {
      return corruption(file, at + shift, `position of ${length} bytes`)
    }
    lastType = type
    at = next
  }
  return null
}

/** Tells why the entries of a body cannot be taken, or null; they must fill the body exactly. */
function entriesProblem(
  bytes: Uint8Array, frameAt: number, frame: FrameHeader, file: string, shift: number,
): VarveError | null {
  const { count, flags } = frame
  if (count > BATCH_COUNT_MAX) return corruption(file, frameAt + shift, `batch of ${count} entries`)
  const isApart = (flags & FrameFlag.valuesApart) !== 0
  const end = frameAt + FRAME_HEADER_BYTES + frame.bodyBytes
  let at = frameAt + FRAME_HEADER_BYTES + frame.extensionBytes
  let isAnyApart = false
  for (let i = 0; i < count; i++) {
    if (end - at < ENTRY_BYTES_MIN) return corruption(file, at + shift, 'entry runs over the end of its frame')
    const kind = entryKind(bytes, at)
    if ((kind !== EntryKind.value && kind !== EntryKind.tombstone) || encodingFlags(bytes, at) !== 0) {
      const problem = entryProblem(bytes, at, frame, file, at + shift)
      if (problem !== null) return problem
      if (encodingFlags(bytes, at) !== 0) isAnyApart = true
    }
    const next = entryEndWithin(bytes, at, end)
    if (next < 0) return corruption(file, at + shift, 'entry runs over the end of its frame')
    if (kind !== EntryKind.value && hasContent(kind)) {
      const problem = contentProblem(bytes, kind, entryKeyEnd(bytes, at), entryValueEnd(bytes, at))
      if (problem !== null) return corruption(file, at + shift, problem)
    } else if (kind === EntryKind.rangeTombstone && !isRange(bytes, at)) {
      return corruption(file, at + shift, 'a range tombstone over no key')
    }
    at = next
  }
  if (at !== end) return corruption(file, at + shift, 'entries do not fill their frame')
  return isApart && !isAnyApart ? corruption(file, frameAt + shift, 'no value is apart in a frame that says so') : null
}

/** True when the bounds of a range tombstone have keys between them, and are no longer than keys. */
function isRange(bytes: Uint8Array, at: number): boolean {
  const keyEnd = entryKeyEnd(bytes, at)
  const valueEnd = entryValueEnd(bytes, at)
  if (valueEnd === keyEnd) return true
  return valueEnd - keyEnd <= KEY_BYTES_MAX &&
    compareRanges(bytes, entryKeyStart(bytes, at), keyEnd, bytes, keyEnd, valueEnd) < 0
}

/** Tells what is wrong with a frame of a value log: it is one entry, which has a checksum of its own. */
function valuesProblem(
  bytes: Uint8Array, at: number, frame: FrameHeader, file: string, shift: number,
): VarveError | null {
  if (frame.count !== 1) return corruption(file, at + shift, `frame of ${frame.count} values`)
  if ((frame.flags & FrameFlag.valuesApart) === 0) {
    return corruption(file, at + shift, 'a value without a checksum of its own')
  }
  return entriesProblem(bytes, at, frame, file, shift)
}

/**
 * Tells what is wrong with an entry that is not plain, or null when it is a value apart in a frame that says so, or a
 * handle or a range tombstone in a log.
 */
function entryProblem(
  bytes: Uint8Array, at: number, { type, flags }: FrameHeader, file: string, offset: number,
): VarveError | null {
  const kind = entryKind(bytes, at)
  const encoding = encodingFlags(bytes, at)
  const isHandle = kindOf(kind) === EntryKind.valueHandle && (kind & ~KIND_MASK & ~VERSION_FLAGS_KNOWN) === 0
  const isOfLogs = (isHandle || kind === EntryKind.rangeTombstone) && type === FrameType.batch
  if (isOfLogs && encoding === 0) return null
  const isApart = (flags & FrameFlag.valuesApart) !== 0
  const problem = isOfLogs ? null : kindProblem(kind)
  if (problem !== null) return (problem.isCorrupt ? corruption : unsupportedFormat)(file, offset, problem.what)
  const unknown = lowestBit(encoding & ~EncodingFlag.checksum)
  if (unknown !== 0) return unsupportedFormat(file, offset, `entry encoding flag ${named(EncodingFlag, unknown)}`)
  if (encoding === 0) return null
  if (!isApart) return corruption(file, offset, 'a value has a checksum of its own, but its frame does not say so')
  if (kindOf(kind) === EntryKind.value || kind === EntryKind.rangeTombstone) return null
  const what = kind === EntryKind.tombstone ? 'a tombstone' : 'a value handle'
  return corruption(file, offset, `${what} with the checksum of a value`)
}

/**
 * Tells why this version reads no entry with this kind and these version flags, or null when it does. (Where handles
 * and range tombstones may stand without version flags their readers take them before they ask.)
 */
export function kindProblem(kindAndFlags: number): { isCorrupt: boolean; what: string } | null {
  const kind = kindAndFlags & KIND_MASK
  const versionFlags = kindAndFlags & ~KIND_MASK
  const kindName = named(EntryKind, kind)
  const mayHaveFlags = hasContent(kind) || kind === EntryKind.operand
  if (!mayHaveFlags && (versionFlags & VERSION_FLAGS_DEFINED) !== 0) {
    const flag = flagName(versionFlags & VERSION_FLAGS_DEFINED)
    return { isCorrupt: true, what: `entry kind ${kindName} with version flag ${flag}` }
  }
  const isKnown = kind === EntryKind.value || kind === EntryKind.tombstone
  const isKnownInTables = kind === EntryKind.valueHandle && versionFlags !== 0
  if (!isKnown && !isKnownInTables) return { isCorrupt: false, what: `entry kind ${kindName}` }
  const unknown = versionFlags & ~VERSION_FLAGS_KNOWN
  return unknown === 0 ? null : { isCorrupt: false, what: `entry version flag ${flagName(unknown)}` }
}

/** True for the kinds of values, wherever these stand. */
function hasContent(kindAndFlags: number): boolean {
  const kind = kindAndFlags & KIND_MASK
  return kind === EntryKind.value || kind === EntryKind.valueHandle
}

/** Tells what is wrong with a value at bytes[start, end) that has a front, or is a handle; null for a right one. */
export function contentProblem(bytes: Uint8Array, kind: number, start: number, end: number): string | null {
  const contentStart = start + frontBytes(kind)
  if (contentStart > end) return `a value of ${end - start} bytes, too short for its expiry`
  if (contentStart > start && !(expiryOf(kind, bytes, start) > 0)) return 'an expiry that is 0, or 2^53 or more'
  return kindOf(kind) === EntryKind.valueHandle ? handleProblem(bytes, contentStart, end) : null
}

/** The name of the lowest of these version flags. */
function flagName(flags: number): string {
  const flag = lowestBit(flags)
  return named(VersionFlag, flag, `0x${flag.toString(16)}`)
}
