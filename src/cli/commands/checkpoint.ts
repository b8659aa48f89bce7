/**
 * What: `varve checkpoint`, `varve restore`: a directory that holds one moment of a database, and a database made of
 * it.
 */
import { Varve } from '../../api/index.js'
import type { CheckpointResult } from '../../api/index.js'
import { toHex } from '../../base/index.js'
import { EXIT_OK } from '../command.js'
import { countText, sizeText } from '../demo/numbers.js'
import { choiceOption, defineCommand, DIR, flag, PACE, textOption, word } from '../kit/index.js'
import { printable } from '../printable.js'

/** What a copy took, as one line. */
export function copyText(
  { fileCount, linkedBytes, copiedBytes, reusedBytes }: Omit<CheckpointResult, 'seqNum' | 'position' | 'durationMs'>,
): string {
  const parts = [['linked', linkedBytes], ['copied', copiedBytes], ['shared with an earlier one', reusedBytes]]
  const shown = parts.filter(([, bytes]) => bytes !== 0).map(([what, bytes]) => `${sizeText(bytes as number)} ${what}`)
  return `${countText(fileCount)} ${fileCount === 1 ? 'file' : 'files'}${shown.map((text) => `, ${text}`).join('')}`
}

export const checkpointCommand = defineCommand({
  name: 'checkpoint',
  group: 'Keep',
  summary: 'Make a directory that holds the database at this moment, also beside a writer',
  positionals: {
    dir: DIR, target: word('TARGET', 'the directory to make', 'directory that is made; its parent is there'),
  },
  options: {
    mode: choiceOption('MODE', 'link, copy, or auto: links where they can be', ['auto', 'link', 'copy']),
    base: textOption('DIR', 'an earlier checkpoint beside TARGET: equal files are linked to it'),
    verify: flag('read every byte back that was copied'),
    pace: PACE,
  },
  details: [
    'The database may be open: nothing of it is changed, and nobody waits. TARGET is a database of its',
    'own, with everything that was acknowledged when the command began.',
  ],
  json: 'object',
  onInterrupt: 'abort',
  async run({ dir, target, mode = 'auto', base, verify, pace }, context) {
    const { position, ...made } = await Varve.checkpoint(dir, target, {
      mode, base, verify, bytesPerSecond: pace, signal: context.signal, onProgress: context.progress('checkpoint'),
    })
    context.result({ target, position: position === null ? null : toHex(position), ...made }, () =>
      `${printable(target)}: sequence ${made.seqNum}, ${copyText(made)}\n`)
    return EXIT_OK
  },
})

export const restoreCommand = defineCommand({
  name: 'restore',
  group: 'Keep',
  summary: 'Make a database of a backup or checkpoint, in a new directory',
  positionals: {
    backup: word('BACKUP', 'the backup or checkpoint', 'directory of the backup or checkpoint'),
    target: word('TARGET', 'the directory to make', 'directory that is made; its parent is there'),
  },
  options: { link: flag('link the files of the backup instead of copying them'), pace: PACE },
  details: [
    'Every byte of the backup is checked before anything is written. The database begins a history of',
    'its own: who followed the one that was backed up is told so, and begins anew.',
  ],
  json: 'object',
  onInterrupt: 'abort',
  async run({ backup, target, link, pace }, context) {
    const { position, ...report } = await Varve.restore(backup, target, {
      mode: link ? 'link' : 'copy', bytesPerSecond: pace, signal: context.signal,
      onProgress: context.progress('restore'),
    })
    context.result({ ...report, target, position: position === null ? null : toHex(position) }, () =>
      `${printable(target)}: sequence ${report.seqNum}, ${copyText(report)}\n`)
    return EXIT_OK
  },
})
