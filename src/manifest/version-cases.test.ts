/** What edits do to a version, and what is wrong with versions: test/data/manifest says it without TypeScript. */
import { describe } from 'node:test'
import { datadriven } from '../../test/support/harness/datadriven.js'
import { runVersionCase } from '../../test/support/text/version-script.js'

describe('edits of a version', () => datadriven('manifest/edits.txt', runVersionCase))
describe('problems of a version', () => datadriven('manifest/problems.txt', runVersionCase))
