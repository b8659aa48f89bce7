// @ts-check
// The mutation score: takes away one sync, check or condition of a deletion after the other, and runs tests
// until one of them fails. `npm run mutate -- wal` only what has "wal" in its path; --kind sync; --list.
// A mutant that no test sees is a hole, or a check that nothing needs. It takes minutes to hours.
import { build, transformSync } from 'esbuild'
import { spawn } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { listFiles, readSourceTree, root } from './source-tree.mjs'
import { findMutants, orderMutants } from './mutation-sites.mjs'

/** @typedef {import('./mutation-sites.mjs').Mutant} Mutant */
/** @typedef {{ mutant: Mutant, killer: string | null }} Verdict */

/** A test that takes longer has seen its mutant. The time counts only while this process runs, since both may be stopped. */
const TEST_SECONDS_MAX = 90

/** Tests that can see a check that is gone, besides those of its own folder. */
const checkTests = [
  ['src/base/', ['src/wal/', 'src/manifest/', 'src/sstable/']],
  ['src/wal/', ['test/crash/(log-scenarios|schedules)', 'test/api/(damage|follower)', 'src/engine/']],
  ['src/manifest/', ['test/crash/manifest', 'test/golden/', 'src/engine/']],
  ['src/sstable/', ['test/golden/table', 'test/api/damage', 'test/crash/crash-table', 'src/run/']],
  ['src/open/', ['test/api/(damage|orphans)', 'test/crash/(log|manifest)-scenarios']],
  ['src/versions/', ['test/api/(damage|pins)', 'test/crash/(log|manifest)-scenarios']],
  ['src/engine/', ['test/api/(damage|follower|pins)', 'test/crash/(log|manifest)-scenarios']],
]

/** Tests that can see a sync or an order that is gone: first one that lists all calls, last one that crashes after each. */
const diskTests = [
  'src/(tables|versions|commit|flush|manifest|wal)/', 'test/crash/(destroy|log-scenarios|manifest-scenarios|flush-scenarios)',
  'src/(engine|open)/', 'test/crash/schedules',
  'test/api/(life|pins|fast-mode|compaction|awaited-syncs)', 'test/fault/full-disk',
  'test/crash/sweep-(strict|fast|compaction)',
]

/** Tests that can see a rule of values that expire that is gone; the slow ones last. */
const expiryTests = [
  'src/(iterator/(retention|read-clock)|engine/drop|sstable/expiry|pick/pick-(expired|cases)|versions/snapshot)', 'test/api/expiry',
  'src/(iterator|versions|commit|sstable)/', 'test/model/(retention-histories|span-tree|metamorphic|random-life)',
  'test/crash/sweep-(compaction|strict)',
]

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    kind: { type: 'string' }, list: { type: 'boolean', default: false }, jobs: { type: 'string', default: '1' },
    from: { type: 'string', default: '1' },
  },
})

const tree = readSourceTree()
const wanted = [...[...tree.values()].flatMap(findMutants), ...orderMutants(tree)]
  .filter(({ kind }) => values.kind === undefined || values.kind === kind)
  .filter(({ file }) => positionals.length === 0 || positionals.some((part) => file.includes(part)))
  .slice(Number(values.from) - 1)
const tests = listFiles('dist', (name) => name.endsWith('.test.js')).map((file) => file.slice('dist/'.length))

/** Tests that can see anything that is gone of the blob cache; the slow ones last. */
const cacheTests = ['src/blob-cache/', 'test/blob-cache/(store|calls|moves|directory|faults|damage|health)', 'test/blob-cache/']

/** @param {Mutant} mutant */
const label = ({ file, line, kind, what }) => `${file}:${line} ${kind}: ${what.slice(0, 90)}`

/** Makes a copy of what is built, beside links to everything else that tests look for. */
function newBench() {
  const bench = mkdtempSync(path.join(root, '.mutate-'))
  const linked = ['package.json', 'README.md', 'node_modules', 'src', 'test', 'docs', 'examples', 'scripts', 'bench']
  for (const name of linked) {
    symlinkSync(path.join(root, name), path.join(bench, name))
  }
  cpSync(path.join(root, 'dist'), path.join(bench, 'dist'), { recursive: true })
  return bench
}

/** Gives the tests that may see a mutant, the likeliest first. @param {Mutant} mutant */
function testsFor({ file, kind }) {
  /** @param {string | RegExp} pattern */
  const matching = (pattern) => tests.filter((test) => new RegExp(`^${pattern}`).test(test))
  const isCheck = kind === 'check' || kind === 'checksum'
  const ofFolder = checkTests.flatMap(([where, parts]) => (file.startsWith(`${where}`) ? parts : []))
  if (kind === 'expiry') return [...new Set(expiryTests.flatMap(matching))]
  const further = isCheck ? ofFolder : diskTests
  const own = file.replace(/\.ts$/, '.test.js')
  if (file.startsWith('src/blob-cache/')) return [...new Set([own, ...cacheTests].flatMap(matching))]
  const first = isCheck ? [] : ['test/golden/calls', 'test/crash/directory-name']
  // The folder of all parts has slow tests, so they come after those that are near to the disk.
  const folder = `${path.dirname(file)}/`
  const order = folder === 'src/engine/' ? [...first, own, ...further, folder] : [own, ...first, folder, ...further]
  return [...new Set(order.flatMap(matching))]
}

