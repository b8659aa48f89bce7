/**
 * What: `varve get`: the value of one key, byte for byte to a pipe, safe to look at on a terminal.
 */
import { VarveError } from '../../base/index.js'
import { EXIT_OK } from '../command.js'
import { AT_OPTION, momentOptions } from '../data/range-options.js'
import { bytesField, bytesWord, defineCommand, DIR, withReader } from '../kit/index.js'
import type { CommandContext } from '../kit/index.js'

export const getCommand = defineCommand({
  name: 'get',
  group: 'Look',
  summary: 'Print the value of a key',
  positionals: { dir: DIR, key: bytesWord('KEY', 'a key', 'the key; behind -- when it begins with a dash') },
  options: { at: AT_OPTION },
  details: [
    'To a pipe or a file go the bytes of the value, and nothing else. A terminal shows them as text, with what could',
    'act on it as \\xNN. Without such a key the exit code is 1.',
  ],
  json: 'object',
  onInterrupt: 'end',
  run({ dir, key, at }, context) {
    return withReader(dir, async (db) => {
      const moment = momentOptions(db, at)
      const absent = (): VarveError => new VarveError('NOT_FOUND', `there is no key ${context.shortKeyText(key, 200)}`)
      if (!context.isJson && !context.terminal.isShown && context.form === 'auto') {
        const pieces = await db.getStream(key, moment)
        if (pieces === undefined) throw absent()
        await printPieces(pieces, context)
        return EXIT_OK
      }
      const entry = await db.entry(key, moment)
      if (entry === undefined) throw absent()
      const { value, expiresAt, seqNum } = entry
      context.result({
        ...bytesField('k', key), ...bytesField('v', value), seq: seqNum,
        ...(expiresAt === null ? {} : { exp: expiresAt }),
      }, () => `${context.keyText(value)}\n`)
      return EXIT_OK
    })
  },
})

async function printPieces(pieces: AsyncIterable<Uint8Array>, { terminal }: CommandContext): Promise<void> {
  for await (const piece of pieces) {
    terminal.outBytes(piece)
    await terminal.printed()
  }
}
