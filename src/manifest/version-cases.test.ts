/** Edits change a version, and checks find problems in versions. The cases are text in test/data/manifest. */
import { describe } from 'node:test'
import { datadriven } from '../../test/support/harness/datadriven.js'
import { runVersionCase } from '../../test/support/text/version-script.js'

describe('edits of a version', () => datadriven('manifest/edits.txt', runVersionCase))
describe('problems of a version', () => datadriven('manifest/problems.txt', runVersionCase))
