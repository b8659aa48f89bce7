/**
 * What: `varve flush`: brings what stands in the logs alone into tables, and tells before how much that is.
 */
import { EXIT_OK } from '../command.js'
import { BESIDE_A_WRITER } from '../data/beside-a-writer.js'
import { flushPlanText, workPlan } from '../data/work-plan.js'
import { msText } from '../demo/numbers.js'
import { countedText, defineCommand, DIR, flag, withReader, withWriter } from '../kit/index.js'

export const flushCommand = defineCommand({
  name: 'flush',
  group: 'Keep',
  summary: 'Bring everything written so far into tables',
  positionals: { dir: DIR },
  options: { dryRun: flag('only tell what there is to do: nothing is changed') },
  details: ['After it the next open has no log to read, until something is written.'],
  json: 'object',
  onInterrupt: 'abort',
  async run({ dir, dryRun: isDry }, context) {
    const { unflushedCount, logBytes, ...rest } = await withReader(dir, async (db) => {
      return workPlan(db, { from: undefined, to: undefined })
    })
    const plan = { unflushedCount, logBytes }
    const planText = flushPlanText({ ...plan, ...rest })
    if (isDry) {
      context.result({ isDry, plan }, () => `${planText}\n`)
      return EXIT_OK
    }
    context.note(`${planText}\n`)
    return withWriter(dir, BESIDE_A_WRITER, async (db) => {
      const startMs = context.clock.nowMs()
      await db.flush()
      const ms = context.clock.nowMs() - startMs
      context.result({ isDry, plan, durationMs: Math.round(ms) }, () => {
        return `flushed ${countedText(unflushedCount, 'entry', 'entries')} in ${msText(ms)}\n`
      })
      return EXIT_OK
    }, { onProgress: context.opening() })
  },
})
