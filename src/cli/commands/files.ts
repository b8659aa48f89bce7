/**
 * What: `varve files`: every file of the directory, what it is, who needs it, and what of it is waste.
 */
import { systemClock } from '../../base/index.js'
import { EXIT_OK } from '../command.js'
import { amountText, countedText, bytesField, defineCommand, DIR, flag, tableText, withReader } from '../kit/index.js'
import type { CommandContext } from '../kit/index.js'
import { listFiles } from '../look/directory-files.js'
import type { ListedFile } from '../look/directory-files.js'
import { ageText } from '../look/age-text.js'
import { printable } from '../printable.js'

const KEY_CHARACTERS = 24

export const filesCommand = defineCommand({
  name: 'files',
  group: 'Look',
  summary: 'List every file: what it is, who needs it, what of it is waste',
  positionals: { dir: DIR },
  options: { keys: flag('also the first and last key of each table') },
  details: [
    'Waste is what nobody needs, as far as the manifest tells: hidden versions of a table, dead values of a value log,',
    'files that nothing lists. An open deletes what is certainly debris; `varve gc` and `varve compact` give back the',
    'rest. Files that are not Varve\'s are listed as foreign, and never touched.',
  ],
  json: 'lines',
  onInterrupt: 'end',
  run({ dir, keys: hasKeys }, context) {
    return withReader(dir, async (db) => {
      const files = await listFiles(db, systemClock.wallMs())
      if (!context.isJson) context.print(text(files, hasKeys, context))
      else for (const file of files) context.line(() => jsonOf(file), () => '')
      return EXIT_OK
    })
  },
})

function jsonOf({ keys, ...file }: ListedFile): object {
  return { ...file, ...(keys === null ? {} : { ...bytesField('from', keys.from), ...bytesField('to', keys.to) }) }
}

function text(files: readonly ListedFile[], hasKeys: boolean, context: CommandContext): string {
  const columns = [
    { title: 'file' }, { title: 'kind' }, { title: 'bytes', isRight: true }, { title: 'age', isRight: true },
    { title: 'waste', isRight: true }, { title: 'needed by' }, ...(hasKeys ? [{ title: 'keys' }] : []),
  ]
  const rows = files.map((file) => [
    printable(file.file), file.kind, amountText(file.bytes), ageText(file.ageMs),
    file.wasteBytes === 0 ? '' : amountText(file.wasteBytes), printable(file.neededBy.join(', ') || 'nothing'),
    ...(hasKeys ? [keysText(file, context)] : []),
  ])
  const sum = (of: (file: ListedFile) => number): string => amountText(files.reduce((all, file) => all + of(file), 0))
  const total = `${countedText(files.length, 'file')} of ${sum(({ bytes }) => bytes)}; ` +
    `${sum(({ wasteBytes }) => wasteBytes)} of it is waste\n`
  return tableText(columns, rows) + total
}

function keysText({ keys }: ListedFile, context: CommandContext): string {
  if (keys === null) return ''
  return `${context.shortKeyText(keys.from, KEY_CHARACTERS)} to ${context.shortKeyText(keys.to, KEY_CHARACTERS)}`
}
