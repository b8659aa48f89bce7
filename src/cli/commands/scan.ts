/**
 * What: `varve scan`: the entries of a range, one a line.
 */
import { openCursor, readersOf } from '../../api/index.js'
import type { RangeOptions, Varve } from '../../api/index.js'
import { EXIT_OK } from '../command.js'
import { untilDamage } from '../data/damage.js'
import { AT_OPTION, KEY_RANGE_OPTIONS, momentOptions, rangeOf } from '../data/range-options.js'
import { bytesField, defineCommand, DIR, flag, numberOption, shortBytesText, withReader } from '../kit/index.js'
import type { CommandContext } from '../kit/index.js'
import { quoted } from '../shell/words.js'

/** Longer values, and keys at a terminal, are cut; --json has them whole. */
const SHOWN_CHARACTERS = 64 * 1024

export const scanCommand = defineCommand({
  name: 'scan',
  group: 'Look',
  summary: 'Print the entries of a range',
  positionals: { dir: DIR },
  options: {
    ...KEY_RANGE_OPTIONS,
    limit: numberOption('N', 'at most so many', { min: 0, max: Number.MAX_SAFE_INTEGER }),
    reverse: flag('from the last key to the first'),
    keysOnly: flag('without the values'),
    at: AT_OPTION,
  },
  details: [
    'A line has key and value as `varve shell` takes them: "put" in front of it puts the same bytes. Values of more',
    'than 64 KiB are cut. With --json a line is {"k": key, "v": value}, whole; bytes that are no text are in k64 and',
    'v64, in Base64, and exp is when a value expires. `varve batch` takes these lines.',
    'Where a file is damaged, what stands before it is printed, then the error, and the exit code is 3.',
  ],
  json: 'lines',
  onInterrupt: 'end',
  run({ dir, limit = Infinity, reverse, keysOnly, at, ...range }, context) {
    const bounds = rangeOf(range)
    return withReader(dir, (db) => untilDamage(context, async () => {
      const options = { ...bounds, ...momentOptions(db, at), limit, reverse }
      await print(db, options, keysOnly, context)
      return EXIT_OK
    }), { onProgress: context.opening() })
  },
})

async function print(db: Varve, options: RangeOptions, keysOnly: boolean, context: CommandContext): Promise<void> {
  const cursor = openCursor(readersOf(db).view, options)
  try {
    while (cursor.next()) {
      const key = cursor.key()
      if (keysOnly) context.line(() => bytesField('k', key), () => `${keyText(key, context)}\n`)
      else printEntry(key, cursor.value(), cursor.expiryMs, context)
      await context.paced()
    }
  } finally {
    cursor.close()
  }
}

function printEntry(key: Uint8Array, value: Uint8Array, expiryMs: number, context: CommandContext): void {
  context.line(
    () => ({ ...bytesField('k', key), ...bytesField('v', value), ...(expiryMs === 0 ? {} : { exp: expiryMs }) }),
    () => `${keyText(key, context)} ${valueText(value, context)}\n`,
  )
}

function keyText(key: Uint8Array, context: CommandContext): string {
  return context.form === 'hex' || context.form === 'base64' ? context.keyText(key) : quoted(key)
}

function valueText(value: Uint8Array, { form }: CommandContext): string {
  if (form === 'hex' || form === 'base64') return shortBytesText(value, form, SHOWN_CHARACTERS)
  if (value.length <= SHOWN_CHARACTERS) return quoted(value)
  return `${quoted(value.subarray(0, SHOWN_CHARACTERS))}… (${value.length} bytes)`
}
