/**
 * What: `varve gc`: gives the space of large values back that nothing points to, or tells which files would be emptied.
 */
import { logFileName, vlogFileName } from '../../base/index.js'
import { collectedText, heldText, keptText } from '../collected-text.js'
import { EXIT_OK } from '../command.js'
import { countText, sizeText } from '../demo/numbers.js'
import { defineCommand, DIR, flag, numberOption, withReader, withWriter } from '../kit/index.js'
import type { CommandContext } from '../kit/index.js'

const RATIO_DEFAULT = 0.25
const RATIO_MIN = 0.05
const RATIO_MAX = 0.95

export const gcCommand = defineCommand({
  name: 'gc',
  group: 'Keep',
  summary: 'Give back the space of large values that nothing points to',
  positionals: { dir: DIR },
  options: {
    ratio: numberOption('R', [
      'empty value logs of which more than this part is garbage;',
      `${RATIO_MIN} to ${RATIO_MAX}, else ${RATIO_DEFAULT}`,
    ], { min: RATIO_MIN, max: RATIO_MAX, isFraction: true }),
    dryRun: flag('only tell which value logs would be emptied: nothing is changed'),
  },
  details: [
    'A database that is open does this by itself, with less haste. That a value is dead is known only',
    'when its entry was merged with the newer one: gc merges first, so it may do more than a dry run',
    'tells.',
  ],
  json: 'object',
  onInterrupt: 'abort',
  async run({ dir, ratio = RATIO_DEFAULT, dryRun: isDry }, context) {
    if (isDry) return dryRun(dir, ratio, context)
    const nevertheless = 'a dry run works, and the program itself can call collectGarbage()'
    return withWriter(dir, nevertheless, async (db) => {
      const result = await db.collectGarbage({
        ratio, signal: context.signal, onProgress: context.progress('collecting'),
      })
      context.result({ isDry: false, ...result }, () => collectedText(result) + keptText(result))
      return EXIT_OK
    }, { onProgress: context.opening() })
  },
})

function dryRun(dir: string, ratio: number, context: CommandContext): Promise<number> {
  return withReader(dir, async (db) => {
    const { files } = db.stats().valueLog
    const condemned = files.filter(({ isLog, fileBytes, putBytes, garbageBytes }) =>
      garbageBytes > ratio * (isLog ? fileBytes : putBytes))
    const fileBytes = condemned.reduce((sum, file) => sum + file.fileBytes, 0)
    const liveBytes = condemned.reduce((sum, file) => sum + file.liveBytes, 0)
    const text = (): string => `${countText(condemned.length)} of ${countText(files.length)} value logs of ` +
      `${sizeText(fileBytes)} would be emptied, and ${sizeText(liveBytes)} moved\n${heldText(files)}`
    const names = condemned.map(({ fileNum, isLog }) => isLog ? logFileName(fileNum) : vlogFileName(fileNum))
    context.result({ isDry: true, files: names, fileCount: files.length, fileBytes, movedBytes: liveBytes }, text)
    return EXIT_OK
  })
}
