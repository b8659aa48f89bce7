// @ts-check
// The JavaScript that is published: lib/*.js for `import`, and for `require` the same files as CommonJS,
// lib/*.cjs. What two entry points share stands in a file of its own, so that one process has it once.
// Names stay as they are written: a stack trace of a user is readable without a source map.
import { build, transform } from 'esbuild'
import { chmodSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { pastTheDoors } from './past-the-doors.mjs'

export const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
export const lib = path.join(root, 'lib')

/** The entry points of the package, and its program. */
const entries = {
  index: 'src/index.ts',
  level: 'src/level.ts',
  'blob-cache': 'src/blob-cache.ts',
  keyv: 'src/keyv.ts',
  unstorage: 'src/unstorage.ts',
  undici: 'src/undici.ts',
  session: 'src/session.ts',
  inspector: 'src/inspector.ts',
  otel: 'src/otel.ts',
  testing: 'src/testing.ts',
  cli: 'src/cli/main.ts',
}

/** Names of shared files that a reader of a stack trace knows; the others are named after the entry points that share them. */
const names = new Map([
  ['index level inspector otel cli', 'calls'],
  ['index level inspector otel cli tools', 'engine'],
  ['index level inspector otel testing cli tools', 'jobs'],
  ['index level blob-cache keyv unstorage inspector otel cli', 'signals'],
  ['index level blob-cache keyv unstorage inspector otel cli tools', 'files'],
  ['blob-cache keyv unstorage cli', 'blobs'],
  ['inspector cli', 'describe'],
  ['inspector', 'inspection'],
  ['cli tools', 'dump'],
  ['index level blob-cache keyv unstorage inspector otel testing cli tools', 'base'],
  ['index level blob-cache keyv unstorage undici session inspector otel cli tools', 'options'],
  ['index level blob-cache keyv unstorage undici inspector otel testing cli tools', 'clock'],
  ['index level blob-cache keyv unstorage undici session inspector otel testing cli tools', 'errors'],
])

/**
 * What is loaded only when it is wanted, by its source. Its name ends in esbuild's hash of it and of all that it imports:
 * a program whose package was replaced while it ran finds no such file, and never mixes two builds.
 */
const late = new Map([
  ['src/api/index.ts', 'database'],
  ['src/api/tools.ts', 'tools'],
  ['src/inspector/index.ts', 'inspect'],
])

/** Folders of which most is loaded late with the tools, and a little, such as the check of options, with the rest. */
const toolFolders = ['checkpoint', 'ingest', 'leveldb', 'repair', 'transfer', 'verify']

const target = 'node20'

/** Writes lib/*.js and lib/*.cjs, and removes what earlier builds left there. */
export async function bundlePackage() {
  const files = await bundleModules()
  const modules = [...files].filter(([name]) => name !== 'cli')
  const scripts = await Promise.all(modules.map(async ([name, text]) => ({ name, text: await asCommonJs(text) })))
  mkdirSync(lib, { recursive: true })
  for (const [name, text] of files) writeFileSync(path.join(lib, `${name}.js`), withOwnNames(text))
  for (const { name, text } of scripts) writeFileSync(path.join(lib, `${name}.cjs`), withOwnNames(text))
  // npx starts the package's own program only when it may be executed; npm install would see to it.
  chmodSync(path.join(lib, 'cli.js'), 0o755)
  for (const file of readdirSync(lib)) {
    if (/\.c?js$/.test(file) && !files.has(file.replace(/\.c?js$/, ''))) rmSync(path.join(lib, file))
  }
}

/** @returns {Promise<Map<string, string>>} text by name, without the ending */
async function bundleModules() {
  const { outputFiles, metafile } = await build({
    absWorkingDir: root, entryPoints: entries, outdir: 'lib', chunkNames: 'chunk-[hash]', write: false, metafile: true,
    bundle: true, splitting: true, format: 'esm', platform: 'node', target, packages: 'external', legalComments: 'none',
    plugins: [pastTheDoors(toolFolders)],
  })
  const newNames = sharedNames(metafile.outputs)
  return new Map(outputFiles.map(({ path: file, text }) => {
    const name = path.basename(file, '.js')
    const linked = text.replace(/"\.\/(chunk-\w+)\.js"/g, (_, id) => `"./${newNames.get(id)}.js"`)
    return [newNames.get(name) ?? name, inAscii(linked)]
  }))
}

/**
 * Makes the text ASCII, which V8 reads and keeps at half the cost. esbuild has escaped other characters in strings;
 * those that are left stand in comments: lines across the page, which go, and signs.
 * @param {string} text
 */
function inAscii(text) {
  /** @type {Record<string, string>} */
  const signs = { '\u2026': '...', '\u2264': '<=', '\u2265': '>=', '\u2212': '-' }
  return text.replace(/^ *\/\/ \u2500.*\n/gm, '').replace(/[^\0-\x7f]/g, (sign) => signs[sign] ?? '?')
}

/**
 * Gives classes the names of the source, in a stack trace and by `console.log`. esbuild writes a class that names itself
 * as `var Varve = class _Varve`, and the second of a name as `var Snapshot2 = class`, or as both.
 * @param {string} text
 */
function withOwnNames(text) {
  let result = text
  for (const [, name] of text.matchAll(/^var (\w+?)\d* = class _\1\b/gm)) {
    result = result.replace(new RegExp(`\\b_${name}\\b`, 'g'), `${name}`)
  }
  return result.replace(/^var (\w+?)\d+ = class(?= \{| extends)/gm, (whole, name) => {
    return new RegExp(`^var ${name} = class`, 'm').test(text) ? `${whole} ${name}` : whole
  })
}

/**
 * Names of shared files from the entry points that load them, which no two have in common.
 * @param {import('esbuild').Metafile['outputs']} outputs
 * @returns {Map<string, string>} by esbuild's name
 */
function sharedNames(outputs) {
  /** @param {string} file @param {Set<string>} loaded @returns {Set<string>} */
  const load = (file, loaded) => {
    if (outputs[file] === undefined || loaded.has(file)) return loaded
    loaded.add(file)
    for (const { path: other, kind } of outputs[file].imports) if (kind !== 'dynamic-import') load(other, loaded)
    return loaded
  }
  const loads = Object.keys(entries).map((entry) => ({ entry, files: load(`lib/${entry}.js`, new Set()) }))
  /** @type {Map<string, string>} */
  const result = new Map()
  for (const [file, { entryPoint = '' }] of Object.entries(outputs)) {
    const lateName = late.get(entryPoint)
    if (lateName === undefined) continue
    // Those that only open a part that others have too are no users of their own.
    if (lateName === 'tools') loads.push({ entry: lateName, files: load(file, new Set()) })
    result.set(path.basename(file, '.js'), file.replace(/^.*chunk/, lateName).replace(/\.js$/, ''))
  }
  for (const [file, { entryPoint }] of Object.entries(outputs)) {
    if (entryPoint !== undefined) continue
    const users = loads.filter(({ files }) => files.has(file)).map(({ entry }) => entry)
    result.set(path.basename(file, '.js'), names.get(users.join(' ')) ?? users.join('-'))
  }
  const taken = new Set(result.values())
  if (taken.size < result.size) throw new Error(`two files of lib have one name: ${[...result.values()].sort().join(' ')}`)
  return result
}

/** @param {string} text  a module of the package */
async function asCommonJs(text) {
  // What is loaded late is the same build too: `import` would give the modules.
  const { code } = await transform(text, {
    format: 'cjs', platform: 'node', target, legalComments: 'none', supported: { 'dynamic-import': false },
  })
  // A module is always strict.
  // A word for webpack may stand in front of the name of what is loaded late; here it means nothing.
  const named = code.replace(/require\(\s*(?:\/\*[^*]*\*\/\s*)?"(\.\/[\w-]+)\.js"\s*\)/g, 'require("$1.cjs")')
  const left = /"\.\/[\w-]+\.js"/.exec(named)
  if (left !== null) throw new Error(`a CommonJS file of lib/ names the module ${left[0]}`)
  return `"use strict";\n${named}`
}
