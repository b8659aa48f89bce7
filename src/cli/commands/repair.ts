/**
 * What: `varve repair`: makes a new database of what is left of a damaged one, and tells what was lost.
 */
import { Varve } from '../../api/index.js'
import type { RepairReport } from '../../api/index.js'
import { EXIT_DAMAGE, EXIT_OK } from '../command.js'
import { countText, sizeText } from '../demo/numbers.js'
import { choiceOption, defineCommand, flag, word } from '../kit/index.js'
import type { CommandContext } from '../kit/index.js'
import { printable } from '../printable.js'
import { keysJson, reportJson } from '../problem-text.js'

/** No more problems and lost ranges than this are printed; the report file has all. */
const SHOWN_MAX = 20

export const repairCommand = defineCommand({
  name: 'repair',
  group: 'Keep',
  summary: 'Make a new database of what is left of a damaged one; exit code 3 when something is lost',
  positionals: {
    source: word('SOURCE', 'the directory of a database', 'directory of the damaged database'),
    target: word('TARGET', 'the place of the new database', 'place of the new database; nothing may be there'),
  },
  options: {
    logs: choiceOption('HOW', [
      'what is done with logs behind their first damage: prefix leaves it,',
      'salvage puts what is whole there into TARGET/salvaged; default prefix',
    ], ['prefix', 'salvage']),
    serveDoubtful: flag('serve entries that something lost may have replaced or deleted'),
  },
  details: [
    'The source is only read, and must not be open. Nothing is served that may be older than something',
    'lost: such entries stand in TARGET/salvaged/entries.varve, beside report.json.',
  ],
  json: 'object',
  onInterrupt: 'abort',
  async run({ source, target, logs = 'prefix', serveDoubtful }, context) {
    const report = await Varve.repair(source, target, {
      logs, serveDoubtful, signal: context.signal, onProgress: context.progress('repair'),
    })
    const json = { ...reportJson(report), lostRanges: report.lostRanges.map(keysJson) }
    context.result(json, () => textOf(report, target, context))
    return report.ok ? EXIT_OK : EXIT_DAMAGE
  },
})

function textOf(report: RepairReport, target: string, context: CommandContext): string {
  const { problems, lostRanges, servedEntries, lostEntries, doubtfulEntries, keptFiles, keptBytes } = report
  const lines = problems.slice(0, SHOWN_MAX).map(({ severity, file, message }) =>
    `${severity}: ${printable(message.includes(file) ? message : `${file}: ${message}`)}`)
  if (problems.length > SHOWN_MAX) lines.push(`… and ${countText(problems.length - SHOWN_MAX)} more problems`)
  for (const { file, from, to, entryCount } of lostRanges.slice(0, SHOWN_MAX)) {
    const count = entryCount === null ? 'entries' : `${countText(entryCount)} entries`
    lines.push(`lost: ${count} of ${file}, keys ${keyOr(from, '(first)', context)} to ${keyOr(to, '(last)', context)}`)
  }
  if (lostRanges.length > SHOWN_MAX) lines.push(`… and ${countText(lostRanges.length - SHOWN_MAX)} more ranges`)
  lines.push(
    `entries served: ${countText(servedEntries)}, up to write ${countText(report.seqNum)}; ` +
      `files that stay as they are: ${countText(keptFiles)}, ${sizeText(keptBytes)}`,
    report.ok ? 'nothing was lost'
      : `${countText(lostEntries)} entries are known to be lost, ${countText(doubtfulEntries)} are doubtful: ` +
        `see ${printable(target)}/salvaged`,
  )
  return `${lines.join('\n')}\n`
}

function keyOr(key: Uint8Array | null, otherwise: string, context: CommandContext): string {
  return key === null ? otherwise : context.shortKeyText(key, 40)
}
