// @ts-check
// Builds everything but declarations for users: first the worker's code as one string module; then, at the same
// time, dist/ with tsc, where tests and benchmarks run, and lib/, which is published (bundle.mjs).
// The worker is inlined so that a bundler or a single-file app cannot lose it.
// Does nothing when it has built the same before: npm builds when it installs, and again before it tests.
import { build } from 'esbuild'
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { bundlePackage, root } from './bundle.mjs'

const workerEntry = path.join(root, 'src/engine/worker-main.ts')
const workerSource = path.join(root, 'src/exec/worker-source.ts')
const pageDir = path.join(root, 'src/inspector/page')
const pageSource = path.join(root, 'src/inspector/page-files.ts')
const dist = path.join(root, 'dist')
/** Names what was built last, whole. */
const stamp = path.join(dist, 'built')
/** What a build writes last of each kind. */
const outputs = [workerSource, pageSource, path.join(dist, 'src/index.js'), path.join(root, 'lib/index.cjs')]

/** Leaves the worker's own source out: it needs no copy of itself, and the file is not there yet in a new clone. */
/** @type {import('esbuild').Plugin} */
const withoutWorkerSource = {
  name: 'without-worker-source',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /worker-source\.js$/ }, ({ path }) => ({ path, namespace: 'empty', sideEffects: false }))
    onLoad({ filter: /.*/, namespace: 'empty' }, () => ({ contents: "export const [sourceId, workerSource] = ['', '']" }))
  },
}

/**
 * Makes the text right as a module and as a script, without a `require` of its own: a worker inherits the program's
 * flags, the permission model among them, and `--input-type=module` makes its source a module.
 * @param {string} text
 */
function asModuleOrScript(text) {
  return `(function(require,module,exports){${text}\n})((id)=>process.getBuiltinModule(id),{exports:{}},{})`
}

/**
 * Gives a hash of names and texts of the files of a folder that are meant.
 * @param {string} folder @param {(name: string) => boolean} isMeant
 */
function hashOf(folder, isMeant) {
  const hash = createHash('sha256')
  const names = readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
  for (const name of names.filter(isMeant).sort()) {
    const file = path.join(root, folder, name)
    if (file !== workerSource) hash.update(`${name}\n`).update(readFileSync(file))
  }
  return hash.digest('hex').slice(0, 16)
}

/** The hash of everything that the package is made from. */
function hashOfSources() {
  return hashOf('src', (name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
}

/** Names everything that a build depends on: sources, scripts, settings, and versions of what runs them. */
function inputs() {
  const isInput = (/** @type {string} */ name) => /\.(ts|mjs|json|html|css|js|svg)$/.test(name)
  const folders = ['src', 'test', 'bench', 'scripts'].map((folder) => hashOf(folder, isInput))
  const files = ['package.json', 'package-lock.json', 'tsconfig.json']
  return [process.version, ...folders, ...files.map((file) => readFileSync(path.join(root, file), 'utf8'))].join('\n')
}

function isBuilt() {
  return existsSync(stamp) && outputs.every((file) => existsSync(file)) && readFileSync(stamp, 'utf8') === inputs()
}

/** Writes the worker as a module with one string; leaves the file alone when nothing changed. */
async function inlineWorker() {
  const bundle = await build({
    entryPoints: [workerEntry],
    bundle: true,
    write: false,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    minifyWhitespace: true,
    legalComments: 'none',
    plugins: [withoutWorkerSource],
  })
  const text =
    '// Made by scripts/build.mjs from src/engine/worker-main.ts. Do not edit, do not commit.\n' +
    `export const workerSource: string = ${JSON.stringify(asModuleOrScript(bundle.outputFiles[0].text))}\n` +
    '/** Builds with the same one were made from the same sources. */\n' +
    `export const sourceId: string = '${hashOfSources()}'\n`
  if (!existsSync(workerSource) || readFileSync(workerSource, 'utf8') !== text) writeFileSync(workerSource, text)
}

/** Writes the files of the inspector's page as a module, so that a bundler cannot lose them. */
function inlinePage() {
  const names = readdirSync(pageDir).filter((name) => /\.(html|css|js|svg)$/.test(name)).sort()
  const files = names.map((name) => `  '${name}': ${JSON.stringify(readFileSync(path.join(pageDir, name), 'utf8'))},\n`)
  const text =
    '// Made by scripts/build.mjs from src/inspector/page. Do not edit, do not commit.\n' +
    `export const pageFiles: Readonly<Record<string, string>> = {\n${files.join('')}}\n`
  if (!existsSync(pageSource) || readFileSync(pageSource, 'utf8') !== text) writeFileSync(pageSource, text)
}

/** Removes the output of sources that are gone, which would still be packed, imported and tested. */
function pruneDist() {
  for (const dir of ['src', 'test', 'bench']) {
    if (!existsSync(path.join(dist, dir))) continue
    for (const name of readdirSync(path.join(dist, dir), { recursive: true, encoding: 'utf8' })) {
      const stem = /^(.*)\.(?:d\.ts|js|js\.map)$/.exec(name)?.[1]
      if (stem !== undefined && !existsSync(path.join(root, dir, `${stem}.ts`))) rmSync(path.join(dist, dir, name))
    }
  }
}

/** @returns {Promise<boolean>} */
function compile() {
  const compiler = path.join(root, 'node_modules/typescript/bin/tsc')
  return new Promise((resolve) => {
    spawn(process.execPath, [compiler, '-p', root], { stdio: 'inherit' }).on('exit', (status) => resolve(status === 0))
  })
}

/** Waits for a part of the build; esbuild has printed its own errors. @param {Promise<void>} step */
const isDone = (step) => step.then(() => true, () => false)

/** @returns {Promise<boolean>} */
async function buildAll() {
  rmSync(stamp, { force: true })
  inlinePage()
  // What changes from here on is not built.
  const given = inputs()
  // When the worker cannot be inlined, tsc may still say more about why.
  const isInlined = await isDone(inlineWorker())
  pruneDist()
  const steps = await Promise.all([compile(), isInlined && isDone(bundlePackage())])
  if (!steps.every(Boolean)) return false
  writeFileSync(stamp, given)
  return true
}

process.exitCode = isBuilt() || await buildAll() ? 0 : 1
