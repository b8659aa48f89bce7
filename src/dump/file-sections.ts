/**
 * What: file header and frame header as annotated sections; logs and manifests share both.
 * Drawn in base/file-header.ts and base/frame.ts.
 * Thread: any (pure).
 */
import {
  BadBytes, FILE_HEADER_BYTES, FRAME_HEADER_BYTES, FrameType, decodeFileHeader, emptyFrameHeader,
  fileSeed, frameBytes, readFrame, readFrameHeader, toHex,
} from '../base/index.js'
import type { FileMagic, FrameHeader } from '../base/index.js'
import { Annotator } from './annotate.js'
import type { Section } from './annotate.js'

/** The name that a format gives a number. */
export function keyOf(names: Readonly<Record<string, number>>, value: number): string {
  return Object.keys(names).find((name) => names[name] === value) ?? `unknown ${value}`
}

/** `name (number)`. */
export function nameOf(names: Readonly<Record<string, number>>, value: number): string {
  return `${keyOf(names, value)} (${value})`
}

function fileHeaderSection(bytes: Uint8Array, magic: FileMagic, file: string): Section {
  const header = decodeFileHeader(bytes, magic, file)
  const it = new Annotator(bytes, 0, FILE_HEADER_BYTES)
  it.raw(8, 'magic')
  const format = it.u32('format version')
  it.u32('features a reader must know')
  it.u32('features a writer must know')
  it.u32('features anyone may ignore')
  it.raw(16, 'database id')
  it.u53('file number')
  it.raw(8, 'salt')
  it.u53('writer generation')
  it.u53('encryption key id')
  it.zeros(52)
  it.checksum('checksum of the header')
  const { fileNum, generation, databaseId, salt } = header
  return {
    title: 'file header', offset: 0, bytes: FILE_HEADER_BYTES, fields: it.fields,
    data: { magic, format, fileNum, generation, databaseId: toHex(databaseId), salt: toHex(salt) },
  }
}

/** Annotates a frame's header; the body begins at the annotator's position then. */
function annotateFrameHeader(it: Annotator): void {
  it.checksum('checksum of the frame header')
  it.u32('body bytes')
  it.checksum('checksum of the body')
  it.u8('frame type', (type) => nameOf(FrameType, type))
  it.u8('flags')
  it.u16('bytes of extensions')
  it.u53('first sequence number, or group')
  it.u32('count')
  it.u32('writer generation, low bits')
  it.u32('sync mark: files back')
  it.u32('sync mark: bytes')
}

/** Annotates a frame's body and gives what it says as named values. */
export type BodyReader = (it: Annotator, frame: FrameHeader) => Record<string, unknown>

/**
 * The file header, each good frame with what `readBody` finds in its body, and what is no frame.
 * Frames behind a bad place are looked for, so that damage shows as what it is.
 */
export function* frameSections(
  bytes: Uint8Array, magic: FileMagic, file: string, readBody: BodyReader,
): Generator<Section> {
  yield fileHeaderSection(bytes, magic, file)
  const seed = fileSeed(decodeFileHeader(bytes, magic, file))
  for (let at = FILE_HEADER_BYTES; at < bytes.length;) {
    const section = readFrame(bytes, at, bytes.length, at, seed, emptyFrameHeader()) === 'good'
      ? frameSection(bytes, at, seed, readBody)
      : restSection(bytes, at, nextFrame(bytes, at + 8, seed))
    yield section
    at += section.bytes
  }
}

/** Requires: a good frame stands at `at`. */
function frameSection(bytes: Uint8Array, at: number, seed: number, readBody: BodyReader): Section {
  const frame = emptyFrameHeader()
  readFrameHeader(bytes, at, at, seed, frame)
  const bodyEnd = at + FRAME_HEADER_BYTES + frame.bodyBytes
  const end = at + frameBytes(frame.bodyBytes)
  const it = new Annotator(bytes, at, bodyEnd)
  annotateFrameHeader(it)
  const body = readBodySafely(it, frame, readBody)
  if (it.left > 0) it.raw(it.left, 'body')
  const padding = { offset: bodyEnd, bytes: end - bodyEnd, name: 'padding', meaning: '' }
  if (padding.bytes > 0) it.fields.push(padding)
  const type = keyOf(FrameType, frame.type)
  const { firstSeqNum, count, generation, markDistance, markBytes } = frame
  return {
    title: `frame: ${type}`, offset: at, bytes: end - at, fields: it.fields,
    data: { offset: at, type, firstSeqNum, count, generation, markDistance, markBytes, ...body },
  }
}

/** A right checksum around a wrong body must not stop a dump. */
function readBodySafely(
  it: Annotator, frame: FrameHeader, readBody: BodyReader,
): Record<string, unknown> {
  try {
    return readBody(it, frame)
  } catch (error) {
    if (!(error instanceof BadBytes)) throw error
    return { problem: `offset ${error.offset}: ${error.message}` }
  }
}

function nextFrame(bytes: Uint8Array, from: number, seed: number): number {
  const frame = emptyFrameHeader()
  for (let at = from; at + FRAME_HEADER_BYTES <= bytes.length; at += 8) {
    if (readFrame(bytes, at, bytes.length, at, seed, frame) === 'good') return at
  }
  return bytes.length
}

function restSection(bytes: Uint8Array, at: number, end: number): Section {
  const isZero = bytes.subarray(at, end).every((byte) => byte === 0)
  const isLast = end === bytes.length
  const title = isZero ? 'zeros' : isLast ? 'no frame' : 'no frame, but frames behind it'
  const it = new Annotator(bytes, at, end)
  if (!isZero) it.raw(end - at, 'no frame')
  const data = { offset: at, bytes: end - at, type: title }
  return { title, offset: at, bytes: end - at, fields: it.fields, data }
}
