/**
 * What: file header and frame header as annotated sections; logs and manifests share both.
 * Drawn in base/file-header.ts and base/frame.ts.
 * Thread: any (pure).
 */
import {
  BadBytes, codeName, decodeFileHeader, emptyFrameHeader, FILE_HEADER_BYTES, fileSeedOf, FRAME_HEADER_BYTES, frameBytes,
  FrameFlag, FrameType, isKnownFrame, listFeatures, readFrame, readFrameHeader, toHex, unknownFrame, VarveError,
} from '../base/index.js'
import type { FileMagic, FrameHeader, KnownFrames } from '../base/index.js'
import { Annotator, FIELD_BYTES_SHOWN } from './annotate.js'
import type { Problem, Section } from './annotate.js'
import { bytesSource } from './byte-source.js'
import type { ByteSource } from './byte-source.js'

/** Gives the name that a format has for a number. */
export function keyOf(names: Readonly<Record<string, number>>, value: number): string {
  return codeName(names, value) ?? `unknown ${value}`
}

/** Gives `name (number)`, with the names of all flags that are set. */
export function flagNames(names: Readonly<Record<string, number>>, flags: number): string {
  const set = Object.keys(names).filter((name) => (flags & names[name]!) !== 0)
  return flags === 0 ? '0' : `${set.join(', ')} (${flags})`.trimStart()
}

/** Gives `name (number)`. */
export function nameOf(names: Readonly<Record<string, number>>, value: number): string {
  return `${keyOf(names, value)} (${value})`
}

/** The problem that a VarveError tells about a file's bytes; any other error is thrown on. */
export function problemOf(error: unknown): Problem {
  if (!VarveError.is(error)) throw error
  return { offset: error.offset ?? 0, message: error.message }
}

/** Describes a part that has no meaning, or none that can be told. `source` is asked for its first bytes. */
export function unknownSection(
  source: ByteSource, part: Pick<Section, 'title' | 'offset' | 'bytes' | 'problems'>,
): Section {
  const { title, offset, bytes } = part
  const content = firstBytes(source, offset, Math.min(bytes, FIELD_BYTES_SHOWN))
  const field = { offset, bytes, name: title, meaning: '' }
  return { ...part, summary: '', content, fields: [field], data: { offset, bytes, type: title } }
}

/** Gives the first bytes of a part, or none when they cannot be read. */
function firstBytes(source: ByteSource, offset: number, bytes: number): Uint8Array {
  try {
    return source.read(offset, bytes)
  } catch {
    return new Uint8Array(0)
  }
}

/** Describes the header as it stands there; what is wrong with it is among the problems. */
export function fileHeaderSection(content: Uint8Array, magic: FileMagic, file: string): Section {
  const it = new Annotator(content, 0)
  const problems: Problem[] = []
  const found = String.fromCharCode(...content.subarray(0, magic.length))
  if (found !== magic) {
    problems.push({ offset: 0, message: `${file} does not begin with '${magic}': not such a file, or damaged` })
  }
  try {
    decodeFileHeader(content, magic, file)
  } catch (error) {
    problems.push(problemOf(error))
  }
  const data = content.length < FILE_HEADER_BYTES ? {} : { magic: found, ...annotateFileHeader(it) }
  if (it.left > 0) it.raw(it.left, 'cut short')
  return {
    title: 'file header', offset: 0, bytes: content.length, summary: '', content, fields: it.fields, data, problems,
  }
}

function annotateFileHeader(it: Annotator): Record<string, unknown> {
  it.raw(8, 'magic')
  const format = it.u32('format version')
  it.u32('features a reader must know', (n) => (n === 0 ? '0' : listFeatures(n)))
  it.u32('features a writer must know')
  it.u32('features anyone may ignore')
  const databaseId = it.raw(16, 'database id')
  const fileNum = it.u53('file number')
  const salt = it.raw(8, 'salt')
  const generation = it.u53('writer generation')
  it.u53('encryption key id')
  const lineage = it.u53('lineage')
  it.zeros(44)
  it.checksum('checksum of the header')
  return { format, fileNum, generation, lineage, databaseId: toHex(databaseId), salt: toHex(salt) }
}

