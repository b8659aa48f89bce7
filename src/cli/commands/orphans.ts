/**
 * What: `varve orphans`: names the files that are not part of the database and that no open deletes, because what
 * they hold may be nowhere else; removes them on request, when everything else is whole.
 */
import { resolveOptions } from '../../engine/index.js'
import { deleteOrphans, listOrphans } from '../../open/index.js'
import type { KeptFileInfo } from '../../open/index.js'
import { BLOCK_BYTES_DEFAULT } from '../../sstable/index.js'
import { KEPT_BECAUSE } from '../../stats/index.js'
import { NodeVfs } from '../../vfs/index.js'
import { EXIT_OK } from '../command.js'
import { countText } from '../demo/numbers.js'
import { defineCommand, DIR, flag } from '../kit/index.js'

export const orphansCommand = defineCommand({
  name: 'orphans',
  group: 'Keep',
  summary: 'Name the files that are kept beside the database, or remove them',
  positionals: { dir: DIR },
  options: { delete: flag('remove them; first every listed table and every value is read') },
  details: [
    'A table that no manifest lists is kept when it holds writes that neither the manifest nor the logs know,',
    'and so is what another database wrote: a power loss may leave the first, a mistaken copy either. Look',
    'before you delete: when the manifest is an old one, these files have what it misses. Without --delete the',
    'directory is only read, also beside a writer. --delete refuses while a process has the database open,',
    'and when anything else in it is missing, damaged or doubtful.',
  ],
  json: 'object',
  // What it deletes it has judged before, and each file goes whole.
  onInterrupt: 'end',
  async run({ dir, delete: isDelete }, context) {
    const options = resolveOptions({ readOnly: true }, BLOCK_BYTES_DEFAULT)
    const files = await (isDelete ? deleteOrphans : listOrphans)(dir, new NodeVfs(), options)
    context.result({ isDeleted: isDelete, files }, () => text(files, isDelete))
    return EXIT_OK
  },
})

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
