/**
 * What: `varve history`: what each group of the manifest changed, by which job, and how large the levels were then.
 */
import { runAsync, tableFileName, VarveError } from '../../base/index.js'
import { checkNotForeign, existingDirectory, namesIn, readMarker } from '../../directory/index.js'
import { causeName, ManifestHistory, versionText } from '../../manifest/index.js'
import type { HistoryGroup, LevelTally, LevelTable, VersionEdit } from '../../manifest/index.js'
import { NodeVfs } from '../../vfs/index.js'
import { EXIT_OK } from '../command.js'
import { untilDamage } from '../data/damage.js'
import { countText } from '../demo/numbers.js'
import { amountText, countedText, bytesField, defineCommand, DIR, flag, numberOption } from '../kit/index.js'
import type { CommandContext } from '../kit/index.js'
import { timeText } from '../look/age-text.js'
import { withoutUnsafe } from '../printable.js'

const KEY_CHARACTERS = 16
const ATTEMPTS_MAX = 5

export const historyCommand = defineCommand({
  name: 'history',
  group: 'Look',
  summary: 'Print what each edit of the manifest changed, and by which job',
  positionals: { dir: DIR },
  options: {
    at: numberOption('N', 'the version after group N, whole', { min: 1, max: Number.MAX_SAFE_INTEGER }),
    last: numberOption('N', 'only the last N groups', { min: 1, max: Number.MAX_SAFE_INTEGER }),
    brief: flag('one line a group'),
  },
  details: [
    'Each open begins a new manifest with the whole version as group 1, so this is the history since the last open, or',
    'since the manifest was last written anew. Nothing but the manifest is read.',
  ],
  json: 'lines',
  onInterrupt: 'end',
  run({ dir, at, last, brief: isBrief }, context) {
    return untilDamage(context, async () => {
      const history = await readHistory(dir)
      if (at !== undefined) return printVersion(history, at, context)
      const first = last === undefined ? 1 : groupCount(history) - last + 1
      for (const group of history.groups()) {
        if (group.number < first) continue
        context.line(() => jsonOf(group), () => groupText(group, isBrief, context))
        await context.paced()
      }
      return EXIT_OK
    })
  },
})

/** Reads the manifest that counts; a process beside may begin a new one meanwhile. */
async function readHistory(location: string): Promise<ManifestHistory> {
  const vfs = new NodeVfs()
  const dir = await existingDirectory(location, vfs)
  for (let attempt = 1; ; attempt++) {
    const names = await namesIn(dir, vfs)
    checkNotForeign(dir, names)
    const marker = readMarker(names)
    if (marker === null) throw new VarveError('NOT_FOUND', `the database in ${location} does not exist`)
    try {
      return await runAsync(ManifestHistory.read(vfs, dir, marker.manifest))
    } catch (error) {
      if (attempt === ATTEMPTS_MAX || !VarveError.is(error) || error.code !== 'MISSING_FILE') throw error
    }
  }
}

function groupCount(history: ManifestHistory): number {
  let count = 0
  for (const { number } of history.groups()) count = number
  return count
}

function printVersion(history: ManifestHistory, at: number, context: CommandContext): number {
  const version = history.versionAt(at)
  const levels = version.levels.map(({ tables }, level) => {
    return { level, tables: tables.map((facts) => tableJson({ level, facts })) }
  })
  const { logPointer, lastSeqNum, nextFileNum } = version
  context.line(
    () => ({ group: at, logPointer, lastSeq: lastSeqNum, nextFileNum, levels }),
    () => withoutUnsafe(versionText(version)),
  )
  return EXIT_OK
}

function causeOf(edits: readonly VersionEdit[]): VersionEdit['cause'] {
  return edits.find(({ cause }) => cause !== undefined)?.cause
}

function jobOf({ number, edits }: HistoryGroup): string {
  if (number === 1) return 'whole version'
  const names = new Set(edits.flatMap(({ cause }) => (cause === undefined ? [] : [causeName(cause.code)])))
  if (names.size > 0) return [...names].join(', ')
  // The ends of logs, and statistics. An older Varve did not say which job made an edit.
  return edits.some(({ addTables, deleteTables }) => addTables ?? deleteTables) ? 'unknown job' : 'notes'
}

