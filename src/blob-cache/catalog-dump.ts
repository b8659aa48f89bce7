/**
 * What: a catalog as annotated sections, for people.
 * Thread: any (pure).
 */
import { BadBytes, FrameType, MANIFEST_FRAMES, SALT_BYTES, toHex, VarveError } from '../base/index.js'
import type { FrameHeader } from '../base/index.js'
import { frameSections, keyOf, nameOf, printBytes } from '../dump/index.js'
import type { Annotator, ByteSource, Section } from '../dump/index.js'
import { ChangeTag, SEGMENT_QUEUES } from './catalog-format.js'
import { changesOf } from './catalog-reader.js'

/** Describes every byte of a catalog, damaged or not. */
export function describeCatalog(source: ByteSource, file: string): Generator<Section> {
  return frameSections(source, file, { magic: 'varvecat', known: MANIFEST_FRAMES, readBody, problemIn })
}

/** The reason why a reader refuses a group, or null. */
function problemIn(content: Uint8Array, frame: FrameHeader, file: string, offset: number): VarveError | null {
  try {
    if (frame.type === FrameType.editGroup) changesOf(content, 0, frame, file, offset)
    return null
  } catch (error) {
    if (VarveError.is(error)) return error
    throw error
  }
}

function readBody(it: Annotator, frame: FrameHeader): Record<string, unknown> {
  if (frame.type !== FrameType.editGroup) return {}
  const start = it.position
  const changes: Record<string, unknown>[] = []
  for (let i = 0; i < frame.count && it.left > 0; i++) {
    const tag = it.u32('change', (n) => nameOf(ChangeTag, n))
    const bytes = it.u32('bytes of what follows')
    changes.push({ [keyOf(ChangeTag, tag)]: readValue(it, tag, Math.min(bytes, it.left)) })
    it.zeros((8 - ((it.position - start) % 8)) % 8)
  }
  return { changes }
}

function readValue(it: Annotator, tag: number, bytes: number): unknown {
  const end = it.position + bytes
  try {
    return readKnown(it, tag, end)
  } catch (error) {
    if (!(error instanceof BadBytes)) throw error
    return printBytes(it.raw(end - it.position, 'value'))
  }
}

function readKnown(it: Annotator, tag: number, end: number): unknown {
  switch (tag) {
    case ChangeTag.numbers: {
      const [seqNum, fileNum] = [it.u53('highest sequence number'), it.u53('highest file number')]
      it.zeros(8)
      return { seqNum, fileNum }
    }
    case ChangeTag.addSegment:
      return { segment: it.u32('segment'), queue: queueOf(it), salt: toHex(it.raw(SALT_BYTES, 'salt')) }
    case ChangeTag.sealSegment:
    case ChangeTag.limit: return { segment: it.u32('segment'), bytes: it.u32('bytes') }
    case ChangeTag.removeSegment: {
      const segment = it.u32('segment')
      it.zeros(4)
      return segment
    }
    case ChangeTag.kills: return readKills(it, end)
    case ChangeTag.purge: {
      const namespace = it.u32('hash of the namespace')
      it.zeros(4)
      return { namespace, seqNum: it.u53('sequence number') }
    }
    case ChangeTag.dead: {
      const segment = it.u32('segment')
      return { segment, bits: toHex(it.raw(it.u32('bytes of bits'), 'a bit for each dead record')) }
    }
    case ChangeTag.index: {
      const fileNum = it.u32('number of the file')
      it.zeros(4)
      return { fileNum, bytes: it.u53('bytes of the file'), salt: toHex(it.raw(SALT_BYTES, 'salt')) }
    }
    default: return printBytes(it.raw(end - it.position, 'value'))
  }
}

function queueOf(it: Annotator): string {
  return SEGMENT_QUEUES[it.u32('queue', (n) => SEGMENT_QUEUES[n] ?? 'unknown')] ?? 'unknown'
}

function readKills(it: Annotator, end: number): Record<string, number>[] {
  const kills: Record<string, number>[] = []
  while (it.position < end) {
    it.u32('kill: hash, low half')
    it.u32('hash, high half')
    kills.push({ segment: it.u32('segment'), recordNum: it.u32('record number') })
  }
  return kills
}
