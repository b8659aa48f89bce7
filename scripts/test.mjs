// @ts-check
// Runs the checks and the tests: `npm test` all of them, `npm test -- wal` those with "wal" in their
// path. Two to five processes run at a time. Slow files and files with names given have a process of their own; in a
// whole run the others share one with their neighbours, since to start a process costs more than most of them. The last
// line is `N passed, N failed`.
// Large counts (crash sweeps, fault loops, bytes to flip, random lives) draw a share of their cases, by a seed that the
// commit fixes; with names given, and with --long, all of their cases are run: test/support/harness/share.ts.
//   --quick  a small share, without the slow files and the tests of crashes, faults and programs: a minute
//   --long   everything in full, and the long suites (*.long.ts); VARVE_LONG scales them
//   --times  prints how long each file took, and their sum
import { run } from 'node:test'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { inspect } from 'node:util'
import { isTestFile, listFiles, readSourceTree, root } from './source-tree.mjs'
import { checkLayers } from './layers.mjs'
import { runTidy } from './tidy.mjs'

/** One more than there are processors: a test that waits for a disk, a timer or a process leaves its own idle. */
const CONCURRENCY = Math.min(5, Math.max(2, availableParallelism() + 1))
const SLOWEST_SHOWN = process.argv.includes('--times') ? Infinity : 5
/**
 * Files that take more than three seconds of a processor each. They begin first, so that no processor waits for them at
 * the end, and --quick leaves them out.
 */
const SLOW = [
  'test/api/progress.test.ts',
  'test/guides.test.ts',
  'test/level/suite-disk.test.ts',
  'test/level/suite-memory.test.ts',
  'src/engine/memory-budget.test.ts',
  'src/engine/write-stalls.test.ts',
  'src/pick/pick-values.test.ts',
  'src/sstable/read/table.test.ts',
  'src/sstable/table-packed.test.ts',
  'test/api/compaction.test.ts',
  'test/api/compaction-workers.test.ts',
  'test/api/fast-mode.test.ts',
  'test/api/life.test.ts',
  'test/api/memory.test.ts',
  'test/api/model.test.ts',
  'test/api/open-iterators.test.ts',
  'test/api/values.test.ts',
  'test/api/waiting.test.ts',
  'test/blob-cache/comeback-crash.test.ts',
  'test/blob-cache/crash.test.ts',
  'test/blob-cache/moves.test.ts',
  'test/cli/dump.test.ts',
  'test/cli/shell.test.ts',
  'test/cli/stats.test.ts',
  'test/crash/compaction-scenarios.test.ts',
  'test/crash/mutants.test.ts',
  'test/crash/sweep-compaction.test.ts',
  'test/crash/sweep-values.test.ts',
  'test/fault/few-files.test.ts',
  'test/fault/stop-ends.test.ts',
  'test/model/liveness.test.ts',
  'test/package/level.test.ts',
  'test/package/lint.test.ts',
  'test/package/package.test.ts',
]

/** Files that --quick leaves out too: crashes, faults and whole programs, of which a small share says little. */
const NOT_QUICK = ['test/cli/', 'test/contract/', 'test/crash/', 'test/fate/', 'test/fault/', 'test/model/', 'test/api/waiting', 'test/api/stall']

const isLong = process.argv.includes('--long')
const isQuick = process.argv.includes('--quick')
/** A file that takes this long hangs. */
const MINUTES_MAX = isLong ? 12 * 60 : 10
const filters = process.argv.slice(2).filter((arg) => !arg.startsWith('--'))
/** The share of the large counts that this run draws. */
const share = isQuick ? 1 / 32 : isLong || filters.length > 0 ? 1 : 1 / 32
/** @param {string} source */
const isLeftOut = (source) => SLOW.includes(source) || NOT_QUICK.some((start) => source.startsWith(start))
/** @param {string} name */
const isWanted = (name) => filters.length === 0 || filters.some((filter) => name.includes(filter))

const counts = { passed: 0, failed: 0, skipped: 0, todo: 0 }

/** @param {string} title @param {string[]} details */
function fail(title, details) {
  counts.failed++
  console.log(`✖ ${title}`)
  for (const detail of details) console.log(`    ${detail}`)
}

/** @param {string} name @param {() => string[]} check  gives what is wrong */
function runCheck(name, check) {
  if (!isWanted(`scripts/${name}`)) return
  const startMs = performance.now()
  const problems = check()
  if (problems.length > 0) return fail(`scripts/${name}`, problems)
  counts.passed++
  console.log(`✔ scripts/${name} (${Math.round(performance.now() - startMs)} ms)`)
}

