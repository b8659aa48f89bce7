// @ts-check
// Makes docs/stats.md from the comments in src/stats and src/blob-cache; `npm run docs` writes it.
import ts from 'typescript-5'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { root } from './source-tree.mjs'

export const STATS_PAGE = 'docs/stats.md'

const INTRODUCTION = `# Statistics and events

\`npm run docs\` makes this page from the comments in \`src/stats/\` and \`src/blob-cache/\`; \`npm test\` checks that it did.

\`db.stats()\` gives one plain object, quickly, in every state, also after \`close\`: it can be logged, sent, and compared with
an earlier one. \`varve stats DIR\` prints it, with \`--json\` as it is. Names end in their unit: \`…Count\`, \`…Bytes\`, \`…Ms\`
(milliseconds with a fraction). Counts begin at zero with each open. Numbers of entries (\`…Seq\`, \`…SeqNum\`) are places in
the history of the database, numbers of files (\`…Num\`) are in their names.`

const CACHE_INTRODUCTION = `\`cache.stats()\` of a \`BlobCache\` gives one plain object of its own, in every state. Counts begin at zero with each open.`

const EVENTS_INTRODUCTION = `The component \`onEvent\` hears what happens, as it happens:

\`\`\`js
const db = await Varve.open('./my-db', { components: { onEvent: (event) => log(event) } })
\`\`\`

It is called from a microtask, never inside a call of yours. What it throws harms nothing. An event is a plain object whose
\`type\` says what happened; an \`error\` in it is what failed, as it was thrown, and \`place\` says at which step.`

/** Interfaces with a section of their own, since what they say looks alike everywhere. */
const SHARED = ['StageStats', 'LatencyStats']

/** One name of the statistics. @typedef {{ name: string, type: string, comment: string }} Row */

/** @returns {string} */
export function statsPage() {
  const names = ['stats/stats', 'stats/storage-stats', 'stats/stage-times', 'stats/latency-histogram', 'stats/events']
  const files = [...names, 'blob-cache/cache-stats'].map((name) => {
    const file = path.join(root, 'src', `${name}.ts`)
    return ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.ESNext, true)
  })
  const statements = files.flatMap((file) => [...file.statements])
  const interfaces = new Map(statements.filter(ts.isInterfaceDeclaration).map((each) => [each.name.text, each]))
  const aliases = statements.filter(ts.isTypeAliasDeclaration)
  return [
    INTRODUCTION, ...statsSections(interfaces), cacheSection(interfaces), ...sharedSections(interfaces),
    eventsSection(aliases), '',
  ].join('\n\n').replace(/\n+$/, '\n')
}

/** @param {Map<string, ts.InterfaceDeclaration>} interfaces @returns {string[]} */
function statsSections(interfaces) {
  return membersOf(interfaces.get('Stats')).map((member) => {
    const { name, comment } = rowOf(member)
    const rows = rowsBelow(member, interfaces)
    return `## ${name}\n\n${comment}${rows.length === 0 ? '' : `\n\n${table(rows)}`}`
  })
}

/** @param {Map<string, ts.InterfaceDeclaration>} interfaces @returns {string[]} */
function sharedSections(interfaces) {
  return SHARED.map((name) => {
    const declaration = interfaces.get(name)
    const rows = membersOf(declaration).map((member) => rowOf(member))
    return `## ${name}\n\n${commentOf(declaration)} Where the tables above say so:\n\n${table(rows)}`
  })
}

/** True for what has a section of its own, since it looks alike everywhere. @param {Row} row */
function isShared({ type }) {
  return SHARED.includes(type)
}

/** @param {Map<string, ts.InterfaceDeclaration>} interfaces */
function cacheSection(interfaces) {
  const rows = membersOf(interfaces.get('BlobCacheStats')).flatMap((member) => {
    const row = rowOf(member)
    return isShared(row) ? [row] : [row, ...rowsBelow(member, interfaces, `${row.name}.`)]
  })
  return `## Blob cache\n\n${CACHE_INTRODUCTION}\n\n${table(rows)}`
}

/**
 * Gives the fields below a member, as far as they are declared here.
 * @param {ts.PropertySignature} member @param {Map<string, ts.InterfaceDeclaration>} interfaces
 * @returns {Row[]}
 */
function rowsBelow(member, interfaces, prefix = '') {
  return fieldsOf(member, interfaces).flatMap((field) => {
    const row = rowOf(field)
    const named = { ...row, name: prefix + row.name }
    if (isShared(row)) return [named]
    const suffix = row.type.endsWith('[]') || /\}\[\]/.test(row.type) ? '[].' : '.'
    return [named, ...rowsBelow(field, interfaces, `${named.name}${suffix}`)]
  })
}

