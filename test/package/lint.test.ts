/** What publint and attw say about the package as it is published. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { packed } from '../support/programs/packed-package.js'

let tarball: Uint8Array

before(() => {
  tarball = readFileSync(packed.unpack())
})

after(() => packed.remove())

test('publint finds nothing', async () => {
  const { publint } = await import('publint')
  const { formatMessage } = await import('publint/utils')
  const { messages, pkg } = await publint({ pack: { tarball: new Uint8Array(tarball).buffer }, strict: true })
  assert.deepEqual(messages.map((message) => formatMessage(message, pkg)), [])
})

const ENTRIES = [
  '.', './blob-cache', './inspector', './keyv', './level', './otel', './package.json', './session', './testing',
  './undici',
  './unstorage',
]

test('attw finds nothing: every way to resolve has its types', async () => {
  const { checkPackage, createPackageFromTarballData } = await import('@arethetypeswrong/core')
  const result = await checkPackage(createPackageFromTarballData(tarball))
  assert.ok(result.types !== false, 'the package has types')
  assert.deepEqual(result.problems, [])
  assert.deepEqual(Object.keys(result.entrypoints).sort(), ENTRIES)
})

test('every type that a public declaration names is exported; else mark what names it @internal', () => {
  // Those of varve/level describe classes of abstract-level's, which are for nobody to name.
  for (const entry of ['index', 'testing']) {
    const text = readFileSync(path.join(packed.installed, `lib/${entry}.d.ts`), 'utf8')
    const apart = /^export type \{ (.*) \}$/m.exec(text)?.[1]?.split(', ') ?? []
    // An abstract class is the upper part of one that is exported.
    const unexported = [...text.matchAll(/^(?:declare )?(?:class|interface|type|const|function) (\w+)/gm)]
    assert.deepEqual(unexported.map((match) => match[1]!).filter((name) => !apart.includes(name)), [])
    assert.ok(text.match(/^export (?:declare|interface|type) /gm)!.length > 10)
  }
})