/** @param {string} bench @param {string} test @returns {Promise<boolean>} */
function passes(bench, test) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [path.join('dist', test)], { cwd: bench, stdio: 'ignore' })
    let seconds = 0
    const timer = setInterval(() => {
      if (++seconds > TEST_SECONDS_MAX) child.kill('SIGKILL')
    }, 1000)
    child.on('exit', (code) => {
      clearInterval(timer)
      resolve(code === 0)
    })
  })
}

/** Changes the workers' own copy of the code. @param {string} bench @param {Mutant} mutant @param {string} code */
async function inlineWorker(bench, { file }, code) {
  const isMutated = path.join(root, file)
  const bundle = await build({
    entryPoints: [path.join(root, 'src/engine/worker-main.ts')], bundle: true, write: false, platform: 'node',
    format: 'cjs', target: 'node20', logLevel: 'silent',
    plugins: [{
      name: 'mutant',
      setup({ onLoad }) {
        onLoad({ filter: /\.ts$/ }, ({ path: file }) => {
          if (file === isMutated) return { contents: code, loader: 'js' }
          if (file.endsWith('worker-source.ts')) return { contents: "export const [sourceId, workerSource] = ['', '']" }
          return { contents: readFileSync(file, 'utf8'), loader: 'ts' }
        })
      },
    }],
  })
  const text = bundle.outputFiles[0]?.text ?? ''
  const source = `(function(require,module,exports){${text}\n})((id)=>process.getBuiltinModule(id),{exports:{}},{})`
  const module = `export const workerSource = ${JSON.stringify(source)}\nexport const sourceId = 'mutant'\n`
  writeFileSync(path.join(bench, 'dist/src/exec/worker-source.js'), module)
}

/** Whether a test passes without a mutant; one that does not says nothing. @type {Map<string, Promise<boolean>>} */
const sound = new Map()

/** @param {string} bench @param {Mutant} mutant @returns {Promise<string | null>} the test that failed */
async function judge(bench, mutant) {
  const out = path.join('dist', mutant.file.replace(/\.ts$/, '.js'))
  const worker = 'dist/src/exec/worker-source.js'
  const { code } = transformSync(mutant.text, {
    loader: 'ts', target: 'es2022', tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } },
  })
  const restore = () => {
    for (const file of [out, worker]) writeFileSync(path.join(bench, file), readFileSync(path.join(root, file)))
  }
  for (const test of testsFor(mutant)) {
    writeFileSync(path.join(bench, out), code)
    await inlineWorker(bench, mutant, code)
    const isPassed = await passes(bench, test)
    restore()
    if (isPassed) continue
    if (!sound.has(test)) sound.set(test, passes(bench, test))
    if (await sound.get(test)) return test
  }
  return null
}

/** @returns {Promise<Verdict[]>} */
async function judgeAll() {
  /** @type {Verdict[]} */
  const verdicts = []
  const queue = [...wanted.entries()]
  const benches = Array.from({ length: Number(values.jobs) }, newBench)
  await Promise.all(benches.map(async (bench) => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [i, mutant] = next
      const killer = await judge(bench, mutant)
      verdicts.push({ mutant, killer })
      const number = i + Number(values.from)
      const verdict = killer === null ? 'SURVIVES' : `found by ${killer}`
      console.log(`${number} ${label(mutant)}: ${verdict}`)
    }
  }))
  for (const bench of benches) rmSync(bench, { recursive: true, force: true })
  return verdicts
}

/** @param {Verdict[]} verdicts */
function printScore(verdicts) {
  for (const { mutant, killer } of verdicts) if (killer === null) console.log(`no test sees: ${label(mutant)}`)
  for (const kind of [...new Set(verdicts.map(({ mutant }) => mutant.kind)), null]) {
    const some = verdicts.filter(({ mutant }) => kind === null || mutant.kind === kind)
    const found = some.filter(({ killer }) => killer !== null).length
    console.log(`${kind ?? 'all'}: ${found} of ${some.length} found, ${((100 * found) / some.length).toFixed(1)} %`)
  }
}

if (values.list) for (const mutant of wanted) console.log(label(mutant))
else {
  if (!existsSync(path.join(root, 'dist'))) mkdirSync(path.join(root, 'dist'))
  const verdicts = await judgeAll()
  printScore(verdicts)
  process.exitCode = verdicts.every(({ killer }) => killer !== null) ? 0 : 1
}
