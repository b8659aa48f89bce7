/** abstract-level's suite with every optional feature on, on the real file system. A short run draws a mode. */
import { suiteTests } from '../support/programs/level-suite-tests.js'
import { leaveOutRunnerHooks } from '../support/harness/runner-hooks.js'

leaveOutRunnerHooks()

suiteTests('disk')
