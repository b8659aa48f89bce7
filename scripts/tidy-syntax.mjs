// @ts-check
// Rules that need the syntax tree: functions, banned calls and types, names, punctuation.
import ts from 'typescript-5'
import { lineOf } from './source-tree.mjs'

/** @typedef {import('./source-tree.mjs').SourceFile} SourceFile */
/** @typedef {import('./source-tree.mjs').Problem} Problem */

const FUNCTION_LINES_MAX = 70
const PARAMETERS_MAX = 4
/** Loops over bytes or ranges take (bytes, start, end) apart: an object a call would cost more than the loop. */
const HOT_PARAMETERS_MAX = 8

const timeOwner = /^src\/base\/clock\.ts$/
const randomOwner = /^src\/base\/random\.ts$/
const bannedNames = new Set(['setTimeout', 'setInterval', 'setImmediate'])
const bannedMembers = new Set(['Date.now', 'performance.now', 'process.hrtime', 'Math.random'])
const emptyNames = /(Manager|Helper|Utils?|Impl)$/

/** @param {SourceFile} source @returns {Problem[]} */
export function checkSyntax(source) {
  const { ast, file, isTest } = source
  const inSources = file.startsWith('src/') && !isTest
  /** @type {Problem[]} */
  const problems = []
  /** @param {ts.Node} node @param {string} rule @param {string} text @param {number} [count] */
  const add = (node, rule, text, count) => {
    problems.push({ file, line: lineOf(ast, node), rule, text, ...(count === undefined ? {} : { count }) })
  }
  /** @param {ts.Node} node */
  const visit = (node) => {
    if (ts.isFunctionLike(node)) checkFunction(node, source, add)
    checkDeclaration(node, add)
    checkPunctuation(node, ast, add)
    if (inSources || isTest) checkBanned(node, file, inSources, add)
    if (isTest) checkTestCall(node, add)
    ts.forEachChild(node, visit)
  }
  visit(ast)
  return problems
}

/** @typedef {(node: ts.Node, rule: string, text: string, count?: number) => void} Add */

/** @param {ts.SignatureDeclaration} node @param {SourceFile} source @param {Add} add */
function checkFunction(node, { ast, isTest, file }, add) {
  const name = functionName(node)
  const body = 'body' in node ? node.body : undefined
  if (body !== undefined && !(isTest && registersTests(body))) {
    const lines = ast.getLineAndCharacterOfPosition(body.getEnd()).line + 2 - lineOf(ast, node)
    if (lines > FUNCTION_LINES_MAX) add(node, 'function-length', `${name} has ${lines} lines`, lines)
  }
  const parameters = node.parameters.filter((p) => p.name.getText(ast) !== 'this')
  const types = parameters.map((p) => p.type?.getText(ast) ?? '')
  const isLoop = types.some((type) => /(Array|ArrayBuffer|DataView)\b/.test(type)) ||
    types.filter((type) => type === 'number').length >= 3
  const isHot = isTest || file.startsWith('bench/') || (isLoop && !ts.isConstructorDeclaration(node))
  const max = isHot ? HOT_PARAMETERS_MAX : PARAMETERS_MAX
  if (parameters.length > max) {
    add(node, 'parameters', `${name} takes ${parameters.length} parameters`, parameters.length)
  }
}

/** @param {ts.SignatureDeclaration} node */
function functionName(node) {
  if (ts.isConstructorDeclaration(node)) return 'constructor'
  if (node.name !== undefined) return node.name.getText()
  const parent = node.parent
  return parent !== undefined && ts.isVariableDeclaration(parent) ? parent.name.getText() : 'a function'
}

/** True for a function that lists tests: it is a table of contents, not a function to hold in the head at once. */
/** @param {ts.Node} body */
function registersTests(body) {
  return ts.forEachChild(body, /** @returns {boolean | undefined} */ function visit(node) {
    const called = ts.isCallExpression(node) ? node.expression.getText() : ''
    return /^(test|it|describe|suite)$/.test(called) || ts.forEachChild(node, visit)
  }) === true
}

/** @param {ts.Node} node @param {Add} add */
function checkDeclaration(node, add) {
  if (node.kind === ts.SyntaxKind.AnyKeyword) add(node, 'any', 'say what it is, or unknown')
  if (ts.isEnumDeclaration(node)) add(node, 'enum', 'use an `as const` object or a union')
  if (ts.isModuleDeclaration(node) && !ts.isStringLiteral(node.name)) add(node, 'namespace', 'use a file')
  if (ts.isExportAssignment(node)) add(node, 'default-export', 'export a name')
  if (ts.canHaveModifiers(node) && ts.getModifiers(node)?.some((m) => m.kind === ts.SyntaxKind.DefaultKeyword)) {
    add(node, 'default-export', 'export a name')
  }
  const isNamed = ts.isClassDeclaration(node) || ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node)
  if (isNamed && node.name !== undefined) {
    const name = node.name.text
    if (emptyNames.test(name)) add(node, 'name', `'${name}' says nothing`)
    if (/^I[A-Z][a-z]/.test(name) && ts.isInterfaceDeclaration(node)) add(node, 'name', `'${name}': no I…`)
  }
}

/** @param {ts.Node} node @param {ts.SourceFile} ast @param {Add} add */
function checkPunctuation(node, ast, add) {
  if (ts.isStringLiteral(node)) {
    const raw = node.getText(ast)
    if (raw.startsWith('"') && !raw.includes("'")) add(node, 'layout', `${raw}: use single quotes`)
  }
  // A loop or an if ends with another statement, which is looked at itself.
  const isOuter = ts.isIterationStatement(node, false) || ts.isIfStatement(node) || ts.isEmptyStatement(node)
  const ends = !isOuter && (ts.isStatement(node) || ts.isClassElement(node) || ts.isTypeElement(node))
  if (ends && ast.text[node.end - 1] === ';' && /^ *(\/\/.*)?(\n|$)/.test(ast.text.slice(node.end, node.end + 200))) {
    add(node, 'layout', 'semicolon at the end of the line')
  }
}

/** @param {ts.Node} node @param {string} file @param {boolean} inSources @param {Add} add */
function checkBanned(node, file, inSources, add) {
  if (ts.isPropertyAccessExpression(node)) {
    const name = `${node.expression.getText()}.${node.name.text}`
    if (!bannedMembers.has(name)) return
    if (name === 'Math.random' ? randomOwner.test(file) : timeOwner.test(file) || !inSources) return
    add(node, 'platform', `${name}: take a Clock or a Random`)
  } else if (inSources && !timeOwner.test(file)) {
    if (ts.isIdentifier(node) && bannedNames.has(node.text)) add(node, 'platform', `${node.text}: take a Clock`)
    if (ts.isNewExpression(node) && node.expression.getText() === 'Date' && !node.arguments?.length) {
      add(node, 'platform', 'new Date(): take a Clock')
    }
  }
}

/** @param {ts.Node} node @param {Add} add */
function checkTestCall(node, add) {
  if (ts.isCallExpression(node) && ts.isPropertyAccessExpression(node.expression)) {
    const name = node.expression.name.text
    if (name === 'only' || name === 'skip') add(node, 'test', `.${name}( left in`)
  }
  if (ts.isPropertyAssignment(node) && node.name.getText() === 'only') add(node, 'test', 'only: left in')
}