function runChecks() {
  const tree = readSourceTree()
  /** @param {import('./source-tree.mjs').Problem[]} problems */
  const lines = (problems) => problems.map((p) => `${p.file}:${p.line} ${p.rule}: ${p.text}`)
  runCheck('layers', () => lines(checkLayers(tree)))
  runCheck('tidy', () => {
    const { problems, exceptions } = runTidy(tree)
    if (exceptions.length > 0) console.log(`  tidy: ${exceptions.length} exceptions (npm run tidy lists them)`)
    return lines(problems)
  })
  runCheck('lint', () => {
    const lint = path.join(root, 'node_modules/oxlint/bin/oxlint')
    const args = [lint, '--type-aware', '--format', 'unix', 'src', 'test', 'bench']
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' })
    return status === 0 ? [] : `${stdout}${stderr}`.trim().split('\n')
  })
  runCheck('types', () => {
    const tsc = path.join(root, 'node_modules/typescript/bin/tsc')
    return ['scripts', 'scripts/tsconfig.page.json'].flatMap((project) => {
      const { status, stdout, stderr } = spawnSync(process.execPath, [tsc, '-p', path.join(root, project)], { encoding: 'utf8' })
      return status === 0 ? [] : `${stdout}${stderr}`.trim().split('\n')
    })
  })
}

/**
 * Gives the compiled test files whose source still exists, and the tests of the scripts themselves.
 * @returns {FileResult[]}
 */
