/** abstract-level's suite with every optional feature on, on the real file system. A short run draws a mode, and does
 * not come here each time. */
import { heavyTest, takesHeavy } from '../support/harness/share.js'
import { suiteTests } from '../support/programs/level-suite-tests.js'
import { leaveOutRunnerHooks } from '../support/harness/runner-hooks.js'

leaveOutRunnerHooks()

const title = 'abstract-level’s suite on the disk'
if (takesHeavy(title)) suiteTests('disk')
else heavyTest(title, () => undefined)
