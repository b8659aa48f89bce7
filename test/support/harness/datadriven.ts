/**
 * What: tests whose cases are text. A file in test/data is a list of cases: a command line, lines of input, `----`, and
 * the expected output up to the next empty line. Lines from `#` on between cases are comments. UPDATE=1 writes what
 * came into the file instead of failing, so that a change of policy is a diff to read.
 *
 *     # Four tables in level 0 are one compaction.
 *     pick quiet=true
 *     0: 5 a-z
 *     ----
 *     level0 0: 5 → 6
 *
 * The form follows CockroachDB's datadriven package. Thread: main.
 */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { it } from 'node:test'
import { packageDir } from './golden.js'

export interface DataCase {
  /** The first word of the command line. */
  readonly command: string
  /** `name=value` and `name` behind the command; a bare name has the value ''. */
  readonly args: ReadonlyMap<string, string>
  /** The lines between the command and `----`. */
  readonly input: readonly string[]
}

interface ParsedCase extends DataCase {
  readonly line: number
  /** The comment above the case, or its command line: the title of the test. */
  readonly title: string
  /** Lines as they stand in the file, from the comment to `----`. */
  readonly source: readonly string[]
  readonly expected: string
}

const SEPARATOR = '----'

/** Makes one test for each case of test/data/`name`; `run` gives the output of a case, without a newline at its end. */
export function datadriven(name: string, run: (test: DataCase) => string): void {
  const file = path.join(packageDir, 'test/data', name)
  const cases = parseCases(readFileSync(file, 'utf8'), name)
  const written: string[] = []
  for (const each of cases) {
    it(each.title, () => {
      const actual = run(each).trimEnd()
      written.push([...each.source, ...(actual === '' ? [] : [actual])].join('\n'))
      if (process.env['UPDATE'] === '1') {
        if (written.length === cases.length) writeFileSync(file, `${written.join('\n\n')}\n`)
        return
      }
      assert.equal(actual, each.expected, `test/data/${name}:${each.line}; UPDATE=1 rewrites it`)
    })
  }
}

export function parseCases(text: string, name: string): ParsedCase[] {
  const cases: ParsedCase[] = []
  const lines = text.split('\n')
  let at = 0
  while (at < lines.length) {
    if (lines[at] === '') {
      at++
      continue
    }
    const start = at
    while (lines[at]?.startsWith('#')) at++
    const separator = lines.indexOf(SEPARATOR, at)
    if (separator === -1) throw new Error(`test/data/${name}:${at + 1}: no ${SEPARATOR} behind the command`)
    const end = lines.indexOf('', separator)
    const [commandLine = '', ...input] = lines.slice(at, separator)
    const [command = '', ...args] = commandLine.split(' ')
    const comment = lines.slice(start, at).map((line) => line.slice(1).trim()).join(' ')
    cases.push({
      command, input, line: at + 1,
      title: comment === '' ? commandLine : comment,
      args: new Map(args.map((arg) => [arg.split('=')[0]!, arg.split('=').slice(1).join('=')])),
      source: lines.slice(start, separator + 1),
      expected: lines.slice(separator + 1, end === -1 ? lines.length : end).join('\n').trimEnd(),
    })
    at = end === -1 ? lines.length : end
  }
  return cases
}
