/**
 * What: `varve dump`: every byte of one file with its name and meaning.
 */
import { EXIT_ERROR, EXIT_OK } from '../command.js'
import { DUMP_KINDS, dumpFile, dumpKind, problemsText } from '../dump-file.js'
import { defineCommand, flag, word } from '../kit/index.js'

export const dumpCommand = defineCommand({
  name: 'dump',
  group: 'Look',
  summary: 'Print a file of a database or blob cache byte by byte',
  positionals: {
    kind: word('KIND', `what to dump: ${DUMP_KINDS.join(', ')}`, [
      'log, vlog, manifest or table; segment, catalog or index, of a blob cache; export, a varve stream;',
      'a log that was promoted to a value log is a log',
    ]),
    file: word('FILE', 'the file to dump', [
      'the file: 000012.wal, 000012.vlog, 000012.manifest, 000012.table,',
      '000012.segment, 000012.catalog, 000012.index',
    ]),
  },
  options: { brief: flag('one line for each frame or block, without its fields') },
  details: [
    'A damaged file is printed as far as it can be read: lines that begin with "!" say what is wrong and',
    'where, and the exit code is 1. So it is for the torn end that a crash may leave in a log. Of long',
    'fields, and of long columns, only the beginning is shown. The file is only read, also while a process',
    'has the database open.',
  ],
  json: 'object',
  onInterrupt: 'end',
  async run({ kind: typed, file, brief: isBrief }, { isJson, terminal }) {
    const problems = await dumpFile(dumpKind(typed), file, { isJson, isBrief }, terminal)
    if (problems.length === 0) return EXIT_OK
    if (!isJson) terminal.error(problemsText(file, problems))
    return EXIT_ERROR
  },
})
