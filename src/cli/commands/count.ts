/**
 * What: `varve count`: how many keys a range has.
 */
import { EXIT_OK } from '../command.js'
import { KEY_RANGE_OPTIONS, AT_OPTION, momentOptions, rangeOf } from '../data/range-options.js'
import { defineCommand, DIR, withReader } from '../kit/index.js'

/** The bar is shown anew after so many keys. */
const STEP_KEYS = 10_000

export const countCommand = defineCommand({
  name: 'count',
  group: 'Look',
  summary: 'Count the keys of a range',
  positionals: { dir: DIR },
  options: { ...KEY_RANGE_OPTIONS, at: AT_OPTION },
  details: ['Every key is looked at: entries that are deleted, or hidden by newer ones, do not count.'],
  json: 'object',
  onInterrupt: 'end',
  run({ dir, at, ...range }, context) {
    const bounds = rangeOf(range)
    return withReader(dir, async (db) => {
      const tell = context.progress('counting')
      let count = 0
      const iterator = db.keysSync({ ...bounds, ...momentOptions(db, at) })
      for (; iterator.next().done !== true; count++) {
        if (count % STEP_KEYS !== 0) continue
        tell({ doneBytes: 0, totalBytes: null, doneCount: count, totalCount: null })
        await context.paced()
      }
      context.result({ count }, () => `${count}\n`)
      return EXIT_OK
    })
  },
})
