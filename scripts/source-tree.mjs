// @ts-check
// The TypeScript sources as parsed files, for layers.mjs and tidy.mjs. Parsed with the TypeScript 5
// package, whose parser is a stable library; version 7, the compiler, has no such library yet.
import ts from 'typescript-5'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))

/** Tests of other projects, which stand unchanged. */
const FOREIGN = 'test/suites/'
/** Files that scripts/build.mjs writes, so they may be missing and are not held to the style. */
export const GENERATED = ['src/exec/worker-source.ts', 'src/inspector/page-files.ts']

/**
 * @typedef {{ imported: string, local: string }} ImportedName  `*` stands for the whole module
 * @typedef {object} Import
 * @property {string} specifier  as written
 * @property {string | undefined} target  path of the file meant, when it is one of ours
 * @property {number} line
 * @property {'import' | 'export'} form
 * @property {ImportedName[]} names
 * @typedef {object} SourceFile
 * @property {string} file  path from the root, with forward slashes
 * @property {string} text
 * @property {string[]} lines
 * @property {ts.SourceFile} ast
 * @property {Import[]} imports
 * @property {boolean} isTest  a test or a long suite, or anything under test/
 * @typedef {Map<string, SourceFile>} SourceTree  by path
 * @typedef {{ file: string, line: number, rule: string, text: string, count?: number }} Problem
 */

/** @param {string} file */
export function isTestFile(file) {
  return file.startsWith('test/') || /\.(test|long)\.ts$/.test(file)
}

/**
 * @param {string} dir
 * @param {(name: string) => boolean} wanted
 * @param {string} [base]
 * @returns {string[]} paths from `base`, sorted
 */
export function listFiles(dir, wanted, base = root) {
  const full = path.join(base, dir)
  if (!existsSync(full)) return []
  return readdirSync(full, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const file = `${dir}/${entry.name}`
      if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : listFiles(file, wanted, base)
      return wanted(entry.name) ? [file] : []
    })
}

/** @returns {SourceTree} */
export function readSourceTree() {
  /** @type {Record<string, string>} */
  const texts = {}
  for (const dir of ['src', 'test', 'bench']) {
    for (const file of listFiles(dir, (name) => name.endsWith('.ts') && !name.endsWith('.d.ts'))) {
      if (!GENERATED.includes(file) && !file.startsWith(FOREIGN)) texts[file] = readFileSync(path.join(root, file), 'utf8')
    }
  }
  return parseTree(texts)
}

/**
 * @param {Record<string, string>} texts  source text by path
 * @returns {SourceTree}
 */
export function parseTree(texts) {
  /** @type {SourceTree} */
  const tree = new Map()
  for (const [file, text] of Object.entries(texts)) {
    const ast = ts.createSourceFile(file, text, ts.ScriptTarget.ESNext, true)
    const source = { file, text, lines: text.split('\n'), ast, imports: findImports(file, ast), isTest: isTestFile(file) }
    tree.set(file, source)
  }
  return tree
}

/**
 * @param {string} file
 * @param {ts.SourceFile} ast
 */
function findImports(file, ast) {
  /** @type {Import[]} */
  const found = []
  /** @param {ts.Expression | ts.TypeNode | undefined} at @param {'import' | 'export'} form @param {ImportedName[]} names */
  const add = (at, form, names) => {
    if (at === undefined || !ts.isStringLiteralLike(at)) return
    const specifier = at.text
    const target = specifier.startsWith('.')
      ? path.posix.join(path.posix.dirname(file), specifier).replace(/\.js$/, '.ts')
      : undefined
    found.push({ specifier, target, line: lineOf(ast, at), form, names })
  }
  /** @param {ts.Node} node */
  const visit = (node) => {
    if (ts.isImportDeclaration(node)) {
      add(node.moduleSpecifier, 'import', importNames(node.importClause))
    } else if (ts.isExportDeclaration(node)) {
      add(node.moduleSpecifier, 'export', exportNames(node.exportClause))
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      add(/** @type {any} */ (node.argument.literal), 'import', [{ imported: '*', local: '' }])
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      add(node.arguments[0], 'import', [{ imported: '*', local: '' }])
    } else if (ts.isNewExpression(node) && node.expression.getText(ast) === 'URL') {
      // `new URL('./child.js', import.meta.url)` names a file for another process or thread.
      const at = node.arguments?.[0]
      if (at !== undefined && ts.isStringLiteralLike(at) && /^\..*\.js$/.test(at.text)) {
        add(at, 'import', [{ imported: '*', local: '' }])
      }
    }
    ts.forEachChild(node, visit)
  }
  visit(ast)
  return found
}

/**
 * @param {ts.ImportClause | undefined} clause
 * @returns {ImportedName[]}
 */
function importNames(clause) {
  if (clause === undefined) return []
  /** @type {ImportedName[]} */
  const names = []
  if (clause.name !== undefined) names.push({ imported: 'default', local: clause.name.text })
  const bindings = clause.namedBindings
  if (bindings === undefined) return names
  if (ts.isNamespaceImport(bindings)) return [...names, { imported: '*', local: bindings.name.text }]
  return [...names, ...bindings.elements.map((e) => ({ imported: (e.propertyName ?? e.name).text, local: e.name.text }))]
}

/**
 * @param {ts.NamedExportBindings | undefined} clause
 * @returns {ImportedName[]}
 */
function exportNames(clause) {
  if (clause === undefined) return [{ imported: '*', local: '*' }]
  if (ts.isNamespaceExport(clause)) return [{ imported: '*', local: clause.name.text }]
  return clause.elements.map((e) => ({ imported: (e.propertyName ?? e.name).text, local: e.name.text }))
}

/**
 * @param {ts.SourceFile} ast
 * @param {ts.Node} node
 */
export function lineOf(ast, node) {
  return ast.getLineAndCharacterOfPosition(node.getStart(ast)).line + 1
}

/**
 * Prints problems for a person, one a line.
 * @param {string} title
 * @param {Problem[]} problems
 */
export function report(title, problems) {
  for (const p of problems) console.error(`${p.file}:${p.line} ${p.rule}: ${p.text}`)
  console.log(`${title}: ${problems.length === 0 ? 'ok' : `${problems.length} problems`}`)
  process.exitCode = problems.length === 0 ? 0 : 1
}
