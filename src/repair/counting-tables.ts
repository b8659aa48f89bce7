/**
 * What: which of the tables of a directory count when its manifest is lost (TAB-2). The rules stand in
 * sstable/replaces.ts, which owns the bytes that they rest on.
 * Thread: any (pure).
 */
import type { FileNum } from '../base/index.js'
import type { Replaces } from '../sstable/index.js'

/** A table that is there, and what it says of other tables. */
export type JudgedTable = Pick<Replaces, 'group' | 'isLast' | 'inputs' | 'unlisted'> & { readonly fileNum: FileNum }

/** What the tables say of each other. */
export interface Judgement {
  /** The tables whose entries count. */
  counting: ReadonlySet<FileNum>
  /** Those that others replaced, or that were in no version. */
  obsolete: ReadonlySet<FileNum>
  /** Outputs of jobs whose edit was never durable. */
  debris: ReadonlySet<FileNum>
}

/** Numbers of tables that are there and of which nothing is known are in `unreadable`: they count for being there. */
export function judgeTables(tables: readonly JudgedTable[], unreadable: readonly FileNum[] = []): Judgement {
  const present = new Set([...tables.map(({ fileNum }) => fileNum), ...unreadable])
  const unlisted = new Set(tables.flatMap((table) => table.unlisted))
  const obsolete = new Set(unlisted)
  const counting = new Set<FileNum>()
  const debris = new Set<FileNum>()
  for (const members of groupsNewestFirst(tables, unlisted)) {
    const { inputs } = members[0]!
    const isDurable = isWhole(members, present, obsolete) ||
      inputs.some((input) => !present.has(input) || unlisted.has(input))
    for (const { fileNum } of members) (isDurable ? counting : debris).add(fileNum)
    if (isDurable) for (const input of inputs) obsolete.add(input)
  }
  for (const fileNum of obsolete) counting.delete(fileNum)
  return { counting, obsolete, debris }
}

/** The outputs of each job that count for something, by their numbers. */
function groupsNewestFirst(tables: readonly JudgedTable[], unlisted: ReadonlySet<FileNum>): JudgedTable[][] {
  const groups = new Map<FileNum, JudgedTable[]>()
  for (const table of [...tables].sort((a, b) => a.fileNum - b.fileNum)) {
    if (unlisted.has(table.fileNum)) continue
    const members = groups.get(table.group)
    if (members === undefined) groups.set(table.group, [table])
    else members.push(table)
  }
  return [...groups.values()].sort((a, b) => b[0]!.group - a[0]!.group)
}

/** True when all outputs are there, or were replaced by newer jobs. Their numbers follow each other. */
function isWhole(
  members: readonly JudgedTable[], present: ReadonlySet<FileNum>, obsolete: ReadonlySet<FileNum>,
): boolean {
  const { group } = members[0]!
  const last = members.find(({ isLast }) => isLast)?.fileNum
  for (let fileNum = group; ; fileNum++) {
    if (!present.has(fileNum) && !obsolete.has(fileNum)) return false
    if (fileNum === last) return true
    if (last === undefined && fileNum > members.at(-1)!.fileNum && !obsolete.has(fileNum)) return false
  }
}
