// @ts-check
// Writes the declarations that are published, one file an entry point: lib/*.d.ts, and for `require` lib/*.d.cts.
// Does nothing when nothing was compiled since; so tests may call it.
import { readdirSync, renameSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { lib, root } from './bundle.mjs'

/** Where tsc writes what is rolled up. */
const declared = path.join(root, 'dist/src')
const entries = [
  'index', 'level', 'blob-cache', 'keyv', 'unstorage', 'undici', 'session', 'otel', 'inspector', 'testing',
]

/** Gives when a file was written; 0 when it is not there. @param {string} file */
function writtenMs(file) {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0
}

function isUpToDate() {
  const inputs = readdirSync(declared, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.d.ts'))
  const scripts = readdirSync(path.join(root, 'scripts')).map((name) => path.join(root, 'scripts', name))
  const newest = Math.max(...[...scripts, ...inputs.map((name) => path.join(declared, name))].map(writtenMs))
  return entries.every((entry) => ['d.ts', 'd.cts'].every((end) => writtenMs(path.join(lib, `${entry}.${end}`)) > newest))
}

/** Replaces a file at once: a reader gets the old text or the new one. @param {string} name @param {string} text */
function write(name, text) {
  const file = path.join(lib, name)
  writeFileSync(`${file}.${process.pid}`, text)
  renameSync(`${file}.${process.pid}`, file)
}

if (!isUpToDate()) {
  const { rollUp } = await import('./roll-up.mjs')
  for (const { entry, text } of await rollUp(declared, entries)) {
    write(`${entry}.d.ts`, text)
    write(`${entry}.d.cts`, text.replace(/'(\.\/[\w-]+)\.js'/g, "'$1.cjs'"))
  }
}