function collectTests() {
  const ending = isLong ? /\.(test|long)\.m?js$/ : /\.test\.m?js$/
  const compiled = ['src', 'test', 'bench']
    .flatMap((dir) => listFiles(`dist/${dir}`, (name) => ending.test(name)))
    .map((file) => ({ file, source: file.replace(/^dist\//, '').replace(/\.js$/, '.ts') }))
    .filter(({ source }) => existsSync(path.join(root, source)) && isTestFile(source))
  const scripts = listFiles('scripts', (name) => ending.test(name)).map((file) => ({ file, source: file }))
  return [...scripts, ...compiled]
    .filter(({ source }) => isWanted(source) && !(isQuick && isLeftOut(source)))
    .map(({ file, source }) => new FileResult(path.join(root, file), source))
}

/** Files in one process, so that as many starts are saved. */
const GROUP_MAX = 14
const GROUPED = [
  'bench/', 'scripts/', 'src/', 'test/api/', 'test/blob-cache/', 'test/contract/', 'test/crash/', 'test/fate/', 'test/fault/',
  'test/format/', 'test/golden/', 'test/ingest/', 'test/level/', 'test/metrics/', 'test/model/', 'test/otel/', 'test/repair/',
  'test/transfer/', 'test/verify/',
]
/**
 * What is about the process itself, and hooks outside of suites, which would hold for the other files too; what is done
 * once at the end may be done at the end of all. `process.js` is a file.
 */
const NOT_GROUPED = /^(before|beforeEach|afterEach)\(|\bprocess\.(?!js\b)|\bgc\(|child_process|\bVarve(Here|Program)\b/m

/**
 * Puts small files together, a process for several.
 * @param {FileResult[]} results
 * @returns {FileResult[]}
 */
function groupSmall(results) {
  if (filters.length > 0 || isLong) return results
  const isSmall = (/** @type {FileResult} */ { source }) => GROUPED.some((start) => source.startsWith(start)) &&
    !SLOW.includes(source) && !NOT_GROUPED.test(readFileSync(path.join(root, source), 'utf8'))
  const small = results.filter(isSmall)
  const groups = results.filter((result) => !isSmall(result))
  mkdirSync(path.join(root, 'dist/groups'), { recursive: true })
  for (let i = 0; i < small.length; i += GROUP_MAX) {
    const files = small.slice(i, i + GROUP_MAX)
    const file = path.join(root, `dist/groups/${i / GROUP_MAX}.mjs`)
    writeFileSync(file, files.map((each) => `await import(${JSON.stringify(pathToFileURL(each.file).href)})\n`).join(''))
    groups.push(new FileResult(file, `${files[0]?.source} and ${files.length - 1} more`, files))
  }
  return groups
}

class FileResult {
  /** @param {string} file @param {string} source @param {FileResult[]} [members] the files of a group */
  constructor(file, source, members = []) {
    this.file = file
    this.source = source
    this.members = members
    this.ms = 0
    this.testCount = 0
    this.hasFailed = false
    /** Names of the tests around the current one. @type {string[]} */
    this.trail = []
    this.output = ''
  }
}

/**
 * Starts one run() for each file: a test can be written in another file than the one that was started, and
 * events name only the former.
 * @param {FileResult} result
 */
async function runFile(result) {
  const isLive = isLong || filters.length > 0
  // A signal, since with the option `timeout` Node 24 reports the file but does not end its process.
  const signal = AbortSignal.timeout(MINUTES_MAX * 60_000)
  const startMs = performance.now()
  /** @type {any} the types of events differ between versions of Node */
  const stream = run({ files: [result.file], signal })
  for await (const { type, data } of stream) {
    if (type === 'test:start') result.trail[data.nesting] = data.name
    if (type === 'test:stdout' || type === 'test:stderr') {
      if (isLive) process.stdout.write(data.message)
      else result.output += data.message
    }
    if (type === 'test:pass' || type === 'test:fail') onResult(result, type === 'test:pass', data, signal)
  }
  if (result.testCount === 0 && !result.hasFailed) fail(result.source, ['no test in it'])
  result.ms = performance.now() - startMs
}

/** @param {FileResult[]} results */
async function runTests(results) {
  // Those that take long begin first: the last ones are over soon, so that no processor waits for the other.
  const weight = (/** @type {FileResult} */ { source, members }) =>
    Number(SLOW.includes(source)) + Number(isLeftOut(source)) + 2 * Number(members.length > 0)
  const queue = [...results].sort((a, b) => weight(b) - weight(a))
  const worker = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) await runFile(next)
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, worker))
}

/** @param {FileResult} result @param {boolean} passed @param {any} data @param {AbortSignal} signal */
function onResult(result, passed, data, signal) {
  const error = data.details?.error
  if (data.nesting === 0 && path.resolve(data.name) === result.file) {
    const end = error?.signal ?? `exit code ${error?.exitCode ?? 'unknown'}`
    const why = signal.aborted ? `stopped: not done after ${MINUTES_MAX} minutes` : `the process ended with ${end}`
    if (!passed) failTest(result, result.source, [why])
    return
  }
  if (data.details?.type === 'suite' || error?.failureType === 'subtestsFailed') return
  result.testCount++
  if (data.skip !== undefined) counts.skipped++
  else if (data.todo !== undefined) counts.todo++
  else if (passed) counts.passed++
  else failTest(result, [sourceOf(result, data), ...result.trail.slice(0, data.nesting), data.name].join(' › '), describe(error))
}

/**
 * Gives the file of a test: of a group the one that it is written in, if that is one of the group's.
 * @param {FileResult} result @param {any} data
 */
function sourceOf({ source, members }, { file }) {
  return members.find((member) => member.file === file)?.source ?? source
}

/** @param {FileResult} result @param {string} title @param {string[]} details */
function failTest(result, title, details) {
  result.hasFailed = true
  const output = result.output.split('\n').filter((line) => line !== '')
  fail(title, [...details, ...output.map((line) => `| ${line}`)])
  result.output = ''
}

/** @param {any} error @returns {string[]} its message and stack without Node's own frames */
function describe(error) {
  const cause = error?.cause ?? error
  const text = typeof cause?.stack === 'string' ? cause.stack : inspect(cause)
  return text.split('\n').filter((/** @type {string} */ line) => !/^\s+at .*\(?node:/.test(line))
}

/** @param {FileResult[]} results */
function printSlowest(results) {
  const slowest = [...results].sort((a, b) => b.ms - a.ms).slice(0, SLOWEST_SHOWN)
  const sumMs = results.reduce((sum, { ms }) => sum + ms, 0)
  const lines = slowest.map(({ source, ms }) => `${source} ${(ms / 1000).toFixed(1)} s`)
  console.log(`${results.length} files, together ${Math.round(sumMs / 1000)} s; slowest: ${lines.join(SLOWEST_SHOWN > 5 ? '\n  ' : ', ')}`)
}

/** Gives the seed of the draw: the commit, so that a failure comes again. @returns {string} */
function drawOfCommit() {
  const { status, stdout } = spawnSync('git', ['rev-parse', '--short=8', 'HEAD'], { cwd: root, encoding: 'utf8' })
  return status === 0 ? stdout.trim() : '1'
}

process.env['VARVE_SHARE'] ??= String(share)
process.env['VARVE_DRAW'] ??= drawOfCommit()
if (share < 1) console.log(`large counts: a share of 1/${1 / share}, VARVE_DRAW=${process.env['VARVE_DRAW']}`)
for (const source of SLOW) if (!existsSync(path.join(root, source))) fail('scripts/test', [`${source} is not there`])
runChecks()
const results = groupSmall(collectTests())
await runTests(results)
if (results.length > 0) printSlowest(results)
if (counts.skipped + counts.todo > 0) console.log(`${counts.skipped} skipped, ${counts.todo} to do`)
if (counts.passed + counts.failed === 0) console.log('nothing to run')
process.exitCode = counts.failed > 0 || counts.passed === 0 ? 1 : 0
console.log(`${counts.passed} passed, ${counts.failed} failed`)
