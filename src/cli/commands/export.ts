/**
 * What: `varve export`: the entries of a database into a file or to standard output.
 */
import type { Varve, ExportOptions, ExportReport } from '../../api/index.js'
import { VarveError } from '../../base/index.js'
import { EXIT_DAMAGE, EXIT_ERROR, EXIT_OK, OutputClosed, UsageError } from '../command.js'
import type { Terminal } from '../command.js'
import { countText } from '../demo/numbers.js'
import { errorText } from '../error-text.js'
import {
  bytesOption, choiceOption, defineCommand, DIR, durationOption, flag, optionalWord, PACE, withReader,
} from '../kit/index.js'
import type { CommandContext } from '../kit/index.js'
import { printableJson } from '../printable.js'
import { reportJson } from '../problem-text.js'

const ENCODINGS = ['utf8', 'hex', 'base64'] as const
const STANDARD_OUTPUT = '-'

export const exportCommand = defineCommand({
  name: 'export',
  group: 'Copy',
  summary: 'Write the entries of a database into a file, or to standard output',
  positionals: {
    dir: DIR,
    file: optionalWord('FILE', 'the file to make', 'the file to make; standard output without it, and for -'),
  },
  options: {
    format: choiceOption('FORMAT', [
      'varve: exact and checked; jsonl: lines of JSON, exact; csv: a table of cells for other',
      'programs. Else the end of FILE tells: .csv, .jsonl or .ndjson; for any other it is varve',
    ], ['varve', 'jsonl', 'csv']),
    prefix: bytesOption('KEY', 'only keys that begin so'),
    from: bytesOption('KEY', 'only this key and those above it'),
    to: bytesOption('KEY', 'only keys below this one'),
    encoding: choiceOption('ENC', 'utf8, hex or base64: how keys and values stand in the cells of csv', ENCODINGS),
    keyEncoding: choiceOption('ENC', 'the same, of keys alone', ENCODINGS),
    valueEncoding: choiceOption('ENC', 'the same, of values alone', ENCODINGS),
    value: choiceOption('FORM', [
      'json: in lines of JSON a value that is JSON itself stands as it is, not as a string',
    ], ['json']),
    safeCells: flag("with csv: ' in front of cells that a spreadsheet would take for a formula"),
    expiry: flag('with csv: a column that says when entries expire'),
    noExpiry: flag('leave out when entries expire'),
    maxAge: durationOption('TIME', 'give up after so long, since old versions are kept meanwhile'),
    pace: PACE,
  },
  details: [
    'All entries are of the moment at which the command was started, also while another process writes.',
    'A file has its name when it is whole and synced; until then it is FILE.part. The number of entries',
    'is told on standard error. What has no end does not count, and no import takes it.',
    '',
    'Exit codes: 0 all is written; 1 an error, also when the reader of a pipe went away; 3 --max-age',
    'was over before the end.',
  ],
  json: 'object',
  onInterrupt: 'abort',
  async run({ dir, file, ...given }, context) {
    const chosen = optionsOf(given, formatOf(file))
    const options = { ...chosen, signal: context.signal, onProgress: context.progress('exported') }
    const isPiped = file === undefined || file === STANDARD_OUTPUT
    if (isPiped && options.format === 'varve' && context.terminal.isShown) {
      throw new UsageError('a varve stream is not for a terminal: name a file, or another format')
    }
    try {
      return await withReader(dir, async (db) => {
        if (isPiped) return exportToPipe(db, options, context)
        const report = await db.export(file, options)
        context.result(reportJson(report), () => reportText(report))
        return EXIT_OK
      })
    } catch (error) {
      return reportFailure(error, isPiped, context)
    }
  },
})

interface GivenOptions {
  format?: ExportOptions['format'] | undefined
  prefix?: Uint8Array | undefined
  from?: Uint8Array | undefined
  to?: Uint8Array | undefined
  encoding?: (typeof ENCODINGS)[number] | undefined
  keyEncoding?: (typeof ENCODINGS)[number] | undefined
  valueEncoding?: (typeof ENCODINGS)[number] | undefined
  value?: 'json' | undefined
  safeCells: boolean
  expiry: boolean
  noExpiry: boolean
  maxAge?: number | undefined
  pace?: number | undefined
}

/** The format that the name of a file tells. */
function formatOf(file = ''): ExportOptions['format'] {
  if (/\.csv$/i.test(file)) return 'csv'
  return /\.(jsonl|ndjson)$/i.test(file) ? 'jsonl' : 'varve'
}

function optionsOf(given: GivenOptions, told: ExportOptions['format']): ExportOptions {
  const { format = told, prefix, from, to, encoding, value, expiry, noExpiry, maxAge, pace } = given
  if (expiry && noExpiry) throw new UsageError('--expiry and --no-expiry exclude each other')
  return {
    format, range: { prefix, gte: from, lt: to },
    keyEncoding: given.keyEncoding ?? encoding, valueEncoding: value ?? given.valueEncoding ?? encoding,
    safeCells: given.safeCells || undefined, includeExpiry: expiry ? true : noExpiry ? false : undefined,
    maxAgeMs: maxAge, bytesPerSecond: pace,
  }
}

/** Standard output has the stream alone: all else is told on standard error. */
async function exportToPipe(db: Varve, options: ExportOptions, context: CommandContext): Promise<number> {
  const { terminal } = context
  const report = await db.export(streamOf(terminal), options)
  context.end()
  terminal.error(context.isJson ? `${printableJson(report)}\n` : reportText(report))
  return EXIT_OK
}

function streamOf(terminal: Terminal): WritableStream<Uint8Array> {
  return new WritableStream<Uint8Array>({
    async write(bytes) {
      terminal.outBytes(bytes)
      await printed(terminal)
    },
    close: () => printed(terminal),
  })
}

/** Resolves when it is out. That nobody reads any more is an error here: half an export must not be taken for whole. */
async function printed(terminal: Terminal): Promise<void> {
  try {
    await terminal.printed()
  } catch (error) {
    if (!(error instanceof OutputClosed)) throw error
    throw new VarveError('IO_ERROR', 'the reader of standard output went away before the end of the export')
  }
}

function reportFailure(error: unknown, isPiped: boolean, context: CommandContext): number {
  if (error instanceof UsageError) throw error
  context.end()
  if (isPiped) context.terminal.error(errorText(error))
  else context.reportError(error)
  const isTooOld = VarveError.is(error) && error.code === 'ABORTED' && !context.signal.aborted
  return isTooOld ? EXIT_DAMAGE : EXIT_ERROR
}

function reportText({ entryCount, bytes }: ExportReport): string {
  return `exported ${countText(entryCount)} entries, ${countText(bytes)} bytes\n`
}
