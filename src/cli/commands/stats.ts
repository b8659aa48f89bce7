/**
 * What: `varve stats`: opens a database read-only and prints its statistics. Takes no lock, changes
 * nothing, works beside a writer and after a crash.
 */
import { parseArgs } from 'node:util'
import { Varve } from '../../api/index.js'
import { statsText } from '../../stats/index.js'
import type { Stats } from '../../stats/index.js'
import { lockHolder } from '../../vfs/index.js'
import type { LockHolder } from '../../vfs/index.js'
import { EXIT_ERROR, EXIT_OK, UsageError } from '../command.js'
import type { Command, Terminal } from '../command.js'
import { errorReport } from '../error-text.js'
import { printable, printableJson, printableTexts } from '../printable.js'

export const statsCommand: Command = {
  name: 'stats',
  synopsis: 'DIR [--json]',
  summary: 'Print what a database holds and how its last run went',
  details: [
    '',
    '  DIR            directory of the database; --workdir DIR means the same',
    '  --json         one JSON object; on an error, an object with the one key "error"',
    '',
    'The directory is only read, also while another process has the database open: then what is shown',
    'is the moment of the call. "last run" is the last one that was closed: a killed one leaves no such figures.',
  ],
  run,
}

async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  const { dir, isJson } = parse(args)
  let stats: OfflineStats
  try {
    stats = await readStats(dir)
  } catch (error) {
    if (!isJson) throw error
    terminal.out(`${printableJson({ error: errorReport(error) })}\n`)
    return EXIT_ERROR
  }
  terminal.out(isJson ? `${printableJson(stats)}\n` : text(stats))
  return EXIT_OK
}

function parse(args: readonly string[]): { dir: string; isJson: boolean } {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: { json: { type: 'boolean' }, workdir: { type: 'string' } },
    allowPositionals: true,
  })
  const dirs = values.workdir === undefined ? positionals : [...positionals, values.workdir]
  const [dir, ...more] = dirs
  if (dir === undefined || dir === '') throw new UsageError('stats needs the directory of a database')
  if (more.length > 0) throw new UsageError('stats takes one directory')
  return { dir, isJson: values.json === true }
}

type OfflineStats = Omit<Stats, 'lock'> & { lock: Stats['lock'] & { holder: LockHolder | null } }

async function readStats(dir: string): Promise<OfflineStats> {
  const db = await Varve.open(dir, { readOnly: true })
  try {
    const stats = db.stats()
    const holder = await lockHolder(db.location)
    return { ...stats, lock: { ...stats.lock, isHeld: holder !== null, holder } }
  } finally {
    await db.close()
  }
}

function text(stats: OfflineStats): string {
  const { holder } = stats.lock
  const lines = statsText(printableTexts(stats)).split('\n')
  if (holder !== null) {
    const { pid, host, since } = holder
    lines.splice(2, 0, `writer      process ${pid} on ${printable(host)} since ${printable(since)}`)
  }
  return lines.join('\n') + '\n'
}
