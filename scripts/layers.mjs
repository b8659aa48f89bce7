// @ts-check
// Checks which file may import which. A folder of src imports folders of a lower rank, through their index.ts, and its
// own files directly. So no two folders depend on each other; circles inside a folder are looked for.
// Type-only imports count: a type is knowledge too.
import ts from 'typescript-5'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { GENERATED, lineOf, readSourceTree, report } from './source-tree.mjs'

/** @typedef {import('./source-tree.mjs').SourceTree} SourceTree */
/** @typedef {import('./source-tree.mjs').SourceFile} SourceFile */
/** @typedef {import('./source-tree.mjs').Import} Import */
/** @typedef {import('./source-tree.mjs').Problem} Problem */

const ranks = [
  ['base'],
  ['vfs', 'exec', 'stats', 'cache', 'codec', 'iterator', 'dump', 'report'],
  ['slab', 'directory'],
  ['memtable', 'wal', 'manifest', 'sstable', 'vlog'],
  ['tables', 'pick'],
  ['versions', 'run'],
  ['commit', 'flush', 'compaction', 'read', 'txn'],
  ['engine'],
  ['open'],
  ['verify', 'ingest', 'leveldb'],
  ['checkpoint', 'transfer'],
  ['repair'],
  ['api'],
  ['level', 'blob-cache'],
  ['keyv', 'unstorage', 'undici', 'session', 'otel'],
  ['inspector'],
  ['cli'],
]
/** Inside a folder with rooms: a room imports those before it, and the files that stand in none. */
const rooms = /** @type {Record<string, string[]>} */ ({
  vfs: ['', 'node', 'fault', 'sim'],
  sstable: ['', 'block', 'lookup', 'read', 'write', 'dump'],
})
const rankOf = new Map(ranks.flatMap((folders, rank) => folders.map((folder) => /** @type {const} */ ([folder, rank]))))

/** Files directly in src are the package's doors: they re-export folders up to this rank. */
const ENTRY_RANK = 15