/** Annotates a frame's header; the body begins at the annotator's position then. */
function annotateFrameHeader(it: Annotator): void {
  it.checksum('checksum of the frame header')
  it.u32('body bytes')
  it.checksum('checksum of the body')
  it.u8('frame type', (type) => nameOf(FrameType, type))
  it.u8('flags', (flags) => flagNames(FrameFlag, flags))
  it.u16('bytes of extensions')
  it.u53('first sequence number, or group')
  it.u32('count')
  it.u32('writer generation, low bits')
  it.u32('sync mark: files back')
  it.u32('sync mark: bytes')
}

/** How one kind of file uses frames. */
export interface FrameFormat {
  magic: FileMagic
  known: KnownFrames
  /** Annotates a frame's body and gives what it says as named values. */
  readBody: (it: Annotator, frame: FrameHeader) => Record<string, unknown>
  /** Why the frame at the start of `content` is refused, or null; `offset`: its place in the file. */
  problemIn?: (content: Uint8Array, frame: FrameHeader, file: string, offset: number) => VarveError | null
}

/**
 * Describes the file header, each frame with what `readBody` finds in its body, and what is no frame, with what is
 * wrong there. Frames behind a bad place are looked for, so that damage shows as what it is; only zeros at the end
 * are no problem.
 */
export function* frameSections(
  source: ByteSource, file: string, format: FrameFormat,
): Generator<Section> {
  const header = source.read(0, FILE_HEADER_BYTES).slice()
  yield fileHeaderSection(header, format.magic, file)
  if (header.length < FILE_HEADER_BYTES) return
  const frames: FrameSource = { source, file, seed: fileSeedOf(header), format }
  for (let at = FILE_HEADER_BYTES; at < source.size;) {
    const section = frameSection(frames, at) ?? noFrameSection(frames, at)
    yield section
    at += section.bytes
  }
}

interface FrameSource {
  source: ByteSource
  file: string
  seed: number
  format: FrameFormat
}

/** True when a good frame header stands at `at`; fills `frame`. */
function readHeaderAt({ source, seed }: FrameSource, at: number, frame: FrameHeader): boolean {
  const header = source.read(at, FRAME_HEADER_BYTES)
  return header.length === FRAME_HEADER_BYTES && readFrameHeader(header, 0, at, seed, frame)
}

/**
 * Gives the frame at `at`, as far as the file goes, when it is good or its header is right and unknown; fills
 * `frame`.
 */
function readFrameAt(frames: FrameSource, at: number, frame: FrameHeader): Uint8Array | null {
  const { source, seed, format: { known } } = frames
  if (!readHeaderAt(frames, at, frame)) return null
  const bytes = source.read(at, Math.min(frameBytes(frame.bodyBytes), source.size - at))
  const state = readFrame(bytes, 0, bytes.length, at, seed, known, frame)
  return state === 'good' || state === 'unknown' ? bytes : null
}

function frameSection(frames: FrameSource, at: number): Section | null {
  const frame = emptyFrameHeader()
  const content = readFrameAt(frames, at, frame)
  if (content === null) return null
  const bodyEnd = Math.min(FRAME_HEADER_BYTES + frame.bodyBytes, content.length)
  const it = new Annotator(content, at, bodyEnd)
  annotateFrameHeader(it)
  const { problems, body } = describeBody(frames, it, frame, at)
  if (it.left > 0) it.raw(it.left, 'body')
  const padding = { offset: at + bodyEnd, bytes: content.length - bodyEnd, name: 'padding', meaning: '' }
  if (padding.bytes > 0) it.fields.push(padding)
  if (!isAllZero(bytesSource(content), bodyEnd, content.length)) {
    const { offset } = padding
    problems.push({ offset, message: `${frames.file} at offset ${offset}: padding is not zero` })
  }
  const type = keyOf(FrameType, frame.type)
  const { firstSeqNum, count, generation, markDistance, markBytes } = frame
  return {
    title: `frame: ${type}`, offset: at, bytes: content.length, summary: frameSummary(frame), content,
    fields: it.fields, problems,
    data: { offset: at, type, firstSeqNum, count, generation, markDistance, markBytes, ...body },
  }
}

