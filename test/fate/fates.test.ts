/**
 * The directory of a database meets a fate before some calls of its life (test/support/faults/fate.ts). In
 * fates.long.ts it meets one before every call.
 */
import { registerFates } from '../support/faults/fate-tests.js'
import { drawn, isWholeRun } from '../support/harness/share.js'

const MOMENTS = isWholeRun ? 12 : 2

await registerFates((name, moments) => {
  const step = Math.ceil(moments.length / MOMENTS)
  // One of each stretch of a life.
  return Array.from({ length: Math.ceil(moments.length / step) }, (_, i) => {
    return drawn(`${name} ${i}`, moments.slice(i * step, (i + 1) * step))[0]!
  })
})