function tableJson({ level, facts }: LevelTable): object {
  const { fileNum, bytes, entryCount, smallestKey, largestKey, smallestSeqNum, largestSeqNum } = facts
  return {
    file: tableFileName(fileNum), level, bytes, entries: entryCount, ...bytesField('from', smallestKey),
    ...bytesField('to', largestKey), firstSeq: smallestSeqNum, lastSeq: largestSeqNum,
  }
}

function jsonOf(group: HistoryGroup): object {
  const { number, offset, edits, removed, levels } = group
  const cause = causeOf(edits)
  return {
    group: number, offset, job: jobOf(group), timeMs: cause?.wallMs ?? null,
    added: addedIn(edits).map(tableJson),
    removed: removed.map(({ level, facts }) => ({ file: tableFileName(facts.fileNum), level, bytes: facts.bytes })),
    ...othersJson(edits), levels,
  }
}

function addedIn(edits: readonly VersionEdit[]): LevelTable[] {
  return edits.flatMap(({ addTables }) => addTables ?? [])
}

function lastOf<N extends keyof VersionEdit>(edits: readonly VersionEdit[], name: N): VersionEdit[N] | undefined {
  return edits.findLast((edit) => edit[name] !== undefined)?.[name]
}

function othersJson(edits: readonly VersionEdit[]): object {
  const list = <T>(of: (edit: VersionEdit) => readonly T[] | undefined): T[] => edits.flatMap((edit) => of(edit) ?? [])
  return {
    logPointer: lastOf(edits, 'logPointer') ?? null,
    addedValueLogs: list(({ addValueLogs }) => addValueLogs).map(({ fileNum }) => fileNum),
    removedValueLogs: list(({ removeValueLogs }) => removeValueLogs),
    addedPins: list(({ addPins }) => addPins).map(({ name }) => name),
    removedPins: list(({ removePins }) => removePins),
  }
}

function groupText(group: HistoryGroup, isBrief: boolean, context: CommandContext): string {
  const { number, offset, edits, removed, levels } = group
  const cause = causeOf(edits)
  const time = cause === undefined ? '' : `  ${timeText(cause.wallMs)}`
  const added = addedIn(edits)
  const head = `group ${countText(number)} at ${countText(offset)}: ${jobOf(group)}${time}`
  if (isBrief) return `${head}  +${added.length} -${removed.length}  ${levelsText(levels)}\n`
  const lines = [
    head,
    ...removed.map(({ level, facts }) => `  - ${tableFileName(facts.fileNum)}  level ${level}`),
    ...added.map((table) => `  + ${tableLine(table, context)}`),
    ...otherLines(edits),
    `  = ${levelsText(levels)}`,
  ]
  return `${lines.join('\n')}\n`
}

function tableLine({ level, facts }: LevelTable, context: CommandContext): string {
  const { fileNum, bytes, entryCount, smallestKey, largestKey } = facts
  const keys = [smallestKey, largestKey].map((key) => context.shortKeyText(key, KEY_CHARACTERS)).join(' to ')
  const size = `${amountText(bytes)}  ${countedText(entryCount, 'entry', 'entries')}`
  return `${tableFileName(fileNum)}  level ${level}  ${size}  ${keys}`
}

function* otherLines(edits: readonly VersionEdit[]): Generator<string> {
  for (const { removeValueLogs, addValueLogs, removePins, addPins } of edits) {
    for (const fileNum of removeValueLogs ?? []) yield `  - value log ${fileNum}`
    for (const { fileNum } of addValueLogs ?? []) yield `  + value log ${fileNum}`
    for (const name of removePins ?? []) yield `  - pin ${quotedName(name)}`
    for (const { name, firstLog } of addPins ?? []) yield `  + pin ${quotedName(name)} from log ${firstLog}`
  }
  const pointer = lastOf(edits, 'logPointer')
  if (pointer !== undefined) yield `  replay from log ${pointer}`
}

/** A name of a pin may have any characters. */
function quotedName(name: string): string {
  return withoutUnsafe(JSON.stringify(name))
}

function levelsText(levels: readonly LevelTally[]): string {
  const used = levels.flatMap(({ tables, bytes }, level) => {
    return tables === 0 ? [] : [`${level}: ${countText(tables)} of ${amountText(bytes)}`]
  })
  return used.length === 0 ? 'no tables' : `levels ${used.join(', ')}`
}
