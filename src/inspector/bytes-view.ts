/**
 * What: the files of a database, and the bytes of one of them with the meaning of each: what `varve dump` prints. A
 * file is asked for by its kind and number, so that no name from outside is ever made a path.
 * Owns: nothing that stays; a file is open while one answer is made. Thread: main, in short steps.
 */
import {
  ioError, logFileName, manifestFileName, parseFileName, tableFileName, VarveError, vlogFileName,
} from '../base/index.js'
import type { Clock, FileNum } from '../base/index.js'
import { namesIn } from '../directory/index.js'
import { describeLog, describeValueLog, FIELD_BYTES_SHOWN, hexPairs, problemOf } from '../dump/index.js'
import type { ByteSource, Problem, Section } from '../dump/index.js'
import { describeManifest } from '../manifest/index.js'
import { describeTable } from '../sstable/index.js'
import type { Vfs, VfsFile } from '../vfs/index.js'
import type { Subject } from './subject.js'

const NAMES = { log: logFileName, vlog: vlogFileName, manifest: manifestFileName, table: tableFileName } as const
export type FileKind = keyof typeof NAMES

const SECTIONS_MAX = 200
const FIELDS_MAX = 400
const WINDOW_BYTES = 256 * 1024
/** The thread is let go after so long. */
const STEP_MS = 4

export function isFileKind(kind: string): kind is FileKind {
  return Object.hasOwn(NAMES, kind)
}

/** Every file under one of our names, newest first. */
export async function filesView({ vfs, dir }: Subject): Promise<object> {
  const files: { kind: string; num: number; bytes: number }[] = []
  for (const name of await namesIn(dir, vfs)) {
    const parsed = parseFileName(name)
    if (parsed === null || !isFileKind(parsed.kind) || !('fileNum' in parsed)) continue
    const info = await vfs.stat(vfs.join(dir, name)).catch(() => null)
    if (info?.kind === 'file') files.push({ kind: parsed.kind, num: parsed.fileNum, bytes: info.size })
  }
  return { files: files.sort((a, b) => b.num - a.num) }
}

/** Which part of a file is wanted. */
export interface BytesRequest {
  readonly kind: FileKind
  readonly num: FileNum
  /** The first section that is listed. */
  readonly from: number
  /** The section of which all fields are told; -1: none. */
  readonly section: number
  /** False leaves out bytes that may be of values. */
  readonly values: boolean
}

/** Fields that hold values, or bytes of which it is not known whether they do. */
const MAY_BE_VALUES = /(^|: )value$|^body$|more$|^no |^rest|^cut|LZ4 block$|^frame|zeros, as/
/** Fields of more bytes than a number has that never hold values. */
const NO_VALUES = /key$|suffix$|prefix|bound|deleted|^line |^magic$|id$|salt|^zeros?$|^padding$|^pin|hash/
const NUMBER_BYTES = 8

/** Sections of a file, and the fields of one. Rejects with NOT_FOUND without such a file. */
export async function bytesView(subject: Subject,
  { kind, num, from, section: wanted, values }: BytesRequest): Promise<object> {
  const { vfs, dir, clock } = subject
  const name = NAMES[kind](num)
  const file = await openFile(vfs, vfs.join(dir, name), name)
  try {
    const last = Math.max(from + SECTIONS_MAX - 1, wanted)
    const sections: object[] = []
    const problems: Problem[] = []
    let fields: object[] | null = null
    let index = 0
    for await (const section of inSteps(sectionsOf(kind, file, name), clock, problems)) {
      if (index > last) return { name, kind, num, from, sections, fields, problems, isEnd: false }
      const { title, offset, bytes, summary } = section
      if (index >= from && index < from + SECTIONS_MAX) {
        sections.push({ index, title, offset, bytes, summary,
          problems: section.problems.map(({ message }) => message) })
      }
      if (index === wanted) fields = fieldsOf(section, values)
      index++
    }
    return { name, kind, num, from, sections, fields, problems, isEnd: true }
  } finally {
    await file.close()
  }
}

async function openFile(vfs: Vfs, path: string, name: string): Promise<VfsFile> {
  try {
    if ((await vfs.stat(path)) === null) throw new VarveError('NOT_FOUND', `${name} is not there`, { file: name })
    return await vfs.open(path, 'read')
  } catch (error) {
    throw VarveError.is(error) ? error : ioError(error, 'open', name)
  }
}

function sectionsOf(kind: FileKind, file: VfsFile, name: string): Generator<Section> {
  switch (kind) {
    case 'table': return describeTable({ file, name })
    case 'log': return describeLog(new FileBytes(file), name)
    case 'vlog': return describeValueLog(new FileBytes(file), name)
    case 'manifest': return describeManifest(new FileBytes(file), name)
  }
}

/** Gives the sections one after the other, and lets the thread go now and then. */
async function* inSteps(sections: Generator<Section>, clock: Clock, problems: Problem[]): AsyncGenerator<Section> {
  let endMs = clock.nowMs() + STEP_MS
  for (;;) {
    let turn: IteratorResult<Section>
    try {
      turn = sections.next()
    } catch (error) {
      problems.push(problemOf(error))
      return
    }
    if (turn.done === true) return
    yield turn.value
    if (clock.nowMs() < endMs) continue
    await new Promise<void>((resolve) => clock.defer(resolve))
    endMs = clock.nowMs() + STEP_MS
  }
}

function fieldsOf({ fields, content, offset: start }: Section, values: boolean): object[] {
  return fields.slice(0, FIELDS_MAX).map(({ offset, bytes, name, meaning }) => {
    const isHidden = !values && (MAY_BE_VALUES.test(name) || (bytes > NUMBER_BYTES && !NO_VALUES.test(name)))
    if (isHidden) return { offset, bytes, name, meaning: '', hex: '', isHidden }
    const at = offset - start
    return { offset, bytes, name, meaning,
      hex: hexPairs(content.subarray(at, at + Math.min(bytes, FIELD_BYTES_SHOWN))) }
  })
}

/** The bytes up to the size that the file has now, read through a window. */
class FileBytes implements ByteSource {
  readonly size: number
  private readonly file: VfsFile
  private window = new Uint8Array(0)
  private windowOffset = 0

  constructor(file: VfsFile) {
    this.file = file
    this.size = file.sizeSync()
  }

  read(offset: number, bytes: number): Uint8Array {
    const end = Math.min(offset + bytes, this.size)
    if (offset < this.windowOffset || end > this.windowOffset + this.window.length) this.fill(offset, end)
    return this.window.subarray(offset - this.windowOffset, Math.max(0, end - this.windowOffset))
  }

  private fill(offset: number, end: number): void {
    const window = new Uint8Array(Math.max(0, Math.min(Math.max(end - offset, WINDOW_BYTES), this.size - offset)))
    let filled = 0
    while (filled < window.length) {
      const count = this.file.readSync(window, filled, window.length - filled, offset + filled)
      if (count === 0) break
      filled += count
    }
    this.window = window.subarray(0, filled)
    this.windowOffset = offset
  }
}
