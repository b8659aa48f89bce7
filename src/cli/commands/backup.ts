/**
 * What: `varve backup`: makes the next backup of a set, or lists those that there are.
 */
import { Varve } from '../../api/index.js'
import type { BackupInfo } from '../../api/index.js'
import { toHex } from '../../base/index.js'
import { EXIT_DAMAGE, EXIT_OK, UsageError } from '../command.js'
import { countText, sizeText } from '../demo/numbers.js'
import { defineCommand, flag, numberOption, optionalWord, PACE, withReader, word } from '../kit/index.js'
import type { CommandContext } from '../kit/index.js'
import { printable } from '../printable.js'
import { copyText } from './checkpoint.js'

const COUNT = { min: 1, max: 1_000_000 }

export const backupCommand = defineCommand({
  name: 'backup',
  group: 'Keep',
  summary: 'Make the next backup of a database, also beside a writer, or list them',
  positionals: {
    dir: word('DIR', 'the directory of a database', 'directory of the database; with --list of the set'),
    set: optionalWord('SET', 'the directory of the backups', 'directory of its backups, made if it is not there'),
  },
  options: {
    keep: numberOption('N', 'how many backups stay, else 14', COUNT),
    fullEvery: numberOption('N', 'after so many one shares no file with those before, else 30', COUNT),
    noVerify: flag('do not read back what was copied and linked'),
    list: flag('only list the backups that there are'),
    pace: PACE,
  },
  details: [
    'Backups are called SET/000001, SET/000002 and so on. Each is a database of its own, and takes as',
    'much room as has changed since the one before. `varve restore` makes a database of one. The list',
    'begins with the oldest and has the time of each, as the file system says. Exit code 3: a listed one',
    'cannot be used.',
  ],
  json: 'object',
  onInterrupt: 'abort',
  async run({ dir, set, keep, fullEvery, noVerify, list: isList, pace }, context) {
    if (isList) {
      if (set !== undefined) throw new UsageError('--list takes the directory of the backups alone')
      return list(dir, context)
    }
    if (set === undefined) throw new UsageError('backup needs SET, the directory of the backups')
    return withReader(dir, async (db) => {
      const { position, ...made } = await Varve.backup(db, set, {
        keep, fullEvery, verify: !noVerify, bytesPerSecond: pace, signal: context.signal,
        onProgress: context.progress('backup'),
      })
      context.result({ ...made, position: position === null ? null : toHex(position) }, () =>
        `${printable(made.location)}: sequence ${made.seqNum}, ${copyText(made)}\n`)
      return EXIT_OK
    })
  },
})

async function list(set: string, context: CommandContext): Promise<number> {
  const backups = await Varve.backups(set)
  context.result({ backups }, () => backups.map(lineOf).join('') || 'no backups\n')
  return backups.every(({ problem }) => problem === null) ? EXIT_OK : EXIT_DAMAGE
}

function lineOf({ location, problem, madeMs, seqNum, fileCount, bytes }: BackupInfo): string {
  const name = printable(location)
  if (problem !== null) return `${name}: cannot be used: ${printable(problem)}\n`
  const made = madeMs === null ? 'of an unknown time' : new Date(madeMs).toISOString().replace(/\.\d+/, '')
  const files = fileCount === 1 ? 'file' : 'files'
  return `${name}: ${made}, sequence ${seqNum}, ${countText(fileCount)} ${files}, ${sizeText(bytes)}\n`
}
