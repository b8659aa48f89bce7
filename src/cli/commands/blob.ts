/**
 * What: `varve blob`: looks at a blob cache without opening it. All but `rebuild` take no lock and change nothing in
 * the directory, so they work beside a process that has the cache.
 * Does not own: what each part does (blob/).
 */
import { parseArgs } from 'node:util'
import { blobDump } from '../blob/blob-dump.js'
import { blobGet } from '../blob/blob-get.js'
import { blobList } from '../blob/blob-list.js'
import { blobRebuild } from '../blob/blob-rebuild.js'
import { blobStats } from '../blob/blob-stats.js'
import { blobVerify } from '../blob/blob-verify.js'
import type { BlobArguments, BlobPart } from '../blob/blob-part.js'
import { EXIT_ERROR, OutputClosed, UsageError } from '../command.js'
import type { Command, Terminal } from '../command.js'
import { errorReport } from '../error-text.js'
import { unknownText } from '../nearest-name.js'
import { printableJson } from '../printable.js'

const PARTS: Readonly<Record<string, BlobPart>> = {
  stats: blobStats, verify: blobVerify, ls: blobList, get: blobGet, dump: blobDump, rebuild: blobRebuild,
}
const NAMES = Object.keys(PARTS)

export const blobCommand: Command = {
  name: 'blob',
  synopsis: 'PART DIR [--json]',
  summary: 'Look at a blob cache: what it holds, whether it is whole, its keys and blobs',
  details: [
    '',
    'PART and its arguments:',
    '  stats DIR                  segments, blobs and bytes',
    '  verify DIR                 reads every byte and tells what it is; exit code 1 when one is not what was written',
    '  ls DIR [--prefix TEXT] [--limit N] [--long]',
    '                             keys, in no order; with --long also bytes, end of life and segment',
    '  get DIR KEY [--out FILE]   the bytes of a blob; exit code 1 when there is none',
    '  dump DIR [NAME…] [--brief] the catalog and segments byte by byte, as `varve dump` does',
    '  rebuild DIR                makes a catalog of the segments alone, where the one there was is lost:',
    '                             deleted blobs may come back. No process may have the cache',
    '  --json                     one JSON object (ls, dump: one a line); on an error, one with the one key "error"',
    '',
    'All but rebuild only read the directory, also while a process has the cache: then what is shown is what',
    'that process has written so far. A blob that it keeps in memory is not shown, one that it has deleted a',
    'moment ago may be.',
  ],
  run,
}

async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  const { part, given } = parse(args)
  try {
    return await part.run(given, terminal)
  } catch (error) {
    if (!given.isJson || error instanceof OutputClosed || error instanceof UsageError) throw error
    terminal.out(`${printableJson({ error: errorReport(error) })}\n`)
    return EXIT_ERROR
  }
}

function parse([name, ...args]: readonly string[]): { part: BlobPart; given: BlobArguments } {
  if (name === undefined) throw new UsageError(`blob needs what to do: ${NAMES.join(', ')}`)
  const part = Object.hasOwn(PARTS, name) ? PARTS[name] : undefined
  if (part === undefined) throw new UsageError(unknownText('command', name, NAMES))
  const { values, positionals } = parseArgs({
    args: [...args],
    options: { json: { type: 'boolean' }, ...part.options },
    allowPositionals: true,
  })
  const [dir, ...rest] = positionals
  if (dir === undefined || dir === '') throw new UsageError(`blob ${name} needs the directory of a cache`)
  if (rest.length > part.argumentsMax) throw new UsageError(`blob ${name} takes no '${rest[part.argumentsMax]}'`)
  return { part, given: { dir, rest, isJson: values.json === true, values: values as BlobArguments['values'] } }
}
