/** abstract-level's suite with worker threads: a thousand databases start and end their threads. */
import { suiteTest } from '../support/programs/level-suite-tests.js'

for (const isFlushed of [true, false]) suiteTest({ platform: 'disk', manifestSync: true, isFlushed, workers: 2 })
