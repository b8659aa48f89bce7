/** The fate of the directory before some calls of a life (test/support/fate.ts); before every one: fates.long.ts. */
import { registerFates } from '../support/fate-tests.js'
import { drawn, isWholeRun } from '../support/share.js'

const MOMENTS = isWholeRun ? 12 : 2

await registerFates((name, moments) => {
  const step = Math.ceil(moments.length / MOMENTS)
  // One of each stretch of a life.
  return Array.from({ length: Math.ceil(moments.length / step) }, (_, i) => {
    return drawn(`${name} ${i}`, moments.slice(i * step, (i + 1) * step))[0]!
  })
})