/** The only places where the platform is named; everything else gets it as a parameter. */
const NODE_ALLOWED = [/^src\/vfs\/node\//, /^src\/exec\/worker-/, /^src\/undici\//, /^src\/inspector\//, /^src\/cli\//]
const BUFFER_ALLOWED = [/^src\/api\//, /^src\/level\//, /^src\/undici\//, /^src\/vfs\//, /^src\/inspector\//, /^src\/cli\//]

/** Packages that a part may import; the core has none. */
const PACKAGES_ALLOWED = [{ where: /^src\/(level\/|level\.ts$)/, name: 'abstract-level' }]

/**
 * @param {SourceTree} tree
 * @returns {Problem[]}
 */
export function checkLayers(tree) {
  /** @type {Problem[]} */
  const problems = []
  for (const source of tree.values()) {
    for (const item of source.imports) {
      const text = judge(source, item, tree)
      if (text !== undefined) problems.push({ file: source.file, line: item.line, rule: 'import', text })
    }
    if (isChecked(source)) problems.push(...bufferUses(source))
  }
  return [...problems, ...circles(tree)]
}

/** @param {SourceFile} source */
function isChecked(source) {
  return source.file.startsWith('src/') && !source.isTest
}

/**
 * @param {SourceFile} source
 * @param {Import} item
 * @param {SourceTree} tree
 * @returns {string | undefined} what is wrong
 */
function judge(source, item, tree) {
  const { file } = source
  const { specifier, target } = item
  if (target === undefined) return isChecked(source) ? judgePackage(file, specifier) : undefined
  if (!specifier.endsWith('.js')) return /\.(mjs|json)$/.test(specifier) ? undefined : `'${specifier}' must end with .js`
  if (!tree.has(target) && !GENERATED.includes(target)) return `'${specifier}' does not exist`
  if (!isChecked(source)) return undefined
  if (!target.startsWith('src/') || tree.get(target)?.isTest) return `'${specifier}' is not part of the package`

  const [from, to] = [folderOf(file), folderOf(target)]
  if (from === to && from !== '') {
    if (target === `src/${to}/index.ts`) return 'a file does not import the door of its own folder'
    return judgeRooms(file, target)
  }
  const [fromRank, toRank] = [rankOf.get(from) ?? ENTRY_RANK + 0.5, rankOf.get(to) ?? ENTRY_RANK]
  if (from !== '' && !rankOf.has(from)) return `folder '${from}' has no rank: add it to scripts/layers.mjs`
  if (to !== '' && !rankOf.has(to)) return `folder '${to}' has no rank: add it to scripts/layers.mjs`
  if (toRank >= fromRank) return `'${from || 'entry'}' may not import '${to || 'entry'}': only lower ranks`
  // Code that only tests load has a door of its own: src/testing.ts alone opens it.
  if (file === 'src/testing.ts' && target === `src/${to}/testing.ts`) return undefined
  if (to !== '' && target !== `src/${to}/index.ts`) return `'${specifier}' passes by the door: import '${to}/index.js'`
  return undefined
}

/**
 * @param {string} file
 * @param {string} specifier
 */
function judgePackage(file, specifier) {
  if (specifier.startsWith('node:')) {
    return NODE_ALLOWED.some((place) => place.test(file)) ? undefined : `'${specifier}' is not allowed here`
  }
  const allowed = PACKAGES_ALLOWED.some(({ where, name }) => where.test(file) && name === specifier)
  return allowed ? undefined : `package '${specifier}' is not allowed here`
}

/** @param {string} file @param {string} target @returns {string | undefined} */
function judgeRooms(file, target) {
  const order = rooms[folderOf(file)]
  const [from, to] = [roomOf(file), roomOf(target)]
  if (order === undefined || from === to || /\/(index|testing)\.ts$/.test(file)) return undefined
  const [fromRank, toRank] = [order.indexOf(from), order.indexOf(to)]
  if (fromRank < 0 || toRank < 0) return `room '${fromRank < 0 ? from : to}' has no rank: add it to scripts/layers.mjs`
  return toRank > fromRank ? `room '${from || folderOf(file)}' may not import room '${to}': only those before it` : undefined
}

/** @param {string} file @returns {string} the folder inside a folder of src, or nothing */
function roomOf(file) {
  return file.split('/').slice(2, -1).join('/')
}

/** @param {string} file */
function folderOf(file) {
  const parts = file.split('/')
  return parts.length > 2 ? parts[1] : ''
}

/**
 * @param {SourceFile} source
 * @returns {Problem[]}
 */
function bufferUses({ file, ast }) {
  if (BUFFER_ALLOWED.some((place) => place.test(file))) return []
  /** @type {Problem[]} */
  const problems = []
  /** @param {ts.Node} node */
  const visit = (node) => {
    if (ts.isIdentifier(node) && node.text === 'Buffer') {
      problems.push({ file, line: lineOf(ast, node), rule: 'buffer', text: 'the engine speaks Uint8Array' })
    }
    ts.forEachChild(node, visit)
  }
  visit(ast)
  return problems
}

/**
 * Finds circles among the files of one folder, each once.
 * @param {SourceTree} tree
 * @returns {Problem[]}
 */
function circles(tree) {
  /** @type {Problem[]} */
  const problems = []
  /** @type {Set<string>} */
  const done = new Set()
  /** @param {string} file @param {string[]} trail */
  const walk = (file, trail) => {
    const start = trail.indexOf(file)
    if (start >= 0) {
      const names = [...trail.slice(start), file].map((name) => path.posix.basename(name, '.ts'))
      problems.push({ file, line: 1, rule: 'circle', text: names.join(' → ') })
      return
    }
    if (done.has(file)) return
    const source = tree.get(file)
    if (source === undefined || !isChecked(source)) return
    for (const { target } of source.imports) {
      if (target !== undefined && folderOf(target) === folderOf(file)) walk(target, [...trail, file])
    }
    done.add(file)
  }
  for (const file of tree.keys()) walk(file, [])
  return problems
}

if (process.argv[1] === fileURLToPath(import.meta.url)) report('layers', checkLayers(readSourceTree()))
