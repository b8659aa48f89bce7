/**
 * What: `varve orphans`: names the files that are not part of the database and that no open deletes, because what
 * they hold may be nowhere else; removes them on request, when everything else is whole.
 */
import { parseArgs } from 'node:util'
import { resolveOptions } from '../../engine/index.js'
import { deleteOrphans, listOrphans } from '../../open/index.js'
import type { KeptFileInfo } from '../../open/index.js'
import { BLOCK_BYTES_DEFAULT } from '../../sstable/index.js'
import { KEPT_BECAUSE } from '../../stats/index.js'
import { NodeVfs } from '../../vfs/index.js'
import { EXIT_ERROR, EXIT_OK, UsageError } from '../command.js'
import type { Command, Terminal } from '../command.js'
import { countText } from '../demo/numbers.js'
import { errorReport } from '../error-text.js'
import { printableJson } from '../printable.js'

export const orphansCommand: Command = {
  name: 'orphans',
  synopsis: 'DIR [--delete] [--json]',
  summary: 'Name the files that are kept beside the database, or remove them',
  details: [
    '',
    '  DIR            directory of the database',
    '  --delete       remove them; first every listed table and every value is read, from beginning to end',
    '  --json         one JSON object; on an error, an object with the one key "error"',
    '',
    'A table that no manifest lists is kept when it holds writes that neither the manifest nor the logs know,',
    'and so is what another database wrote: a power loss may leave the first, a mistaken copy either. Look',
    'before you delete: when the manifest is an old one, these files have what it misses. Without --delete the',
    'directory is only read, also beside a writer. --delete refuses while a process has the database open,',
    'and when anything else in it is missing, damaged or doubtful.',
  ],
  run,
}

async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  const { dir, isDelete, isJson } = parse(args)
  const options = resolveOptions({ readOnly: true }, BLOCK_BYTES_DEFAULT)
  let files: KeptFileInfo[]
  try {
    files = await (isDelete ? deleteOrphans : listOrphans)(dir, new NodeVfs(), options)
  } catch (error) {
    if (!isJson) throw error
    terminal.out(`${printableJson({ error: errorReport(error) })}\n`)
    return EXIT_ERROR
  }
  terminal.out(isJson ? `${printableJson({ isDeleted: isDelete, files })}\n` : text(files, isDelete))
  return EXIT_OK
}

function parse(args: readonly string[]): { dir: string; isDelete: boolean; isJson: boolean } {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: { delete: { type: 'boolean' }, json: { type: 'boolean' } },
    allowPositionals: true,
  })
  const [dir, ...more] = positionals
  if (dir === undefined || dir === '') throw new UsageError('orphans needs the directory of a database')
  if (more.length > 0) throw new UsageError('orphans takes one directory')
  return { dir, isDelete: values.delete === true, isJson: values.json === true }
}

function text(files: readonly KeptFileInfo[], isDelete: boolean): string {
  if (files.length === 0) return 'no orphans\n'
  return files.map((file) => `${isDelete ? 'removed ' : ''}${lineOf(file)}\n`).join('')
}

function lineOf({ file, reason, bytes, table }: KeptFileInfo): string {
  const holds = table === null
    ? ''
    : `, ${countText(table.entryCount)} entries, sequence numbers ${table.smallestSeqNum} to ${table.largestSeqNum}`
  return `${file}: ${countText(bytes)} bytes${holds}; ${KEPT_BECAUSE[reason]}`
}
