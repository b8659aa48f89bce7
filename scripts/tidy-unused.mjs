// @ts-check
// Finds files that nothing reaches and exports that nothing uses. A test is no user of what stands in src: code that
// only its own test calls is dead. A door is no user either: `export * from './x.js'` in an index.ts passes a name on.
import ts from 'typescript-5'
import { lineOf } from './source-tree.mjs'

/** @typedef {import('./source-tree.mjs').SourceTree} SourceTree */
/** @typedef {import('./source-tree.mjs').SourceFile} SourceFile */
/** @typedef {import('./source-tree.mjs').Problem} Problem */

/** The package's doors: what they pass on is for users. Before there is one, nothing can be judged. */
const DOOR = 'src/index.ts'

/**
 * @param {SourceTree} tree
 * @param {Set<string>} entries  files started or imported from outside the tree
 * @returns {Problem[]}
 */
export function checkUnused(tree, entries) {
  if (!tree.has(DOOR)) return []
  const unused = unusedExports(tree, entries, () => true, 'is not used elsewhere')
  const forTests = unusedExports(tree, entries, isUser, 'is used by tests only', true).filter(({ file, line }) =>
    isProduct(file) && !unused.some((other) => other.file === file && other.line === line))
  return [...unreachable(tree, entries), ...unused, ...forTests]
}

/** True for code that is shipped; the simulated disk and the other doors for tests are made for tests. @param {string} file */
function isProduct(file) {
  return file.startsWith('src/') && !file.endsWith('.test.ts') && !file.endsWith('.long.ts')
}

/** @param {SourceFile} source */
function isUser(source) {
  return !source.isTest
}

/** @param {SourceFile} source @param {Set<string>} entries */
function isEntry(source, entries) {
  return entries.has(source.file) || /\.(test|long|package)\.ts$/.test(source.file) || source.file.startsWith('bench/micro/')
}

/** @param {SourceTree} tree @param {Set<string>} entries @returns {Problem[]} */
function unreachable(tree, entries) {
  /** @type {Set<string>} */
  const reached = new Set()
  /** @param {string} file */
  const walk = (file) => {
    const source = tree.get(file)
    if (source === undefined || reached.has(file)) return
    reached.add(file)
    for (const { target } of source.imports) if (target !== undefined) walk(target)
  }
  for (const source of tree.values()) if (isEntry(source, entries)) walk(source.file)
  return [...tree.keys()]
    .filter((file) => !reached.has(file))
    .map((file) => ({ file, line: 1, rule: 'unused-file', text: 'nothing imports it' }))
}

/**
 * @param {SourceTree} tree
 * @param {Set<string>} entries
 * @param {(source: SourceFile) => boolean} isUser  whose imports count
 * @param {string} what  ends the sentence of a problem
 * @param {boolean} [ownUse]  true when the file that declares a name counts as its user
 * @returns {Problem[]}
 */
function unusedExports(tree, entries, isUser, what, ownUse = false) {
  /** @type {Set<string>} `file#name`; `file#*` is the whole file */
  const used = new Set()
  /** Marks a name where it is declared, through the doors that pass it on. */
  /** @param {string | undefined} file @param {string} name */
  const mark = (file, name) => {
    const key = `${file}#${name}`
    const source = file === undefined ? undefined : tree.get(file)
    if (source === undefined || used.has(key)) return
    used.add(key)
    for (const { form, target, names } of source.imports) {
      if (form !== 'export') continue
      for (const { imported, local } of names) {
        if (local === '*') mark(target, name)
        else if (name === '*' || local === name) mark(target, imported)
      }
    }
  }
  for (const source of tree.values()) {
    if (!isUser(source)) continue
    if (isEntry(source, entries)) mark(source.file, '*')
    for (const { form, target, names } of source.imports) {
      if (form === 'import') for (const { imported } of names) mark(target, imported)
    }
  }
  return [...tree.values()].flatMap((source) => {
    if (used.has(`${source.file}#*`)) return []
    return declaredExports(source, ownUse)
      .filter(({ name, inner }) => !inner && !used.has(`${source.file}#${name}`))
      .map(({ name, node }) => ({
        file: source.file, line: lineOf(source.ast, node), rule: 'unused-export', text: `${name} ${what}`,
      }))
  })
}

/**
 * Gives the names that a file declares and exports. `inner` ones are types that the file itself uses: they may be
 * needed to spell a signature, and cost nothing.
 * @param {SourceFile} source
 * @param {boolean} ownUse  true when other names that the file itself uses count as `inner` too
 */
function declaredExports({ ast, text }, ownUse) {
  /** @type {{ name: string, node: ts.Node, inner: boolean }[]} */
  const found = []
  /** @param {string} name */
  const standsAgain = (name) => [...text.matchAll(new RegExp(`\\b${name}\\b`, 'g'))].length > 1
  for (const node of ast.statements) {
    if (!ts.canHaveModifiers(node) || !ts.getModifiers(node)?.some((m) => m.kind === ts.SyntaxKind.ExportKeyword)) continue
    if (ts.isVariableStatement(node)) {
      for (const { name } of node.declarationList.declarations) {
        if (ts.isIdentifier(name)) {
          found.push({ name: name.text, node, inner: ownUse && standsAgain(name.text) })
        }
      }
    } else if ('name' in node && node.name !== undefined) {
      const name = /** @type {ts.Identifier} */ (node.name).text
      const isType = ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node)
      found.push({ name, node, inner: (isType || ownUse) && standsAgain(name) })
    }
  }
  return found
}
