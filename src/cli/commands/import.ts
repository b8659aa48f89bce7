/**
 * What: `varve import`: makes a database of an export, of a file of another program or of a LevelDB directory, or puts
 * the entries into one that is there.
 */
import { Varve } from '../../api/index.js'
import type { ImportReport } from '../../api/index.js'
import { VarveError } from '../../base/index.js'
import { EXIT_DAMAGE, EXIT_ERROR, EXIT_OK, UsageError } from '../command.js'
import { countText } from '../demo/numbers.js'
import { choiceOption, defineCommand, flag, numberOption, sizeOption, word } from '../kit/index.js'
import { printable } from '../printable.js'
import { reportJson } from '../problem-text.js'

const ENCODINGS = ['utf8', 'hex', 'base64'] as const
const STANDARD_INPUT = '-'

export const importCommand = defineCommand({
  name: 'import',
  group: 'Copy',
  summary: 'Make a database of an export, or put its entries into one',
  positionals: {
    target: word('TARGET', 'the directory of the database', 'directory of the database to make'),
    source: word('SOURCE', 'the file to read', 'the file, or LevelDB directory, to read; - for standard input'),
  },
  options: {
    format: choiceOption('FORMAT', 'varve, jsonl, csv or leveldb; by default as the first bytes show', [
      'varve', 'jsonl', 'csv', 'leveldb',
    ]),
    existing: flag('put the entries into the database that is there; nobody may have it open'),
    onlyMissing: flag('with --existing: leave the keys alone that are there'),
    sorted: flag('end with an error where a key is not above the one before it'),
    maxErrors: numberOption('N', 'leave out so many lines of jsonl or csv that are no entries; else 0',
      { min: 0, max: Number.MAX_SAFE_INTEGER }),
    encoding: choiceOption('ENC', [
      'utf8, hex or base64: how the cells of csv are to be read; by default as the names',
      'of their columns say',
    ], ENCODINGS),
    keyEncoding: choiceOption('ENC', 'the same, of keys alone', ENCODINGS),
    valueEncoding: choiceOption('ENC', 'the same, of values alone', ENCODINGS),
    safeCells: flag("take the ' away that export --safe-cells put in front of cells"),
    anyComparator: flag('with leveldb: take a database with another order of keys, and sort it bytewise'),
    bytesPerSecond: sizeOption('BYTES', 'write no more a second'),
  },
  details: [
    'All entries are put there at once, or none: TARGET appears when all is in it. Of entries with one',
    'key the last counts; entries that have expired are left out. A source without its end was cut off,',
    'and nothing of it is imported.',
    '',
    'Exit codes: 0 all is there; 1 an error, nothing was imported; 3 the source is damaged or has no end,',
    'nothing was imported, or it is done and lines were left out.',
  ],
  json: 'object',
  onInterrupt: 'abort',
  async run({ target, source, existing, sorted, encoding, ...given }, context) {
    if (given.onlyMissing && !existing) throw new UsageError('--only-missing goes with --existing')
    const { format, onlyMissing, maxErrors, safeCells, anyComparator, bytesPerSecond } = given
    const from = source === STANDARD_INPUT ? context.terminal.input as AsyncIterable<Uint8Array> : source
    try {
      const report = await Varve.import(target, from, {
        format, onlyMissing, maxErrors, safeCells, anyComparator, bytesPerSecond,
        into: existing ? 'existing' : 'empty', sorted: sorted ? 'check' : 'no',
        keyEncoding: given.keyEncoding ?? encoding, valueEncoding: given.valueEncoding ?? encoding,
        signal: context.signal, onProgress: context.progress('imported'),
      })
      context.result(reportJson(report), () => reportText(report))
      return report.ok ? EXIT_OK : EXIT_DAMAGE
    } catch (error) {
      context.reportError(error)
      return VarveError.is(error) && error.code === 'CORRUPTION' ? EXIT_DAMAGE : EXIT_ERROR
    }
  },
})

function reportText(report: ImportReport): string {
  const { entryCount, bytes, duplicateCount, expiredCount, keptCount, rejectedCount, problems } = report
  const details = [
    [duplicateCount, 'were replaced by a later one with the same key'],
    [expiredCount, 'had expired'],
    [keptCount, 'were there already'],
    [rejectedCount, 'lines were no entries'],
  ] as const
  const lines = details.filter(([count]) => count > 0).map(([count, what]) => `  ${countText(count)} ${what}\n`)
  const bad = problems.map(({ message }) => `  ! ${printable(message)}\n`)
  return [`imported ${countText(entryCount)} entries of ${countText(bytes)} bytes\n`, ...lines, ...bad].join('')
}
