/** The programs in examples/ run as they stand and print what they should. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { packageDir } from './support/harness/golden.js'

const examplesDir = path.join(packageDir, 'examples')

function run(name: string, ...args: string[]): string[] {
  const options = { cwd: packageDir, encoding: 'utf8' } as const
  return execFileSync(process.execPath, [path.join(examplesDir, name), ...args], options).trimEnd().split('\n')
}

const examples: Record<string, () => void> = {
  'secondary-index.js': () => assert.deepEqual(run('secondary-index.js'), [
    'London: Ada, Alan', 'London: Alan', 'Paris: Ada', 'Göttingen: nobody', 'index entries: 2',
  ]),
  'json-documents.js': () => assert.deepEqual(run('json-documents.js'), [
    'refused: alan has only 45',
    "before: [ { owner: 'Ada', balance: 100 }, { owner: 'Alan', balance: 20 } ]",
    "now: [ { owner: 'Ada', balance: 75 }, { owner: 'Alan', balance: 45 } ]",
    'in February: 2026-02-01/1, 5',
  ]),
  'commonjs.cjs': () => assert.deepEqual(run('commonjs.cjs'), ['3.7 million', 'LOCKED true']),
  'everywhere.js': () => {
    const [entries, workers] = run('everywhere.js')
    assert.match(entries!, /^Node .*: 5001 entries, page of 004990 004991 004992$/)
    assert.match(workers!, /^worker threads: [1-9]$/)
  },
  'http-cache.js': () => assert.deepEqual(run('http-cache.js'), [
    'first run: 4 requests, the origin has answered 2 so far',
    'second run: 4 requests, the origin has answered 2 so far',
  ]),
  'build-cache.js': () => assert.deepEqual(run('build-cache.js'), [
    'first build: 2 steps run, 2 outputs', 'again: 0 steps run, 2 outputs', 'one file changed: 1 steps run, 2 outputs',
    'another version of the tool: 2 steps run, 2 outputs', 'after a purge: 2 steps run, 2 outputs',
  ]),
  'queue.js': () => {
    const lines = run('queue.js', '30000')
    assert.match(lines.at(-2)!, /^popped 30000: \d+ k items\/s, front found behind \d+ deleted keys$/)
    assert.equal(lines.at(-1), 'left: 0')
  },
}

for (const [name, check] of Object.entries(examples)) test(`examples/${name}`, check)

test('every example is run', () => {
  assert.deepEqual(readdirSync(examplesDir).sort(), Object.keys(examples).sort())
})