/** @param {ts.PropertySignature} member @param {Map<string, ts.InterfaceDeclaration>} interfaces */
function fieldsOf(member, interfaces) {
  let type = member.type
  if (type !== undefined && ts.isUnionTypeNode(type)) type = type.types[0]
  if (type !== undefined && ts.isArrayTypeNode(type)) type = type.elementType
  if (type !== undefined && ts.isTypeLiteralNode(type)) return membersOf(type)
  return type !== undefined && ts.isTypeReferenceNode(type) ? membersOf(interfaces.get(type.typeName.getText())) : []
}

/** @param {ts.InterfaceDeclaration | ts.TypeLiteralNode | undefined} node */
function membersOf(node) {
  return [...node?.members ?? []].filter(ts.isPropertySignature)
}

/** @param {ts.PropertySignature} member @returns {Row} */
function rowOf(member) {
  const type = (member.type?.getText() ?? '').replace(/\/\*\*[^]*?\*\//g, '').replace(/\s+/g, ' ')
  return { name: member.name.getText().replaceAll("'", ''), type, comment: commentOf(member) }
}

/** @param {ts.Node | undefined} node */
function commentOf(node) {
  const docs = node === undefined ? [] : ts.getJSDocCommentsAndTags(node).filter(ts.isJSDoc)
  return (ts.getTextOfJSDocComment(docs.at(-1)?.comment) ?? '').replace(/\s+/g, ' ').trim()
}

/** @param {Row[]} rows */
function table(rows) {
  const lines = rows.map(({ name, type, comment }) => {
    return `| \`${name}\` | ${shownType(type)} | ${comment.replaceAll('|', '\\|')} |`
  })
  return ['| | | |', '|---|---|---|', ...lines].join('\n')
}

/** Gives a type as users see it: numbers are numbers, whatever they count. @param {string} type */
function shownType(type) {
  const plain = type.replace(/\b(FileNum|SeqNum|LevelNum)\b/g, 'number')
  if (/^\{.*\}\[\]$/.test(plain) || /^[A-Z]\w+\[\]$/.test(plain)) return 'list'
  if (/^\{.*\} \| null$/.test(plain)) return 'object or null'
  if (/^\{|^Omit</.test(plain)) return 'object'
  if (plain === 'LatencyStats') return '[latency](#latencystats)'
  return plain === 'StageStats' ? '[stage](#stagestats)' : `\`${plain}\``.replaceAll(' | ', '`, `')
}

/** @param {ts.TypeAliasDeclaration[]} aliases */
function eventsSection(aliases) {
  const union = aliases.find(({ name }) => name.text === 'EngineEvent')?.type
  if (union === undefined || !ts.isUnionTypeNode(union)) throw new Error('EngineEvent is a union of events')
  const rows = union.types.map((type) => {
    const [kind, ...fields] = membersOf(/** @type {ts.TypeLiteralNode} */ (type))
    const name = kind?.type?.getText().replaceAll("'", '`')
    const shown = fields.map((field) => `\`${field.name.getText()}\``).join(', ')
    return `| ${name} | ${shown} | ${leadingComment(type)} |`
  })
  const names = aliases.filter(({ name }) => ['DatabaseState', 'FlushStageName', 'FileRemovalReason', 'KeptFileReason'].includes(name.text))
  const notes = names.map((alias) => {
    const values = alias.type.getText().replaceAll("'", '`').replaceAll(' | ', ', ')
    return `- ${alias.name.text}: ${values}. ${commentOf(alias)}`
  })
  const head = '| type | fields | |\n|---|---|---|'
  return `## What onEvent hears\n\n${EVENTS_INTRODUCTION}\n\n${head}\n${rows.join('\n')}\n\n${notes.join('\n')}`
}

/** Gives the comment before a member of a union. @param {ts.Node} node */
function leadingComment(node) {
  const text = node.getSourceFile().text
  // The bar stands between the comment and the member.
  const before = text.slice(0, node.getStart()).replace(/\|\s*$/, '')
  const comment = /\/\*\*((?:(?!\*\/)[^])*)\*\/\s*$/.exec(before)?.[1]
  if (comment === undefined) throw new Error(`no comment before ${node.getText()}`)
  return comment.replace(/\s*\n\s*\*\s*/g, ' ').trim()
}
