/** What publint and attw say about the package as it is published. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { packed } from '../support/packed-package.js'

let tarball: Uint8Array

before(() => {
  tarball = readFileSync(packed.install())
})

after(() => packed.remove())

test('publint finds nothing', async () => {
  const { publint } = await import('publint')
  const { formatMessage } = await import('publint/utils')
  const { messages, pkg } = await publint({ pack: { tarball: new Uint8Array(tarball).buffer }, strict: true })
  assert.deepEqual(messages.map((message) => formatMessage(message, pkg)), [])
})

test('attw finds what every package of ES modules has, and no more', async () => {
  const { checkPackage, createPackageFromTarballData } = await import('@arethetypeswrong/core')
  const result = await checkPackage(createPackageFromTarballData(tarball))
  assert.ok(result.types !== false, 'the package has types')
  // Node 10 knows no `exports`; TypeScript before 5.8 does not know that `require` loads ES modules.
  const known = new Set(['NoResolution node10', 'CJSResolvesToESM node16-cjs'])
  const problems = result.problems.map((problem) =>
    ('resolutionKind' in problem ? `${problem.kind} ${problem.resolutionKind}` : JSON.stringify(problem)))
  assert.deepEqual(problems.filter((problem) => !known.has(problem)), [])
  assert.deepEqual(Object.keys(result.entrypoints).sort(), ['.', './level', './package.json', './testing'])
})
