/**
 * What: `varve gc`: gives the space of large values back that nothing points to, or tells which files would be emptied.
 */
import { parseArgs } from 'node:util'
import { Varve } from '../../api/index.js'
import { collectedText, heldText, keptText } from '../collected-text.js'
import { EXIT_OK, UsageError } from '../command.js'
import type { Command, Terminal } from '../command.js'
import { countText, sizeText } from '../demo/numbers.js'

const RATIO_DEFAULT = 0.25
const RATIO_MIN = 0.05
const RATIO_MAX = 0.95

export const gcCommand: Command = {
  name: 'gc',
  synopsis: 'DIR [--ratio R] [--dry-run]',
  summary: 'Give back the space of large values that nothing points to',
  details: [
    '',
    '  DIR            directory of the database',
    '  --ratio R      empty value logs of which more than this part is garbage; ' +
      `${RATIO_MIN} to ${RATIO_MAX}, else ${RATIO_DEFAULT}`,
    '  --dry-run      only tell which value logs would be emptied: the directory is read, and nothing is changed',
    '',
    'A database that is open does this by itself, with less haste. That a value is dead is known only when its entry',
    'was merged with the newer one: gc merges first, so it may do more than a dry run tells.',
  ],
  run,
}

async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  const { dir, ratio, isDry } = parse(args)
  if (isDry) return dryRun(dir, ratio, terminal)
  const db = await Varve.open(dir, { createIfMissing: false })
  try {
    const result = await db.collectGarbage({ ratio })
    terminal.out(collectedText(result) + keptText(result))
  } finally {
    await db.close()
  }
  return EXIT_OK
}

function parse(args: readonly string[]): { dir: string; ratio: number; isDry: boolean } {
  const { values, positionals: [dir, ...more] } = parseArgs({
    args: [...args], allowPositionals: true,
    options: { ratio: { type: 'string' }, 'dry-run': { type: 'boolean' } },
  })
  if (dir === undefined || dir === '') throw new UsageError('gc needs the directory of a database')
  if (more.length > 0) throw new UsageError('gc takes one directory')
  const ratio = values.ratio === undefined ? RATIO_DEFAULT : Number(values.ratio)
  if (!(ratio >= RATIO_MIN && ratio <= RATIO_MAX)) {
    throw new UsageError(`--ratio must be a number from ${RATIO_MIN} to ${RATIO_MAX}`)
  }
  return { dir, ratio, isDry: values['dry-run'] === true }
}

async function dryRun(dir: string, ratio: number, terminal: Terminal): Promise<number> {
  const db = await Varve.open(dir, { readOnly: true })
  try {
    const { files } = db.stats().valueLog
    const condemned = files.filter(({ isLog, fileBytes, putBytes, garbageBytes }) =>
      garbageBytes > ratio * (isLog ? fileBytes : putBytes))
    const fileBytes = condemned.reduce((sum, file) => sum + file.fileBytes, 0)
    const liveBytes = condemned.reduce((sum, file) => sum + file.liveBytes, 0)
    terminal.out(`${countText(condemned.length)} of ${countText(files.length)} value logs of ${sizeText(fileBytes)} ` +
      `would be emptied, and ${sizeText(liveBytes)} moved\n`)
    terminal.out(heldText(files))
  } finally {
    await db.close()
  }
  return EXIT_OK
}
