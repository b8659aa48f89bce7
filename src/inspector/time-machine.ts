/**
 * What: the groups of the manifest, so that the page can show the levels as they were after each of them. The file is
 * walked in short steps, so the process goes on meanwhile; some states are kept, at even distances, and those between
 * are made of the one before.
 * Owns: the bytes of the manifest and the kept states, until nobody has asked for a minute. Thread: main.
 */
import { FrameType, manifestFileName, runAsync, VarveError } from '../base/index.js'
import type { Clock, FileNum, LevelNum, TableFacts } from '../base/index.js'
import {
  causeName, compareTables, emptyVersion, levelOf, LEVELS_MIN, manifestFrames, manifestFramesFrom, readManifestBytes,
} from '../manifest/index.js'
import type { ManifestFrame, Version, VersionEdit } from '../manifest/index.js'
import type { Vfs } from '../vfs/index.js'
import { levelsView } from './level-view.js'

/** The most states that are kept; when there are more, every other one goes. */
const KEPT_MAX = 64
const KEPT_EVERY_FIRST = 256
/** The thread is let go after so long. */
const STEP_MS = 8
/** Points in the picture of all groups. */
const POINTS_MAX = 600
const LEVELS_SHOWN = 7

type Tables = Map<FileNum, { level: LevelNum; facts: TableFacts }>

/** What is kept of each group. */
interface GroupNote {
  offset: number
  timeMs: number
  job: string
  added: number
  removed: number
}

export class TimeMachine {
  readonly fileNum: FileNum
  private readonly bytes: Uint8Array
  private readonly notes: GroupNote[] = []
  /** Bytes of each level after each group, one behind the other. */
  private readonly levelBytes: number[] = []
  /** States before some groups, with the number of the frame that the group stands in. */
  private kept: { group: number; offset: number; number: number; tables: Tables }[] = []
  private keptEvery = KEPT_EVERY_FIRST
  private readonly clock: Clock
  isDone = false
  /** What is wrong with the manifest behind the last group; '' when nothing is. */
  problem = ''

  private constructor(fileNum: FileNum, bytes: Uint8Array, clock: Clock) {
    this.fileNum = fileNum
    this.bytes = bytes
    this.clock = clock
  }

  /** Reads the manifest, and begins to walk along it. Rejects with MISSING_FILE or IO_ERROR. */
  static async begin(vfs: Vfs, dir: string,
    { fileNum, clock }: { fileNum: FileNum; clock: Clock }): Promise<TimeMachine> {
    const name = manifestFileName(fileNum)
    const bytes = await runAsync(readManifestBytes(vfs, vfs.join(dir, name), name))
    const machine = new TimeMachine(fileNum, bytes, clock)
    machine.walk(manifestFrames(bytes, fileNum), new Map())
    return machine
  }

  get groupCount(): number {
    return this.notes.length
  }

  /** Walks for a while, and goes on in a later turn. */
  private walk(frames: Generator<ManifestFrame>, tables: Tables): void {
    const endMs = this.clock.nowMs() + STEP_MS
    try {
      while (this.clock.nowMs() < endMs) {
        const { done, value } = frames.next()
        if (done === true) {
          this.isDone = true
          return
        }
        if (value.header.type !== FrameType.mark) this.note(value, tables)
      }
    } catch (error) {
      this.problem = String((error as Error | undefined)?.message ?? error)
      this.isDone = true
      return
    }
    this.clock.deferWork(() => this.walk(frames, tables))
  }

  private note({ offset, edits, header }: ManifestFrame, tables: Tables): void {
    const group = this.notes.length
    if (group % this.keptEvery === 0) {
      this.kept.push({ group, offset, number: header.firstSeqNum, tables: new Map(tables) })
      if (this.kept.length > KEPT_MAX) {
        this.keptEvery *= 2
        this.kept = this.kept.filter((each) => each.group % this.keptEvery === 0)
      }
    }
    const before = this.levelBytes.slice(-LEVELS_SHOWN)
    const sums = Array.from({ length: LEVELS_SHOWN }, (_, level) => before[level] ?? 0)
    const { added, removed } = applyTo(tables, edits, (level, bytes) => {
      if (level < LEVELS_SHOWN) sums[level]! += bytes
    })
    this.levelBytes.push(...sums)
    const cause = edits.find((edit) => edit.cause !== undefined)?.cause
    const job = cause !== undefined ? causeName(cause.code) : this.notes.length === 0 ? 'whole version' : 'notes'
    this.notes.push({ offset, timeMs: cause?.wallMs ?? 0, job, added, removed })
  }

