// @ts-check
// The public names of the package with the comments that an editor shows, from the declarations that are published.
import ts from 'typescript-5'
import path from 'node:path'
import { lib } from './bundle.mjs'
import './declarations.mjs'

/** The entry points that programs import, and the files that declare them. @type {Record<string, string>} */
const FILES = {
  varve: 'index', 'varve/level': 'level', 'varve/blob-cache': 'blob-cache', 'varve/keyv': 'keyv',
  'varve/unstorage': 'unstorage', 'varve/undici': 'undici', 'varve/session': 'session', 'varve/otel': 'otel',
  'varve/inspector': 'inspector', 'varve/testing': 'testing',
}
export const ENTRIES = Object.keys(FILES)

/**
 * @typedef {object} PublicName
 * @property {string} name  with the names around it: `Varve.put`
 * @property {string} comment  '' when it has none
 * @property {boolean} isMember
 */

/** @param {string} entry */
const fileOf = (entry) => path.join(lib, `${FILES[entry]}.d.ts`)

// The library's types are left out: names and comments do not depend on them.
const program = ts.createProgram(ENTRIES.map(fileOf), {
  noLib: true, types: [], target: ts.ScriptTarget.ESNext, module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
})
const checker = program.getTypeChecker()

/** Gives every declaration that users of an entry point can reach, and every member that is not private. @param {string} entry */
export function publicNames(entry) {
  const source = program.getSourceFile(fileOf(entry))
  if (source === undefined) throw new Error(`${fileOf(entry)} is missing`)
  /** @type {PublicName[]} */
  const names = []
  for (const statement of source.statements) {
    for (const node of ts.isVariableStatement(statement) ? statement.declarationList.declarations : [statement]) {
      const { name } = /** @type {ts.Declaration & { name?: ts.Node }} */ (/** @type {unknown} */ (node))
      if (name === undefined || ts.isImportDeclaration(node) || isBase(node)) continue
      names.push({ name: name.getText(), comment: commentOf(node), isMember: false }, ...membersOf(node, name.getText()))
    }
  }
  return names
}

/** True for a class that users know by those that extend it alone: it is not exported. @param {ts.Node} node */
function isBase(node) {
  if (!ts.isClassDeclaration(node)) return false
  return !(node.modifiers ?? []).some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)
}

/** Gives the members that a class has of classes that are not exported. @param {ts.ClassDeclaration} node @returns {ts.ClassElement[]} */
function inherited(node) {
  const [base] = (node.heritageClauses ?? []).filter(({ token }) => token === ts.SyntaxKind.ExtendsKeyword)
  const declared = base?.types[0] && checker.getSymbolAtLocation(base.types[0].expression)?.valueDeclaration
  if (declared === undefined || !ts.isClassDeclaration(declared) || !isBase(declared)) return []
  return [...declared.members.filter((member) => !ts.isConstructorDeclaration(member)), ...inherited(declared)]
}

/** @param {ts.Node} node @param {string} around @returns {PublicName[]} */
function membersOf(node, around) {
  const inner = ts.isPropertySignature(node) || ts.isPropertyDeclaration(node) ? node.type : node
  if (inner === undefined) return []
  const literal = ts.isTypeAliasDeclaration(inner) ? inner.type : inner
  const members = literalOf(literal)
  return members.filter(isPublic).flatMap((member) => {
    const name = `${around}.${member.name?.getText() ?? 'constructor'}`
    return [{ name, comment: commentOf(member), isMember: true }, ...membersOf(member, name)]
  })
}

/** Gives the members of a type, also of a list of that type. @param {ts.Node} node @returns {readonly (ts.ClassElement | ts.TypeElement)[]} */
function literalOf(node) {
  if (ts.isClassDeclaration(node)) return [...node.members, ...inherited(node)]
  if (ts.isInterfaceDeclaration(node) || ts.isTypeLiteralNode(node)) return [...node.members]
  if (ts.isArrayTypeNode(node)) return literalOf(node.elementType)
  return ts.isUnionTypeNode(node) && node.types.filter(ts.isTypeLiteralNode).length === 1 ? node.types.flatMap(literalOf) : []
}

/** @param {ts.ClassElement | ts.TypeElement} member */
function isPublic(member) {
  if (ts.isIndexSignatureDeclaration(member) || member.name?.kind === ts.SyntaxKind.PrivateIdentifier) return false
  return (ts.getCombinedModifierFlags(member) & ts.ModifierFlags.Private) === 0
}

/** Gives its own comment, or that of the member it implements or overrides. @param {ts.Node} node */
function commentOf(node) {
  const declaration = /** @type {ts.NamedDeclaration} */ (node)
  const symbol = checker.getSymbolAtLocation(declaration.name ?? node) ?? /** @type {any} */ (node).symbol
  const parts = symbol?.getDocumentationComment(checker) ?? []
  return ts.displayPartsToString(parts).replace(/\s+/g, ' ').trim()
}
