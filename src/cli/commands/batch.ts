/**
 * What: `varve batch`: the operations of standard input, one a line, as one batch: all or none.
 */
import { EXIT_OK } from '../command.js'
import { BatchLines } from '../data/batch-lines.js'
import { BESIDE_A_WRITER } from '../data/beside-a-writer.js'
import { countedText, defineCommand, DIR, flag, withWriter } from '../kit/index.js'
import type { CommandContext } from '../kit/index.js'

export const batchCommand = defineCommand({
  name: 'batch',
  group: 'Write',
  summary: 'Write the operations of standard input, all or none',
  positionals: { dir: DIR },
  options: { dryRun: flag('only check the lines: nothing is written') },
  details: [
    'A line of standard input is one operation, as JSON:',
    '',
    '  {"k": "key", "v": "value"}                 puts; "exp" is when the value expires, in ms since 1970',
    '  {"op": "del", "k": "key"}                  deletes',
    '  {"op": "delRange", "from": "a", "to": "b"} deletes all keys from a on and before b; either may be left out',
    '',
    'Bytes that are no text stand under k64, v64, from64, to64, in Base64. What `varve scan --json` prints',
    'can be given here. All operations must fit into memory. A line that is wrong ends the command, and',
    'nothing is written.',
  ],
  json: 'object',
  onInterrupt: 'abort',
  async run({ dir, dryRun: isDry }, context) {
    const { operations } = await readLines(context)
    const result = (): number => {
      context.result({ isDry, operationCount: operations.length }, () => {
        return `${countedText(operations.length, 'operation')}${isDry ? ', not written' : ''}\n`
      })
      return EXIT_OK
    }
    if (isDry) return result()
    return withWriter(dir, BESIDE_A_WRITER, async (db) => {
      await db.batch(operations, { sync: true })
      return result()
    }, { onProgress: context.opening() })
  },
})

async function readLines({ terminal, signal }: CommandContext): Promise<BatchLines> {
  const lines = new BatchLines()
  // A read of a terminal or a pipe ends only with its end: Ctrl-C must not wait for that.
  const aborted = new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
  })
  const reading = (async () => {
    for await (const piece of terminal.input) lines.add(typeof piece === 'string' ? Buffer.from(piece) : piece)
    lines.end()
  })()
  await Promise.race([reading, aborted])
  return lines
}
