/**
 * What: `varve del`: deletes keys, all or none.
 */
import { EXIT_OK } from '../command.js'
import { BESIDE_A_WRITER } from '../data/beside-a-writer.js'
import { bytesWords, defineCommand, DIR, withWriter } from '../kit/index.js'

export const delCommand = defineCommand({
  name: 'del',
  group: 'Write',
  summary: 'Delete keys',
  positionals: { dir: DIR, keys: bytesWords('KEY', 'a key', 'the keys; behind -- when one begins with a dash') },
  details: ['A key need not be there. All are deleted at once, or none, and that survives power loss.'],
  json: 'object',
  onInterrupt: 'abort',
  run({ dir, keys }, context) {
    return withWriter(dir, BESIDE_A_WRITER, async (db) => {
      await db.batch(keys.map((key) => ({ type: 'del', key })), { sync: true })
      context.result({ count: keys.length }, () => '')
      return EXIT_OK
    })
  },
})
