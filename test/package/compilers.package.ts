/** Shows that the published types are understood, strictly, by the oldest TypeScript promised and by the newest. */
import assert from 'node:assert/strict'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { coreTypes, levelTypes, viewTypes } from '../support/programs/package-users.js'
import { compile, packed } from '../support/programs/packed-package.js'

const tools = path.join(packed.root, '.tools/node_modules')

before(() => {
  packed.install('commonjs')
  packed.link('abstract-level')
})

after(() => packed.remove())

const modern = { 'core.mts': coreTypes, 'views.mts': viewTypes, 'level.mts': levelTypes }
const common = { 'core.cts': coreTypes, 'views.cts': viewTypes, 'level.cts': levelTypes }
const plain = { 'core.ts': coreTypes, 'views.ts': viewTypes, 'level.ts': levelTypes }

/** Each way to find a package: what is compiled, and how. */
const ways = {
  'node10 (CommonJS, knows no exports)': { files: plain, options: { module: 'CommonJS', moduleResolution: 'node10' } },
  'node16': { files: { ...modern, ...common }, options: { module: 'Node16', moduleResolution: 'Node16' } },
  'nodenext': { files: { ...modern, ...common }, options: { module: 'NodeNext', moduleResolution: 'NodeNext' } },
  'bundler': { files: { ...plain, ...modern }, options: { module: 'ESNext', moduleResolution: 'bundler' } },
}

for (const version of ['5.4', 'newest'] as const) {
  const tsc = path.join(tools, `typescript-${version}/bin/tsc`)
  for (const [way, { files, options }] of Object.entries(ways)) {
    // The newest has given this one up.
    if (version === 'newest' && way.startsWith('node10')) continue
    test(`TypeScript ${version}, ${way}`, () => {
      assert.equal(compile({ files, options: { ...options, noUncheckedIndexedAccess: true }, tsc }), '')
    })
  }

  test(`TypeScript ${version}, where nothing of Node is known`, () => {
    const options = { module: 'ESNext', moduleResolution: 'bundler', types: [], lib: ['ES2022', 'DOM'] }
    assert.equal(compile({ files: { 'core.ts': coreTypes, 'views.ts': viewTypes }, options, tsc }), '')
  })
}
