/**
 * What: `varve destroy`: removes a database for good: lists its files, asks, and deletes only what has Varve's names.
 */
import { createInterface } from 'node:readline/promises'
import { Varve } from '../../api/index.js'
import { VarveError } from '../../base/index.js'
import { EXIT_ERROR, EXIT_OK, UsageError } from '../command.js'
import { BESIDE_A_WRITER } from '../data/beside-a-writer.js'
import { countText } from '../demo/numbers.js'
import { amountText, countedText, defineCommand, DIR, flag, lockedAs } from '../kit/index.js'
import type { CommandContext } from '../kit/index.js'
import { namedFiles } from '../look/named-files.js'
import type { NamedFiles } from '../look/named-files.js'
import { printable } from '../printable.js'

const NAMES_SHOWN = 10

export const destroyCommand = defineCommand({
  name: 'destroy',
  group: 'Write',
  summary: 'Remove a database for good',
  positionals: { dir: DIR },
  options: {
    yes: flag('do not ask'),
    keepForeign: flag('also where files lie that are not of Varve: they stay, and so does the directory'),
    dryRun: flag('only list what would go'),
  },
  details: [
    'Only files with names of Varve go, and the directory when nothing else is in it. Without --yes somebody at a',
    'terminal has to type "yes". Nothing goes while a process has the database open.',
  ],
  json: 'object',
  // What remains of a destroy that was cut short, another one finishes.
  onInterrupt: 'end',
  async run({ dir, yes, keepForeign, dryRun: isDry }, context) {
    if (!yes && !isDry && context.isJson) throw new UsageError('destroy --json needs --yes or --dry-run')
    if (!yes && !isDry && context.terminal.screen === null) throw new UsageError('destroy needs --yes or a terminal')
    const found = await namedFiles(dir)
    if (found.foreign.length > 0 && !keepForeign && !isDry) throw foreignFiles(found)
    if (!context.isJson) context.print(listText(dir, found))
    if (!isDry && !yes && !(await isAgreed(context))) {
      context.note('nothing was removed\n')
      return EXIT_ERROR
    }
    if (!isDry) await lockedAs(BESIDE_A_WRITER, () => Varve.destroy(dir))
    context.result({ isDestroyed: !isDry, ...found }, () => isDry ? '' : 'removed\n')
    return EXIT_OK
  },
})

function foreignFiles({ foreign }: NamedFiles): VarveError {
  const names = foreign.slice(0, NAMES_SHOWN).join(', ')
  const more = foreign.length > NAMES_SHOWN ? ` and ${countText(foreign.length - NAMES_SHOWN)} more` : ''
  return new VarveError('INVALID_ARGUMENT', `the directory has files that are not of Varve: ${names}${more}`, {
    hint: 'look what they are; with --keep-foreign they stay, and the database goes; nothing was removed',
  })
}

function listText(dir: string, { files, bytes, foreign }: NamedFiles): string {
  const shown = files.slice(0, NAMES_SHOWN).map((name) => `  ${name}\n`).join('')
  const more = files.length > NAMES_SHOWN ? `  and ${countText(files.length - NAMES_SHOWN)} more\n` : ''
  const stay = foreign.length === 0 ? '' : `stay: ${foreign.slice(0, NAMES_SHOWN).map(printable).join(', ')}\n`
  return `${printable(dir)}: ${countedText(files.length, 'file')} of ${amountText(bytes)}\n${shown}${more}${stay}`
}

async function isAgreed(context: CommandContext): Promise<boolean> {
  const { input, screen } = context.terminal
  context.flush()
  const asking = createInterface({ input, output: screen!, historySize: 0 })
  const signal = new AbortController()
  asking.on('SIGINT', () => signal.abort())
  asking.on('close', () => signal.abort())
  try {
    return (await asking.question('Remove it for good? Type "yes": ', { signal: signal.signal })).trim() === 'yes'
  } catch {
    return false
  } finally {
    asking.close()
  }
}
