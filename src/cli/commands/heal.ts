/**
 * What: `varve heal`: takes damaged files of a closed database from backups that have the same ones.
 */
import { Varve } from '../../api/index.js'
import type { HealReport } from '../../verify/index.js'
import { EXIT_DAMAGE, EXIT_OK, UsageError } from '../command.js'
import { sizeText } from '../demo/numbers.js'
import { defineCommand, DIR, sizeOption, textsOption } from '../kit/index.js'
import { printable } from '../printable.js'
import { problemsText, reportJson } from '../problem-text.js'

export const healCommand = defineCommand({
  name: 'heal',
  group: 'Keep',
  summary: 'Take damaged files from backups that have the same ones',
  positionals: { dir: DIR },
  options: {
    from: textsOption('BACKUP', [
      'directory of a backup, or of a set of them, of which the newest is asked first; may be given more',
      'than once, and is asked in this order',
    ]),
    rate: sizeOption('BYTES', 'read and write so many bytes a second at most, such as 8MiB'),
  },
  details: [
    'A file is replaced only by the same one: of this database, with its number, its salt and its size, and read whole',
    'before. It refuses while a process has the database open. Exit code 0: nothing is damaged any more; 3: something',
    'is, and no backup had it.',
  ],
  json: 'object',
  onInterrupt: 'abort',
  async run({ dir, from, rate }, context) {
    if (from.length === 0) throw new UsageError('heal needs --from and the directory of a backup')
    const report = await Varve.heal(dir, {
      from, bytesPerSecond: rate, signal: context.signal, onProgress: context.progress('heal'),
    })
    context.result(reportJson(report), () => healedText(report) + problemsText(report) + verdict(report))
    return report.ok ? EXIT_OK : EXIT_DAMAGE
  },
})

function healedText({ healed }: HealReport): string {
  return healed.map(({ file, from, bytes }) => `healed: ${file}, ${sizeText(bytes)} from ${printable(from)}\n`).join('')
}

function verdict({ ok, healed }: HealReport): string {
  if (!ok) return 'damaged: no backup has what is named above\n'
  return healed.length === 0 ? 'good: nothing was damaged\n' : 'good: nothing is damaged any more\n'
}
