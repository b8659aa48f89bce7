// @ts-check
// Each rule of layers.mjs finds its breach in a small made-up tree, and nothing else.
import { test } from 'node:test'
import assert from 'node:assert/strict'
import { checkLayers } from './layers.mjs'
import { parseTree } from './source-tree.mjs'

const doors = {
  'src/base/index.ts': "export * from './bytes.js'\n",
  'src/base/bytes.ts': 'export const a = 1\n',
  'src/vfs/index.ts': "export * from './vfs.js'\n",
  'src/vfs/vfs.ts': "import { a } from '../base/index.js'\nexport const b = a\n",
  'src/cache/index.ts': 'export const c = 1\n',
  'src/engine/index.ts': "import { b } from '../vfs/index.js'\nexport const e = b\n",
  'src/api/index.ts': "export { e } from '../engine/index.js'\n",
  'src/index.ts': "export * from './api/index.js'\n",
}

/** @param {Record<string, string>} files */
function problemsOf(files) {
  return checkLayers(parseTree({ ...doors, ...files })).map((p) => `${p.file}:${p.line} ${p.text}`)
}

test('a tree in order has no problem', () => {
  assert.deepEqual(problemsOf({}), [])
})

const breaches = [
  ['higher rank', 'src/vfs/x.ts', "import { e } from '../engine/index.js'\n", /'vfs' may not import 'engine'/],
  ['same rank', 'src/vfs/x.ts', "import { c } from '../cache/index.js'\n", /'vfs' may not import 'cache'/],
  ['a type counts', 'src/vfs/x.ts', "import type { c } from '../cache/index.js'\n", /'vfs' may not import 'cache'/],
  ['a type by import() counts', 'src/vfs/x.ts', "export type T = import('../cache/index.js').C\n", /may not import 'cache'/],
  ['passing on counts', 'src/vfs/x.ts', "export { c } from '../cache/index.js'\n", /may not import 'cache'/],
  ['loading late counts', 'src/vfs/x.ts', "export const p = import('../cache/index.js')\n", /may not import 'cache'/],
  ['past the door', 'src/vfs/x.ts', "import { a } from '../base/bytes.js'\n", /passes by the door/],
  ['own door', 'src/vfs/x.ts', "import { b } from './index.js'\n", /door of its own folder/],
  ['the package door from below', 'src/engine/x.ts', "import { e } from '../index.js'\n", /'engine' may not import 'entry'/],
  ['unknown folder', 'src/news/x.ts', "import { a } from '../base/index.js'\n", /'news' has no rank/],
  ['missing file', 'src/vfs/x.ts', "import { z } from './z.js'\n", /does not exist/],
  ['no ending', 'src/vfs/x.ts', "import { b } from './vfs'\n", /must end with .js/],
  ['platform', 'src/vfs/x.ts', "import fs from 'node:fs'\n", /'node:fs' is not allowed/],
  ['package', 'src/vfs/x.ts', "import x from 'abstract-level'\n", /package 'abstract-level' is not allowed/],
  ['Buffer', 'src/base/x.ts', 'export const x = Buffer.alloc(1)\n', /Uint8Array/],
  ['a test as a part', 'src/vfs/x.ts', "import './y.test.js'\n", /not part of the package/],
]
for (const [name, file, text, expected] of /** @type {[string, string, string, RegExp][]} */ (breaches)) {
  test(`found: ${name}`, () => {
    const problems = problemsOf({ 'src/vfs/y.test.ts': '', [file]: text })
    assert.equal(problems.length, 1, problems.join('\n'))
    assert.match(problems[0], expected)
    assert.match(problems[0], new RegExp(`^${file}:1 `))
  })
}

test('found: a room that imports a later one', () => {
  const problems = problemsOf({
    'src/sstable/block/block.ts': "import { t } from '../read/table.js'\nexport const b = t\n",
    'src/sstable/read/table.ts': "import { f } from '../format.js'\nexport const t = f\n",
    'src/sstable/format.ts': 'export const f = 1\n',
  })
  assert.deepEqual(problems, ["src/sstable/block/block.ts:1 room 'block' may not import room 'read': only those before it"])
})

test('found: a circle inside a folder, also through types', () => {
  const problems = problemsOf({
    'src/vfs/x.ts': "import type { Y } from './y.js'\nexport type X = Y\n",
    'src/vfs/y.ts': "import { z } from './z.js'\nexport type Y = typeof z\n",
    'src/vfs/z.ts': "import type { X } from './x.js'\nexport const z = 1 as X\n",
  })
  assert.equal(problems.length, 1)
  assert.match(problems[0], /x → y → z → x/)
})

test('allowed: Node in its places, abstract-level in the facade, anything in tests', () => {
  assert.deepEqual(problemsOf({
    'src/vfs/node/node-vfs.ts': "import fs from 'node:fs'\n",
    'src/exec/worker-x.ts': "import { parentPort } from 'node:worker_threads'\n",
    'src/cli/main.ts': "import fs from 'node:fs'\nimport { e } from '../index.js'\nexport const x = Buffer.alloc(1)\n",
    'src/testing.ts': "export { sim } from './vfs/testing.js'\n",
    'src/vfs/testing.ts': 'export const sim = 1\n',
    'src/level/index.ts': "import { AbstractLevel } from 'abstract-level'\n",
    'src/vfs/x.test.ts': "import fs from 'node:fs'\nimport { e } from '../engine/index.js'\n",
    'test/x.test.ts': "import { a } from '../src/base/bytes.js'\n",
  }), [])
})
