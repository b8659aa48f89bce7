/**
 * The programs in examples/ run as they stand and print what they should. Some have a counterpart on classic-level, in
 * test/examples/classic, which prints the same and is longer.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { packageDir } from './support/harness/golden.js'
import { drawn } from './support/harness/share.js'

const examplesDir = path.join(packageDir, 'examples')

function run(name: string, ...args: string[]): string[] {
  const options = { cwd: packageDir, encoding: 'utf8' } as const
  return execFileSync(process.execPath, [path.join(examplesDir, name), ...args], options).trimEnd().split('\n')
}

const indexed = ['London: Ada, Alan', 'London: Alan', 'Paris: Ada', 'Göttingen: nobody', 'index entries: 2']

/** What examples print that have a counterpart on classic-level. */
const compared: Record<string, string[]> = {
  'session-store.js': [
    '/: hello stranger', '/login?name=Ada: hello Ada', '/after-a-restart: hello Ada', 'sessions: 1', '/logout: goodbye',
    '/: hello stranger', '/login?name=Alan: hello Alan', '/later: hello stranger', 'sessions: 0',
  ],
  'time-series.js': [
    'kept of 10 days: true', 'newest: 22.38', 'by quarters of a day: 20.29 20.89 21.49 22.09', 'cellar: 0 undefined',
  ],
  'job-queue.js': [
    '20 jobs done, each once: true', 'the lost one too: true, and its first consumer comes too late: true',
  ],
  'secondary-index.js': indexed,
  'http-service.js': [
    'PUT /documents/ada 204 ', 'PUT /documents/alan 204 ',
    `PUT /documents/bad 400 ${JSON.stringify({ error: errorOfJson('{') })}`, 'GET /documents/ada 200 {"name":"Ada"}',
    'GET /documents?limit=1 200 {"documents":[{"id":"ada","document":{"name":"Ada"}}],"next":"alan"}',
    'DELETE /documents/ada 204 ', 'GET /documents/ada 404 ', 'metrics: http_requests_total{method="PUT"} 3',
    'metrics: it is open: true', 'under way when it stopped: 204',
  ],
}

function errorOfJson(text: string): string {
  try {
    return String(JSON.parse(text))
  } catch (error) {
    return (error as Error).message
  }
}

const examples: Record<string, () => void> = {
  ...Object.fromEntries(Object.entries(compared).map(([name, lines]) => {
    return [name, () => assert.deepEqual(run(name), lines)]
  })),
  'level-index.js': () => assert.deepEqual(run('level-index.js'), indexed),
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
  'keyv-memo.js': () => assert.deepEqual(run('keyv-memo.js'), [
    'first run: Tokyo, 3 lookups, report 2', 'second run: Tokyo, 3 lookups, report 4', 'forgotten: Tokyo, 4 lookups',
  ]),
  'unstorage-notes.js': () => assert.deepEqual(run('unstorage-notes.js'), [
    'in memory: drafts:tuesday pictures:monday', 'on disk: drafts:tuesday pictures:monday',
    "after a restart: { title: 'Plan, again', lines: 3 }", 'expired: null', 'left: []',
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

// ── On classic-level ──────────────────────────────────────────────────────────────────────────────

const classicDir = path.join(packageDir, 'test/examples/classic')
const lab = mkdtempSync(path.join(tmpdir(), 'varve-classic-'))
after(() => rmSync(lab, { recursive: true }))

/** Makes a place where the name classic-level leads to VarveLevel, which does as ClassicLevel does. */
function prepareLab(): void {
  const modules = path.join(lab, 'node_modules')
  const classic = path.join(modules, 'classic-level')
  mkdirSync(classic, { recursive: true })
  writeFileSync(path.join(lab, 'package.json'), '{ "type": "module" }')
  writeFileSync(path.join(classic, 'package.json'), '{ "version": "3.0.0", "main": "index.js" }')
  writeFileSync(path.join(classic, 'index.js'), "exports.ClassicLevel = require('varve/level').VarveLevel\n")
  symlinkSync(packageDir, path.join(modules, 'varve'), 'dir')
  for (const name of ['abstract-level', 'express-session']) {
    symlinkSync(path.join(packageDir, 'node_modules', name), path.join(modules, name), 'dir')
  }
  for (const name of Object.keys(compared)) copyFileSync(path.join(classicDir, name), path.join(lab, name))
}

test('the same on classic-level prints the same', () => {
  prepareLab()
  for (const name of drawn('examples on classic-level', Object.keys(compared))) {
    const output = execFileSync(process.execPath, [name], { cwd: lab, encoding: 'utf8' })
    assert.deepEqual(output.trimEnd().split('\n'), compared[name], name)
  }
})

/** Lines of code: neither empty nor a comment. */
function linesOfCode(file: string): number {
  return readFileSync(file, 'utf8').split('\n').filter((line) => !/^\s*(\/\/|\/\*|\*|$)/.test(line)).length
}

test('an example has at most 150 lines, and is shorter than the same on classic-level', () => {
  assert.deepEqual(readdirSync(classicDir).sort(), Object.keys(compared).sort())
  for (const name of readdirSync(examplesDir)) {
    const lines = readFileSync(path.join(examplesDir, name), 'utf8').split('\n').length - 1
    assert.ok(lines <= 150, `${name} has ${lines} lines`)
  }
  for (const name of Object.keys(compared)) {
    const [ours, classic] = [linesOfCode(path.join(examplesDir, name)), linesOfCode(path.join(classicDir, name))]
    assert.ok(ours < classic, `${name}: ${ours} lines of code, ${classic} on classic-level`)
  }
})
