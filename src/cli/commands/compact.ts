/**
 * What: `varve compact`: merges the tables of a range down to one version a key, and tells before what that means.
 */
import type { CompactProgress } from '../../engine/index.js'
import type { Progress } from '../../report/index.js'
import { EXIT_OK } from '../command.js'
import { BESIDE_A_WRITER } from '../data/beside-a-writer.js'
import { compactPlanText, workPlan } from '../data/work-plan.js'
import { msText } from '../demo/numbers.js'
import { amountText, countedText, bytesOption, defineCommand, DIR, flag, withReader, withWriter } from '../kit/index.js'

export const compactCommand = defineCommand({
  name: 'compact',
  group: 'Keep',
  summary: 'Merge the tables of a range until each key has one version',
  positionals: { dir: DIR },
  options: {
    from: bytesOption('KEY', 'only this key and those behind it'),
    to: bytesOption('KEY', 'only keys before this one'),
    dryRun: flag('only tell what there is to do: nothing is changed'),
  },
  details: [
    'A database that is open does this by itself, as far as it is worth it. Ctrl-C gives the merge under way up; those',
    'that are done stay, and nothing is lost.',
  ],
  json: 'object',
  onInterrupt: 'abort',
  async run({ dir, from, to, dryRun: isDry }, context) {
    const { clock, signal } = context
    const plan = await withReader(dir, async (db) => workPlan(db, { from, to }))
    if (isDry) {
      context.result({ isDry, plan }, () => `${compactPlanText(plan)}\n`)
      return EXIT_OK
    }
    context.note(`${compactPlanText(plan)}\n`)
    return withWriter(dir, BESIDE_A_WRITER, async (db) => {
      const startMs = clock.nowMs()
      const tell = context.progress('compacting')
      let progress: Omit<CompactProgress, keyof Progress> = {
        readBytes: 0, writtenBytes: 0, movedBytes: 0, stepCount: 0,
      }
      const range = { ...(from === undefined ? {} : { gte: from }), ...(to === undefined ? {} : { lt: to }) }
      const onProgress = (now: CompactProgress): void => {
        const { readBytes, writtenBytes, movedBytes, stepCount } = now
        progress = { readBytes, writtenBytes, movedBytes, stepCount }
        tell(now)
      }
      await db.compact(range, { signal, onProgress })
      const ms = clock.nowMs() - startMs
      const { readBytes, writtenBytes, stepCount } = progress
      context.result({ isDry, plan, ...progress, durationMs: Math.round(ms) }, () => {
        const bytes = `read ${amountText(readBytes)}, wrote ${amountText(writtenBytes)}`
        return `${countedText(stepCount, 'step')} in ${msText(ms)}, ${bytes}\n`
      })
      return EXIT_OK
    }, { onProgress: context.opening() })
  },
})