  /** All groups in one picture: at most some hundreds of them, evenly chosen. */
  overview(): object {
    const { groupCount, levelBytes, fileNum, isDone, problem } = this
    const count = Math.min(groupCount, POINTS_MAX)
    const sizes = Array.from({ length: count }, (_, i) => {
      const group = count === 1 ? 0 : Math.round((i * (groupCount - 1)) / (count - 1))
      return levelBytes.slice(group * LEVELS_SHOWN, (group + 1) * LEVELS_SHOWN)
    })
    const most = sizes.reduce((max, each) => Math.max(max, each.reduce((sum, bytes) => sum + bytes, 0)), 1)
    // Where each level begins and ends in a stack, in hundredths of the highest one.
    const stacks = sizes.map((each) => {
      let end = 0
      return each.map((bytes) => [round(end), round(end += (100 * bytes) / most)])
    })
    return { manifest: fileNum, bytes: this.bytes.length, groups: groupCount, isDone, problem, stacks }
  }

  /**
   * The levels after a group, what it changed, and the groups around it. Throws INVALID_ARGUMENT without such a one.
   */
  at(group: number): object {
    const note = this.notes[group - 1]
    if (note === undefined) throw new VarveError('INVALID_ARGUMENT', `there is no group ${group}`)
    const { tables, edits } = this.stateAfter(group)
    const changed = edits.flatMap(({ addTables }) => addTables ?? []).map(({ facts }) => facts.fileNum)
    const gone = edits.flatMap(({ deleteTables }) => deleteTables ?? []).map(({ fileNum, level }) => [fileNum, level])
    const goneText = gone.slice(0, 9).map(([file, level]) => `${file} of level ${level}`).join(', ')
    const when = note.timeMs === 0 ? '' : ` ${new Date(note.timeMs).toISOString().replace('T', ' ').slice(0, 19)} UTC,`
    return {
      text: `Group ${group} of ${this.groupCount}: ${note.job},${when} at byte ${note.offset}; ` +
        `${note.added} tables came, ${note.removed} went${goneText === '' ? '' : ` (${goneText})`}`,
      group, ...note, addedTables: changed,
      ...levelsView(versionOf(tables), null, new Set()),
      around: this.notes.slice(Math.max(0, group - 6), group + 5).map((each, i) => {
        return { group: Math.max(0, group - 6) + i + 1, ...each }
      }),
    }
  }

  private stateAfter(group: number): { tables: Tables; edits: readonly VersionEdit[] } {
    const start = this.kept[Math.floor((group - 1) / this.keptEvery)]!
    const tables: Tables = new Map(start.tables)
    let at = start.group
    let edits: readonly VersionEdit[] = []
    for (const frame of manifestFramesFrom(this.bytes, this.fileNum, start)) {
      if (frame.header.type === FrameType.mark) continue
      edits = frame.edits
      applyTo(tables, edits, () => undefined)
      if (++at === group) break
    }
    return { tables, edits }
  }
}

function round(share: number): number {
  return Math.round(share * 10) / 10
}

/** Applies edits, and tells by how many bytes each level grew or shrank. */
function applyTo(
  tables: Tables, edits: readonly VersionEdit[], grow: (level: LevelNum, bytes: number) => void,
): { added: number; removed: number } {
  let [added, removed] = [0, 0]
  for (const { deleteTables = [], addTables = [] } of edits) {
    for (const { fileNum } of deleteTables) {
      const found = tables.get(fileNum)
      if (found === undefined) continue
      tables.delete(fileNum)
      grow(found.level, -found.facts.bytes)
      removed++
    }
    for (const each of addTables) {
      tables.set(each.facts.fileNum, each)
      grow(each.level, each.facts.bytes)
      added++
    }
  }
  return { added, removed }
}

/** A version that has these tables, and is good for a picture. */
function versionOf(tables: Tables): Version {
  const byLevel: TableFacts[][] = Array.from({ length: LEVELS_MIN }, () => [])
  for (const { level, facts } of tables.values()) (byLevel[level] ??= []).push(facts)
  const levels = byLevel.map((each, level) => levelOf(level, each.sort((a, b) => compareTables(level, a, b))))
  const lastSeqNum = Math.max(0, ...[...tables.values()].map(({ facts }) => facts.largestSeqNum))
  return { ...emptyVersion, levels, lastSeqNum }
}
