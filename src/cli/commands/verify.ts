/**
 * What: `varve verify`: tells whether a database is still as it was written, beside a writer too, and changes nothing.
 */
import { Varve } from '../../api/index.js'
import { VERIFY_LEVELS } from '../../verify/index.js'
import type { VerifyReport } from '../../verify/index.js'
import { EXIT_DAMAGE, EXIT_OK } from '../command.js'
import { countText, sizeText } from '../demo/numbers.js'
import { choiceOption, defineCommand, DIR, flag, PACE } from '../kit/index.js'
import { problemsText, reportJson } from '../problem-text.js'

export const verifyCommand = defineCommand({
  name: 'verify',
  group: 'Keep',
  summary: 'Tell whether the database is still as it was written',
  positionals: { dir: DIR },
  options: {
    level: choiceOption('LEVEL', [
      'quick: names, the manifest, and of each file what tells where everything else is;',
      'full: every byte of every file, which finds rot; this is the default;',
      'deep: also all entries in one walk, which finds faults of Varve itself',
    ], VERIFY_LEVELS),
    direct: flag('read the disk itself, past the caches of the system, where that can be done'),
    pace: PACE,
  },
  details: [
    'The directory is only read, also beside a writer, and no lock is taken. Exit code 0: all is as it was written;',
    '3: something is damaged, and the report says which keys it means and what to do.',
  ],
  json: 'object',
  onInterrupt: 'abort',
  async run({ dir, level, direct, pace }, context) {
    const report = await Varve.verify(dir, {
      level, direct, bytesPerSecond: pace, signal: context.signal, onProgress: context.progress('verify'),
    })
    context.result(reportJson(report), () => problemsText(report) + verdict(report))
    return report.ok ? EXIT_OK : EXIT_DAMAGE
  },
})

function verdict({ ok, level, files, checkedBytes, problems }: VerifyReport): string {
  const checked = `${countText(files)} files, ${sizeText(checkedBytes)} checked at level ${level}`
  if (!ok) return `damaged: ${checked}\n`
  const isDoubtful = problems.some(({ severity }) => severity === 'suspicion')
  return `${isDoubtful ? 'no damage, but see above' : 'good'}: ${checked}\n`
}
