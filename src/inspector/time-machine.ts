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

  /** Waits until the walk has come to this group, or to its end. */
  async whenAt(group: number): Promise<void> {
    while (!this.isDone && this.groupCount < group) {
      await new Promise<void>((resolve) => this.clock.defer(resolve))
    }
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
    // Where each level begins and ends in a stack, in hundredths of the highest one, as stops of a gradient.
    const stacks = sizes.map((each) => {
      let end = 0
      return each.map((bytes, level) => `var(--l${level}) ${round(end)}% ${round(end += (100 * bytes) / most)}%`).join()
    })
    return { manifest: fileNum, bytes: this.bytes.length, groups: groupCount, isDone, problem, stacks }
  }

  /**
   * The levels after a group, how they differ from those after the group `beside`, by default the one before it, and
   * the groups around it. Throws INVALID_ARGUMENT without such groups.
   */
  at(group: number, beside = 0): object {
    const [note] = [group, beside || 1].map((each) => {
      const found = this.notes[each - 1]
      if (found === undefined) throw new VarveError('INVALID_ARGUMENT', `there is no group ${each}`)
      return found
    }) as [GroupNote]
    const { tables, before } = this.stateAfter(group)
    const other = beside === 0 ? before : this.stateAfter(beside).tables
    const came = notIn(other, tables)
    const what = beside === 0 ? '' : ` Beside group ${beside}:`
    const when = note.timeMs === 0 ? '' : `, ${new Date(note.timeMs).toISOString().replace('T', ' ').slice(0, 19)} UTC`
    return {
      text: `Group ${group} of ${this.groupCount}: ${note.job}${when}, at byte ${note.offset}.` +
        `${what} ${tablesText(came)} came, ${tablesText(notIn(tables, other))} went.`,
      group, ...note, addedTables: came.map(({ facts }) => facts.fileNum), ...levelsView(versionOf(tables)),
      around: this.notes.slice(Math.max(0, group - 6), group + 5).map((each, i) => {
        return { group: Math.max(0, group - 6) + i + 1, ...each }
      }),
    }
  }

  /** The tables after a group, and before it. */
  private stateAfter(group: number): { tables: Tables; before: Tables } {
    const start = this.kept[Math.floor((group - 1) / this.keptEvery)]!
    const tables: Tables = new Map(start.tables)
    let [at, before]: [number, Tables] = [start.group, new Map()]
    for (const frame of manifestFramesFrom(this.bytes, this.fileNum, start)) {
      if (frame.header.type === FrameType.mark) continue
      if (++at === group) before = new Map(tables)
      applyTo(tables, frame.edits, () => undefined)
      if (at === group) break
    }
    return { tables, before }
  }
}

/** Tables of `tables` that the other state has not, or has at another level. */
function notIn(other: Tables, tables: Tables): { level: LevelNum; facts: TableFacts }[] {
  return [...tables.values()].filter(({ level, facts }) => other.get(facts.fileNum)?.level !== level)
}

/** More tables than this are only counted. */
const NAMED_MAX = 5

/** `2 tables of 3.1 MiB (12 of level 0, 14 of level 6)`, for people. */
function tablesText(tables: readonly { level: LevelNum; facts: TableFacts }[]): string {
  if (tables.length === 0) return 'no table'
  const named = tables.map(({ level, facts }) => `${facts.fileNum} of level ${level}`).join(', ')
  const mib = (tables.reduce((sum, { facts }) => sum + facts.bytes, 0) / 2 ** 20).toFixed(1)
  const count = `${tables.length} table${tables.length === 1 ? '' : 's'} of ${mib} MiB`
  return tables.length > NAMED_MAX ? count : `${count} (${named})`
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