/** Describes a body, and tells the problems of its frame as a reader of the database would. */
function describeBody(
  { file, format }: FrameSource, it: Annotator, frame: FrameHeader, at: number,
): { problems: Problem[]; body: Record<string, unknown> } {
  const { known, readBody, problemIn } = format
  if (!isKnownFrame(frame, known)) return { problems: [problemOf(unknownFrame(file, at, frame, known))], body: {} }
  const refused = problemIn?.(it.content, frame, file, at) ?? null
  const problems = refused === null ? [] : [problemOf(refused)]
  return { problems, body: readBodySafely(() => readBody(it, frame), file, problems) }
}

function frameSummary({ type, firstSeqNum, count }: FrameHeader): string {
  if (type === FrameType.batch) {
    const last = firstSeqNum + count - 1
    return count === 1 ? `sequence number ${last}` : `sequence numbers ${firstSeqNum} to ${last}`
  }
  if (type === FrameType.values) return `sequence number ${firstSeqNum}`
  if (type === FrameType.ingestNote) return `sequence number ${firstSeqNum}, stretches ${count}`
  return type === FrameType.editGroup ? `group ${firstSeqNum}, edits ${count}` : ''
}

/** Reads a body without throwing: a right checksum around a wrong body must not stop a dump. */
function readBodySafely(
  read: () => Record<string, unknown>, file: string, problems: Problem[],
): Record<string, unknown> {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof BadBytes)) throw error
    const { offset, message } = error
    if (problems.length === 0) problems.push({ offset, message: `${file} at offset ${offset}: ${message}` })
    return {}
  }
}

/** Describes what stands at `at`, up to the next good frame or the end. */
function noFrameSection(frames: FrameSource, at: number): Section {
  const { source, file } = frames
  const end = findFrame(frames, at + 8)
  const isZero = isAllZero(source, at, end)
  const isLast = end === source.size
  const part = { offset: at, bytes: end - at, problems: [] }
  if (isZero && isLast) {
    const data = { offset: at, bytes: end - at, type: 'zeros' }
    return { ...part, title: 'zeros', summary: '', content: new Uint8Array(0), fields: [], data }
  }
  const frame = emptyFrameHeader()
  const hasHeader = readHeaderAt(frames, at, frame)
  const left = source.size - at
  const what = isZero ? 'zeros' : hasHeader ? whyBadBody(frame, left) : 'no frame header'
  const behind = isLast ? 'a write that was cut off, or damage' : `there are good frames behind it, from ${end} on`
  const problems = [{ offset: at, message: `${file} at offset ${at}: ${what}; ${behind}` }]
  const title = isLast ? 'no frame' : 'no frame, but frames behind it'
  const section = unknownSection(source, { ...part, title, problems })
  return hasHeader && section.bytes >= FRAME_HEADER_BYTES ? withFrameHeader(section) : section
}

/** Finds the first good frame from `from` on, or the end of the file. */
function findFrame(frames: FrameSource, from: number): number {
  const frame = emptyFrameHeader()
  const { size } = frames.source
  for (let at = from; at + FRAME_HEADER_BYTES <= size; at += 8) {
    if (readFrameAt(frames, at, frame) !== null) return at
  }
  return size
}

function isAllZero(source: ByteSource, start: number, end: number): boolean {
  for (let at = start; at < end;) {
    const bytes = source.read(at, Math.min(end - at, 65_536))
    if (bytes.length === 0 || bytes.some((byte) => byte !== 0)) return false
    at += bytes.length
  }
  return true
}

function whyBadBody({ bodyBytes }: FrameHeader, left: number): string {
  const total = frameBytes(bodyBytes)
  if (total > left) return `a frame of ${total} bytes, ${left} are left`
  return 'the body of the frame is not what its checksum says'
}

/** Adds the fields of the frame's header, which a frame has even when its body is bad. */
function withFrameHeader(section: Section): Section {
  const { offset, bytes, content, title } = section
  const it = new Annotator(content, offset)
  annotateFrameHeader(it)
  const rest = { offset: offset + FRAME_HEADER_BYTES, bytes: bytes - FRAME_HEADER_BYTES, name: title, meaning: '' }
  if (rest.bytes > 0) it.fields.push(rest)
  return { ...section, fields: it.fields }
}
