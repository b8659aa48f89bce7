/**
 * What: a manifest group by group: what each changed, and how large the levels were after it. Keeps a tally, and no
 * version for each group, so that a manifest of any length takes one walk.
 * Thread: main; changes nothing, so it also runs beside a live writer.
 */
import { FrameType, manifestFileName, VarveError } from '../base/index.js'
import type { FileNum, LevelNum, Steps, TableFacts } from '../base/index.js'
import type { Vfs } from '../vfs/index.js'
import { manifestFrames, readManifestBytes, replayManifest } from './manifest-reader.js'
import type { VersionEdit } from './version-edit.js'
import type { Version } from './version.js'

/** The tables of one level, counted. */
export interface LevelTally {
  tables: number
  bytes: number
}

/** A group of a manifest. */
export interface HistoryGroup {
  /** The number of the group, from 1. */
  readonly number: number
  /** Where its frame stands in the manifest. */
  readonly offset: number
  readonly edits: readonly VersionEdit[]
  /** The tables that it takes out, with what was known of them. */
  readonly removed: readonly { level: LevelNum; facts: TableFacts }[]
  /** The levels after it. */
  readonly levels: readonly LevelTally[]
}

/** A manifest that was read, to be walked along. */
export class ManifestHistory {
  readonly fileNum: FileNum
  private readonly bytes: Uint8Array

  private constructor(fileNum: FileNum, bytes: Uint8Array) {
    this.fileNum = fileNum
    this.bytes = bytes
  }

  /** Reads the file. Throws MISSING_FILE, CORRUPTION or IO_ERROR. */
  static *read(vfs: Vfs, dir: string, fileNum: FileNum): Steps<ManifestHistory> {
    const name = manifestFileName(fileNum)
    return new ManifestHistory(fileNum, yield* readManifestBytes(vfs, vfs.join(dir, name), name))
  }

  /** Gives the groups in order; throws CORRUPTION or UNSUPPORTED_FORMAT at the one that is bad. */
  *groups(): Generator<HistoryGroup> {
    const tally = new Tally()
    for (const { offset, number, edits, isMark } of frames(this.bytes, this.fileNum)) {
      if (isMark) continue
      const removed = edits.flatMap((edit) => tally.apply(edit, this.fileNum, offset))
      yield { number, offset, edits, removed, levels: tally.levels }
    }
  }

  /** The version after a group, checked as one that was read is. Throws INVALID_ARGUMENT where there is no such one. */
  versionAt(groupNumber: number): Version {
    let last = 0
    for (const { number, end, isMark } of frames(this.bytes, this.fileNum)) {
      if (!isMark) last = number
      if (number === groupNumber && !isMark) return replayManifest(this.bytes.subarray(0, end), this.fileNum).version
    }
    throw new VarveError('INVALID_ARGUMENT', `there is no group ${groupNumber}: the manifest has ${last}`)
  }
}

interface NumberedFrame {
  number: number
  offset: number
  end: number
  edits: readonly VersionEdit[]
  isMark: boolean
}

function* frames(bytes: Uint8Array, fileNum: FileNum): Generator<NumberedFrame> {
  for (const { offset, end, header, edits } of manifestFrames(bytes, fileNum)) {
    yield { number: header.firstSeqNum, offset, end, edits, isMark: header.type === FrameType.mark }
  }
}

/** The tables of each level, as edits change them. */
class Tally {
  private readonly tables = new Map<FileNum, { level: LevelNum; facts: TableFacts }>()
  private counts: LevelTally[] = []

  /** A copy that stays. */
  get levels(): LevelTally[] {
    return this.counts.map((each) => ({ ...each }))
  }

  /** Gives the tables that the edit takes out. */
  apply(edit: VersionEdit, manifest: FileNum, offset: number): { level: LevelNum; facts: TableFacts }[] {
    const removed = (edit.deleteTables ?? []).map(({ fileNum }) => {
      const found = this.tables.get(fileNum)
      if (found === undefined) {
        const file = manifestFileName(manifest)
        throw new VarveError('CORRUPTION', `${file} at offset ${offset}: table ${fileNum} to delete is not there`, {
          file, offset,
        })
      }
      this.tables.delete(fileNum)
      this.count(found.level, -1, found.facts.bytes)
      return found
    })
    for (const added of edit.addTables ?? []) {
      this.tables.set(added.facts.fileNum, added)
      this.count(added.level, 1, added.facts.bytes)
    }
    return removed
  }

  private count(level: LevelNum, sign: 1 | -1, bytes: number): void {
    while (this.counts.length <= level) this.counts.push({ tables: 0, bytes: 0 })
    const tally = this.counts[level]!
    tally.tables += sign
    tally.bytes += sign * bytes
  }
}
