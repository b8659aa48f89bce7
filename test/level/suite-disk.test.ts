/** abstract-level's suite with every optional feature on, on the real file system. */
import { suiteTest } from '../support/level-suite-tests.js'

for (const manifestSync of [true, false]) {
  for (const isFlushed of [true, false]) suiteTest({ platform: 'disk', manifestSync, isFlushed })
}
