/**
 * What: `varve dump`: every byte of one file with its name and meaning.
 */
import { parseArgs } from 'node:util'
import { EXIT_ERROR, EXIT_OK, OutputClosed, UsageError } from '../command.js'
import type { Command, Terminal } from '../command.js'
import { DUMP_KINDS, dumpFile, dumpKind, problemsText } from '../dump-file.js'
import type { DumpKind, DumpOptions } from '../dump-file.js'
import { errorReport } from '../error-text.js'
import { printableJson } from '../printable.js'

export const dumpCommand: Command = {
  name: 'dump',
  synopsis: 'KIND FILE [--json] [--brief]',
  summary: 'Print a file of a database or blob cache byte by byte',
  details: [
    '',
    '  KIND           log, vlog, manifest or table; segment or catalog, of a blob cache;',
    '                 a log that was promoted to a value log is a log',
    '  FILE           the file: 000012.wal, 000012.vlog, 000012.manifest, 000012.table, 000012.segment, 000012.catalog',
    '  --json         one JSON object; on an error, an object with the one key "error"',
    '  --brief        one line for each frame or block, without its fields',
    '',
    'A damaged file is printed as far as it can be read: lines that begin with "!" say what is wrong and',
    'where, and the exit code is 1. So it is for the torn end that a crash may leave in a log. Of long',
    'fields, and of long columns, only the beginning is shown. The file is only read, also while a process',
    'has the database open.',
  ],
  run,
}

interface DumpArguments extends DumpOptions {
  kind: DumpKind
  file: string
}

async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  const { kind, file, ...options } = parse(args)
  try {
    const problems = await dumpFile(kind, file, options, terminal)
    if (problems.length === 0) return EXIT_OK
    if (!options.isJson) terminal.error(problemsText(file, problems))
  } catch (error) {
    if (!options.isJson || error instanceof OutputClosed) throw error
    terminal.out(`${printableJson({ error: errorReport(error) })}\n`)
  }
  return EXIT_ERROR
}

function parse(args: readonly string[]): DumpArguments {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: { json: { type: 'boolean' }, brief: { type: 'boolean' } },
    allowPositionals: true,
  })
  const [kind, file, ...more] = positionals
  if (kind === undefined) throw new UsageError(`dump needs what to dump: ${DUMP_KINDS.join(', ')}`)
  const known = dumpKind(kind)
  if (file === undefined || file === '') throw new UsageError(`dump needs the file of the ${kind}`)
  if (more.length > 0) throw new UsageError('dump takes one file')
  return { kind: known, file, isJson: values.json === true, isBrief: values.brief === true }
}
