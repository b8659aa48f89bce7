/** abstract-level's suite with every optional feature on, on a MemoryVfs. A short run draws strict or fast. */
import { suiteTest } from '../support/programs/level-suite-tests.js'
import { drawn } from '../support/harness/share.js'

for (const isFlushed of [true, false]) {
  for (const manifestSync of drawn(`suite, memory, ${isFlushed}`, [true, false])) {
    suiteTest({ platform: 'memory', manifestSync, isFlushed })
  }
}
