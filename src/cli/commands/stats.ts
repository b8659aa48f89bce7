/**
 * What: `varve stats`: opens a database read-only and prints its statistics. Takes no lock, changes
 * nothing, works beside a writer and after a crash.
 */
import { statsText } from '../../stats/index.js'
import type { Stats } from '../../stats/index.js'
import { lockHolder } from '../../vfs/index.js'
import type { LockHolder } from '../../vfs/index.js'
import { EXIT_OK, UsageError } from '../command.js'
import { defineCommand, optionalWord, textOption, withReader } from '../kit/index.js'
import { printable, printableTexts } from '../printable.js'

export const statsCommand = defineCommand({
  name: 'stats',
  group: 'Look',
  summary: 'Print what a database holds and how its last run went',
  positionals: {
    dir: {
      ...optionalWord('DIR', 'the directory of a database', 'directory of the database; --workdir DIR means the same'),
      name: 'DIR',
    },
  },
  options: { workdir: { ...textOption('DIR', ''), isHidden: true } },
  details: [
    'The directory is only read, also while another process has the database open: then what is shown',
    'is the moment of the call. "last run" is the last one that was closed: a killed one leaves no such figures.',
  ],
  json: 'object',
  onInterrupt: 'end',
  async run({ dir, workdir }, context) {
    if (dir !== undefined && workdir !== undefined) throw new UsageError('stats takes one directory')
    const stats = await readStats(directoryOf(dir ?? workdir))
    context.result(stats, () => text(stats))
    return EXIT_OK
  },
})

function directoryOf(dir: string | undefined): string {
  if (dir === undefined || dir === '') throw new UsageError('stats needs the directory of a database')
  return dir
}

type OfflineStats = Omit<Stats, 'lock'> & { lock: Stats['lock'] & { holder: LockHolder | null } }

function readStats(dir: string): Promise<OfflineStats> {
  return withReader(dir, async (db) => {
    const stats = db.stats()
    const holder = await lockHolder(db.location)
    return { ...stats, lock: { ...stats.lock, isHeld: holder !== null, holder } }
  })
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
